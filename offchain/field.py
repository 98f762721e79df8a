"""The scalar field of BN254, in which every word of the protocol lives.

Field elements are plain ``int`` in [0, R). Nothing here reduces silently: a number that
enters is either checked (`check`) or reduced on purpose (`to_field`).
"""

import re
from functools import cache

from Crypto.Hash import keccak

R = 21888242871839275222246405745257275088548364400416034343698204186575808495617
"""Order of BN254's scalar field (EIP-196)."""


class RangeError(ValueError):
    """A number is not an integer of the range that its use demands."""


def check(word: int, what: str = "word") -> int:
    """Return `word` if it is an ``int`` in [0, R), else raise RangeError naming `what`.

    The value stays out of the message, since it may be a secret.
    """
    return check_range(word, 0, R, what)


def check_range(value: int, low: int, high: int, what: str) -> int:
    """Return `value` if it is an ``int`` in [low, high), else raise RangeError."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise RangeError(f"{what} must be an int, not {type(value).__name__}")
    if not low <= value < high:
        raise RangeError(f"{what} is outside its range: it must be at least {low} and below {high}")
    return value


def decimal(text: str, below: int, what: str = "number") -> int:
    """The number in [0, `below`) that a string spells in decimal, in its one spelling; else RangeError."""
    if not isinstance(text, str) or not re.fullmatch("0|[1-9][0-9]{0,77}", text) or int(text) >= below:
        raise RangeError(f"{what} must be a decimal string of its range, without sign or leading zero")
    return int(text)


def keccak256(data: bytes) -> bytes:
    """Ethereum's Keccak-256 of `data`, 32 bytes."""
    return keccak.new(digest_bits=256, data=data).digest()


def to_field(value: bytes | int) -> int:
    """Reduce a hash (32 bytes, big-endian) or a non-negative ``int`` modulo R."""
    if isinstance(value, bytes):
        if len(value) != 32:
            raise RangeError(f"a hash has 32 bytes, not {len(value)}")
        return int.from_bytes(value, "big") % R
    return check_range(value, 0, 1 << 256, "value") % R


@cache
def tag(use: str) -> int:
    """Domain tag of a Poseidon use (protocol §3)."""
    return to_field(keccak256(f"shadowpool.v1.{use}".encode()))


def inverse(word: int) -> int:
    """Multiplicative inverse; ZeroDivisionError for 0."""
    if check(word) == 0:
        raise ZeroDivisionError("0 has no inverse")
    return pow(word, -1, R)


def bits(word: int, count: int) -> list[int]:
    """The `count` low bits of `word`, least first; RangeError if it has more."""
    check_range(word, 0, 1 << count, "word")
    return [word >> i & 1 for i in range(count)]
