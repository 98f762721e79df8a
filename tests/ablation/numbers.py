"""circuits/lib/poseidon.circom, range.circom, merkle.circom and statement.circom."""

from offchain.field import R, tag
from offchain.merkle import fold
from offchain.notes import fee
from offchain.poseidon import node, permute, sponge
from offchain.statement import evaluate
from tests.ablation.harness import Subject, cut, stated

_NUMBER = 7     # a tag that no use has
_WORDS = [5, 6, R - 1, 0]
_PATH = {"leaf": 9, "path": [0, 1, 1], "siblings": [4, 5, 6]}


def _squeezed(s) -> list[int]:
    """Elements 0 to 3: the capacity, then what Squeeze(7, 2, 3, 3) gives."""
    return permute([_NUMBER, *s["in"], 0])


def _index(bits: list[int]) -> int:
    return sum(bit << i for i, bit in enumerate(bits))


SUBJECTS = (
    Subject(
        "PoseidonPermute", "(3, 3)", lambda: {"in": [1, 2, 3]},
        {"E1": lambda s: s.out == permute(s["in"])},
        (
            cut("E1", "a square is another number", ("x2[box] <== s[i] * s[i];", "x2[box] <-- s[i] * s[i] + 1;")),
            cut("E1", "a fourth power is", ("x4[box] <== x2[box] * x2[box];", "x4[box] <-- x2[box] * x2[box] + 1;")),
            cut("E1", "a fifth power is", ("x5[box] <== x4[box] * s[i];", "x5[box] <-- x4[box] * s[i] + 1;")),
            cut("E1", "the state given out is another", ("out[i] <== s[i];", "out[i] <-- 5;")),
        ),
    ),
    Subject(
        "Hash", f"({_NUMBER}, 2)", lambda: {"in": [1, 2]},
        {"E1": lambda s: s.out == permute([_NUMBER, *s["in"]])[0]},
        (
            cut("E1", "any word is the hash", ("out <== permute.out[0];", "out <-- 5;")),
            cut("E1", "the hash of one use is that of another", ("permute.in[0] <== tag;", "permute.in[0] <-- tag + 1;")),
            cut("E1", "other words have this hash", ("permute.in[i + 1] <== in[i];", "permute.in[i + 1] <-- 9;")),
        ),
    ),
    Subject(
        "Squeeze", f"({_NUMBER}, 2, 3, 3)", lambda: {"in": [1, 2]},
        {
            "E1": lambda s: s.out == _squeezed(s)[1:],
            "E2": lambda s: _squeezed(s)[0] not in s.out,
        },
        (
            cut("E1", "the stream is zeros", ("out[i] <== permute.out[i + 1];", "out[i] <-- 0;")),
            cut("E1", "the padding is the prover's",
                ("<== i < arity ? in[i] : 0;", "<-- i < arity ? in[i] : 3;")),
            cut("E1", "the stream of another use", ("permute.in[0] <== tag;", "permute.in[0] <-- tag + 1;")),
            cut("E2", "the capacity is given out", ("out[i] <== permute.out[i + 1];", "out[i] <-- permute.out[i];")),
        ),
    ),
    Subject(
        "Node", "()", lambda: {"left": 3, "right": 4},
        {"E1": lambda s: s.out == node(s.left, s.right)},
        (
            cut("E1", "any word is the node", ("out <== hash.out;", "out <-- 5;")),
            cut("E1", "the left child is another", ("hash.in[0] <== left;", "hash.in[0] <-- 5;")),
            cut("E1", "the right child is another", ("hash.in[1] <== right;", "hash.in[1] <-- 5;")),
        ),
    ),
    Subject(
        "Sponge", "(18)", lambda: {"in": list(range(18))},
        {
            "E1": lambda s: s["permute[0].in"][0] == tag("statement") + 18,
            "E2": lambda s: s.out == sponge(s["in"]),
        },
        (
            cut("E1", "a longer list has this digest, as lengths do not count",
                ("permute[b].in[i] <== absorbed;",
                 "if (b + i == 0) permute[b].in[i] <-- TAG_STATEMENT(); else permute[b].in[i] <== absorbed;")),
            cut("E2", "any word is the digest", ("out <== permute[blocks - 1].out[0];", "out <-- 5;")),
            cut("E2", "the first block is not absorbed",
                ("permute[b].in[i] <== absorbed;",
                 "if (b == 0 && i > 0) permute[b].in[i] <-- 0; else permute[b].in[i] <== absorbed;")),
        ),
    ),
    Subject(
        "Range", "(8)", lambda: {"in": 255},
        {"E1": lambda s: s["in"] < 256},
        (
            cut("E1", "256 is below 256", ("_ <== Num2Bits(bits)(in);", ""), in_=256),
            cut("E1", "-1 is", ("_ <== Num2Bits(bits)(in);", ""), in_=R - 1),
        ),
    ),
    Subject(
        "NonZero", "()", lambda: {"in": 3},
        {"E1": lambda s: s["in"] != 0},
        (cut("E1", "0 is not 0", ("in * inverse === 1;", ""), in_=0),),
    ),
    Subject(
        "AtMost", "(8)", lambda: {"low": 4, "high": 5},
        {"E1": lambda s: s.low <= s.high},
        (cut("E1", "5 is at most 4", ("Range(bits)(high - low);", ""), low=5, high=4),),
    ),
    Subject(
        "FloorDiv", "(8, 8)", lambda: {"numerator": 100, "divisor": 7},
        {
            "E1": lambda s: s.quotient < 256,
            "E2": lambda s: s.quotient == s.numerator // s.divisor,
            "E3": lambda s: (s.numerator - s.quotient * s.divisor - s.remainder) % R == 0,
        },
        (
            cut("E1", "256 has eight bits", ("Range(quotientBits)(quotient);", ""), numerator=256 * 7),
            cut("E2", "100 / 7 is 15, as the remainder may be negative", ("Range(divisorBits)(remainder);", ""),
                lie=("quotient <-- numerator \\ divisor;", "quotient <-- numerator \\ divisor + 1;")),
            cut("E2", "100 / 7 is 13, as the remainder may be large", ("AtMost(divisorBits)(remainder, divisor - 1);", ""),
                lie=("quotient <-- numerator \\ divisor;", "quotient <-- numerator \\ divisor - 1;")),
            cut("E3", "nothing remains", ("remainder <== numerator - quotient * divisor;", "remainder <-- 0;")),
            cut("E3", "the quotient is 200, as nothing ties it",
                ("remainder <== numerator - quotient * divisor;", "remainder <-- 0;"),
                lie=("quotient <-- numerator \\ divisor;", "quotient <-- 200;")),
        ),
    ),
    Subject(
        "BasisPoints", "()", lambda: {"in": 123_440, "bps": 25},
        {"E1": lambda s: s.out == fee(s["in"], s.bps)},
        (
            cut("E1", "there is no fee", ("out <== quotient;", "out <-- 0;")),
            cut("E1", "the fee is a unit less", ("FloorDiv", "AtMost(divisorBits)(remainder, divisor - 1);", ""),
                lie=("FloorDiv", "quotient <-- numerator \\ divisor;", "quotient <-- numerator \\ divisor - 1;")),
        ),
    ),
    Subject(
        "MerkleRoot", "(3)", lambda: _PATH,
        {"E1": lambda s: s.root == fold(s.leaf, _index(s.path), s.siblings)},
        (
            cut("E1", "any root is the leaf's", ("root <== node[depth];", "root <-- 5;")),
            cut("E1", "another leaf is under the root", ("node[0] <== leaf;", "node[0] <-- 5;")),
            cut("E1", "a node is any word",
                ("node[i + 1] <== Node()(left[i], node[i] + siblings[i] - left[i]);", "node[i + 1] <-- 5;")),
            cut("E1", "a place is not that of the path",
                ("left[i] <== node[i] + path[i] * (siblings[i] - node[i]);", "left[i] <-- siblings[i];")),
        ),
    ),
    Subject(
        "SubtreeRoot", "(2)", lambda: {"leaves": [10, 11, 12, 13]},
        {"E1": lambda s: s.root == node(node(*s.leaves[:2]), node(*s.leaves[2:]))},
        (
            cut("E1", "any root is the leaves'", ("root <== node[1];", "root <-- 5;")),
            cut("E1", "other leaves are under the root",
                ("node[2 ** depth + i] <== leaves[i];", "node[2 ** depth + i] <-- i;")),
            cut("E1", "a node is any word", ("node[i] <== Node()(node[2 * i], node[2 * i + 1]);", "node[i] <-- i;")),
        ),
    ),
    Subject(
        "Statement", "(4)", lambda: {"d": _WORDS} | stated(_WORDS),
        {
            "E1": lambda s: s.digest == sponge(s["d"]),
            "E2": lambda s: s.evaluation == evaluate(s["d"], s.challenge),
        },
        (
            cut("E1", "any digest is the words'", ("digest === sponge;", ""), digest=5),
            cut("E1", "the words are chosen after the challenge", ("signal sponge <== Sponge(n)(d);", "signal sponge <-- 5;"),
                digest=5),
            cut("E2", "the contract has other words", ("evaluation === partial[n - 1];", ""), evaluation=5),
            cut("E2", "every word but the first is another",
                ("partial[i] <== partial[i - 1] * challenge + d[i];", "partial[i] <-- 5;"), evaluation=5),
        ),
    ),
)
