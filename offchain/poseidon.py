"""Poseidon over BN254 with circomlib's constants, one domain tag and one shape a use.

`hash`, `squeeze`, `node` and `sponge` compute what the templates of the same names in
circuits/lib/poseidon.circom do. All take and give ints in [0, R), and raise RangeError
for any other word, UseError for an unknown use or a wrong number of words.
"""

from operator import mul
from typing import NamedTuple

from gmpy2 import mpz
from light_poseidon_python import Hasher

from offchain.field import R, check, tag
from offchain.grain import parameters


class UseError(ValueError):
    """A use of Poseidon that the registry does not hold, or not with this shape."""


class Shape(NamedTuple):
    """`arity` words go in; the permutation has `width` elements besides the capacity."""

    arity: int
    width: int


USES = {
    "owner": Shape(1, 1),
    "note": Shape(4, 4),
    "nullifier": Shape(3, 3),
    "order": Shape(6, 6),
    "quota": Shape(4, 4),
    "credential": Shape(4, 4),
    "prf": Shape(5, 5),
    "view": Shape(1, 1),
    "seed": Shape(7, 7),
    "reveal": Shape(1, 4),
    "receipt": Shape(2, 2),
    "blind": Shape(2, 2),
    "context": Shape(9, 9),
    "leader": Shape(2, 4),
    "audit": Shape(4, 16),
    "print": Shape(3, 3),
    "treasury": Shape(4, 4),
    "memo": Shape(2, 6),
    "memo.mac": Shape(6, 6),
}
"""Every use but the statement's sponge and the trees' nodes, which take any number and two."""

STATEMENT = "statement"
RATE = 16

_NODE = Hasher(2)


def permute(state: list[int]) -> list[int]:
    """The permutation of 2 to 17 elements."""
    p = parameters(len(state))
    s = [mpz(check(word)) for word in state]
    for constants in p.first:
        s = _full(s, constants, p.mix)
    corner, zero, rest = p.mix[0][0], s[0], [sum(map(mul, row, s[1:])) % R for row in p.enter]
    for key, row, column in zip(p.keys, p.rows, p.columns):
        box = _fifth(zero + key)
        zero = (corner * box + sum(map(mul, row, rest))) % R
        rest = [(a + box * b) % R for a, b in zip(rest, column)]
    s = [zero, *rest]
    for constants in p.second:
        s = _full(s, constants, p.mix)
    return [int(word) for word in s]


def _fifth(x: mpz) -> mpz:
    square = x * x % R
    return square * square % R * x % R


def _full(s: list[mpz], constants: list[mpz], mix: list[list[mpz]]) -> list[mpz]:
    boxes = [_fifth(a + b) for a, b in zip(s, constants)]
    return [sum(map(mul, row, boxes)) % R for row in mix]


def hash(use: str, *words: int) -> int:
    """Element 0 of the permutation of (tag, words…)."""
    return _run(use, words)[0]


def squeeze(use: str, words: list[int], n_out: int) -> list[int]:
    """Elements 1 to `n_out`. The capacity, element 0, is never part of a stream."""
    shape = _shape(use)
    if not 1 <= n_out <= shape.width:
        raise UseError(f"{use!r} gives 1 to {shape.width} elements, not {n_out}")
    return _run(use, words)[1 : n_out + 1]


def node(left: int, right: int) -> int:
    """A Merkle node: plain Poseidon(2), tag 0."""
    children = [check(left).to_bytes(32, "big"), check(right).to_bytes(32, "big")]
    return int(_NODE.hash_bytes_be(children), 16)


def sponge(words: list[int]) -> int:
    """Digest of a statement: rate 16, the length in the capacity, zeros fill the last block."""
    if not words:
        raise UseError("a statement has at least one word")
    for word in words:
        check(word)
    state = [(tag(STATEMENT) + len(words)) % R] + [0] * RATE
    for at in range(0, len(words), RATE):
        for i, word in enumerate(words[at : at + RATE], start=1):
            state[i] = (state[i] + word) % R
        state = permute(state)
    return state[0]


def _shape(use: str) -> Shape:
    if use not in USES:
        raise UseError(f"unknown use of Poseidon {use!r}: add it to USES and to tags.circom")
    return USES[use]


def _run(use: str, words: list[int] | tuple[int, ...]) -> list[int]:
    shape = _shape(use)
    if len(words) != shape.arity:
        raise UseError(f"{use!r} takes {shape.arity} words, not {len(words)}")
    return permute([tag(use), *words] + [0] * (shape.width - shape.arity))
