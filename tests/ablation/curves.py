"""circuits/lib/curve.circom and settle_ladder.circom."""

from offchain.babyjubjub import B8, GENERATOR, IDENTITY, L, Point, add, mul, mul_base, torsion
from offchain.field import R, inverse
from tests.ablation.harness import Subject, cut
from tests.ablation.notes import hinted

_TWISTED = add(mul_base(9), torsion(8))


def bits_of(scalar: int, count: int) -> list[int]:
    return [scalar >> i & 1 for i in range(count)]


def number(bits: list[int]) -> int:
    return sum(bit << i for i, bit in enumerate(bits))


def signs_of(scalar: int) -> list[int]:
    """LadderSigns: the bits of an e in [0, 2^251) with 2^251 + 1 + 2 e = scalar mod l."""
    doubled = (scalar + wraps * L - 2**251 - 1 for wraps in (1, 2, 3))
    return bits_of(next(two_e // 2 for two_e in doubled if two_e % 2 == 0 and 0 <= two_e < 2**252), 251)


def scalar_of(signs: list[int]) -> int:
    return (2**251 + 1 + 2 * number(signs)) % L


def are_signs(signs: list[int], scalar: int) -> bool:
    return set(signs) <= {0, 1} and scalar_of(signs) == scalar % L


def shared(scalar: int, point: list[int]) -> Point:
    """scalar · (8 · point), and the identity for the absent point (0, 0)."""
    return IDENTITY if point == [0, 0] else mul(scalar, mul(8, Point(*point)))


def vanishes(point: list[int]) -> int:
    return int(point == [0, 0] or mul(8, Point(*point)) == IDENTITY)


def montgomery(point: Point) -> list[int]:
    """The point (u, v) of v² = u³ + 168698 u² + u."""
    u = (1 + point.y) * inverse((1 - point.y) % R) % R
    return [u, u * inverse(point.x) % R]


def _step(s) -> list[int]:
    """2 acc ± Q for acc = 5 · 9 B, Q = 9 B."""
    q = mul_base(9)
    return montgomery(add(mul_base(90), q if s.sign else Point(-q.x % R, q.y)))


def _alias(word: int) -> str:
    """A hint: the bits of word + r, another number of 254 bits that is `word` in the field."""
    return f"i == 0 ? {(word + R) & 1} : ({(word + R) >> 1} >> (i - 1)) & 1"


def aliased(signal: str, source: str, word: int) -> str:
    """Num2Bits(254), which is strict for no word below 2^254 - r."""
    return (
        f"{hinted(signal, 254, _alias(word))} var read = 0; for (var i = 0; i < 254; i++) "
        f"{{ {signal}[i] * (1 - {signal}[i]) === 0; read += {signal}[i] * 2 ** i; }} read === {source};"
    )


_MONTGOMERY_Q = montgomery(mul_base(9))
_SLOPE = "(3 * square + 2 * MONTGOMERY_A() * in[0] + 1) / (2 * in[1])"
_POINT = {"signs": signs_of(12345), "point": list(_TWISTED)}

SUBJECTS = (
    Subject(
        "ScalarBits", "()", lambda: {"in": L - 1},
        {"E1": lambda s: number(s.bits) == s["in"], "E2": lambda s: s["in"] < L},
        (
            cut("E1", "the bits are of another scalar",
                ("bits <== Num2Bits(251)(in);", "for (var i = 0; i < 251; i++) bits[i] <-- i % 2;")),
            cut("E2", "a key has a second scalar", ("AtMost(251)(in, SUBGROUP_ORDER() - 1);", ""), in_=L),
        ),
    ),
    Subject(
        "Low250", "()", lambda: {"in": 5},
        {"E1": lambda s: number(s.bits) == s["in"] & ((1 << 250) - 1)},
        (
            cut("E1", "5 is read as 5 + r", ("signal all[254] <== Num2Bits_strict()(in);", aliased("all", "in", 5))),
            cut("E1", "other bits are given out", ("bits[i] <== all[i];", "bits[i] <-- 1;")),
        ),
    ),
    Subject(
        "FixedMul", "(251)", lambda: {"bits": bits_of(12345, 251)},
        {"E1": lambda s: s.out == list(mul_base(number(s.bits)))},
        (cut("E1", "any point is the scalar's", ("out <== EscalarMulFix(n, B8)(bits);", "out <-- [0, 1];")),),
    ),
    Subject(
        "CofactorTriple", "()", lambda: {"point": list(_TWISTED)},
        {"E1": lambda s: s.out == list(mul(8, Point(*s.point)))},
        (
            cut("E1", "the point keeps its torsion", ("out <== [x8, y8];", "out <-- point;")),
            cut("E1", "the first doubling gives another point",
                ("signal (x2, y2) <== BabyDbl()(point[0], point[1]);", "signal x2 <-- 0; signal y2 <-- 1;")),
            cut("E1", "the second does",
                ("signal (x4, y4) <== BabyDbl()(x2, y2);", "signal x4 <-- 0; signal y4 <-- 1;")),
            cut("E1", "the third does",
                ("signal (x8, y8) <== BabyDbl()(x4, y4);", "signal x8 <-- 0; signal y8 <-- 1;")),
        ),
    ),
    Subject(
        "SharedPoint", "(251)", lambda: {"bits": bits_of(12345, 251), "point": list(_TWISTED)},
        {
            "E1": lambda s: s.out == list(shared(number(s.bits), s.point)),
            "E2": lambda s: s.vanishes == vanishes(s.point),
        },
        (
            cut("E1", "any point is shared", ("out <== EscalarMulAny(n)(bits, cleared);", "out <-- [0, 1];")),
            cut("E1", "the point keeps its torsion",
                ("signal cleared[2] <== CofactorTriple()(point);", "signal cleared[2] <-- point;")),
            cut("E2", "a point vanishes, so its owner's reveal is invalid",
                ("vanishes <== IsZero()(cleared[0]);", "vanishes <-- 1;")),
            cut("E2", "a point of small order does not", ("vanishes <== IsZero()(cleared[0]);", "vanishes <-- 0;"),
                point=list(torsion(4))),
        ),
    ),
    Subject(
        "LadderSigns", "()", lambda: {"scalar": 12345},
        {"E1": lambda s: are_signs(s.signs, s.scalar)},
        (
            cut("E1", "the signs are of the scalar 77", ("low * (wraps - 3) === 0;", ""),
                lie=("signal wraps <-- scalar & 1 ? 2 : (scalar + l > 2 ** 251 ? 1 : 3);",
                     f"signal wraps <-- (2 * {number(signs_of(77))} + 2 ** 251 + 1 - scalar) / l;")),
            cut("E1", "the first factor is not tied to it", ("signal low <== (wraps - 1) * (wraps - 2);", "signal low <-- 0;"),
                lie=("signal wraps <-- scalar & 1 ? 2 : (scalar + l > 2 ** 251 ? 1 : 3);",
                     f"signal wraps <-- (2 * {number(signs_of(77))} + 2 ** 251 + 1 - scalar) / l;")),
            cut("E1", "the signs are no bits of it",
                ("signs <== Num2Bits(251)((scalar + wraps * l - 2 ** 251 - 1) / 2);",
                 "for (var i = 0; i < 251; i++) signs[i] <-- 1;")),
        ),
    ),
    Subject(
        "MontgomeryTwice", "()", lambda: {"in": _MONTGOMERY_Q},
        {"E1": lambda s: s.out == montgomery(mul_base(18))},
        (
            cut("E1", "the tangent has another slope",
                ("slope * (2 * in[1]) === 3 * square + 2 * MONTGOMERY_A() * in[0] + 1;", ""),
                lie=(f"signal slope <-- {_SLOPE};", "signal slope <-- 5;")),
            cut("E1", "the square is another", ("signal square <== in[0] * in[0];", "signal square <-- 5;")),
            cut("E1", "any abscissa", ("out[0] <== slope * slope - MONTGOMERY_A() - 2 * in[0];", "out[0] <-- 5;")),
            cut("E1", "any ordinate", ("out[1] <== slope * (in[0] - out[0]) - in[1];", "out[1] <-- 5;")),
        ),
    ),
    Subject(
        "LadderStep", "()", lambda: {"sign": 1, "acc": montgomery(mul_base(45)), "q": _MONTGOMERY_Q},
        {"E1": lambda s: s.out == _step(s)},
        (
            cut("E1", "the other sign", ("signal v <== (2 * sign - 1) * q[1];", "signal v <-- (1 - 2 * sign) * q[1];")),
            cut("E1", "the first chord has another slope", ("first * (q[0] - acc[0]) === v - acc[1];", ""),
                lie=("signal first <-- (v - acc[1]) / (q[0] - acc[0]);", "signal first <-- 5;")),
            cut("E1", "the sum between is another point", ("signal u <== first * first - MONTGOMERY_A() - acc[0] - q[0];",
                "signal u <-- 5;")),
            cut("E1", "the second chord has another slope", ("(first + second) * (acc[0] - u) === 2 * acc[1];", ""),
                lie=("signal second <-- 2 * acc[1] / (acc[0] - u) - first;", "signal second <-- 5;")),
            cut("E1", "any abscissa", ("out[0] <== second * second - MONTGOMERY_A() - acc[0] - u;", "out[0] <-- 5;")),
            cut("E1", "any ordinate", ("out[1] <== second * (acc[0] - out[0]) - acc[1];", "out[1] <-- 5;")),
        ),
    ),
    Subject(
        "LadderPoint", "()", lambda: _POINT,
        {
            "E1": lambda s: s.out == list(shared(scalar_of(s.signs), s.point)),
            "E2": lambda s: s.vanishes == vanishes(s.point),
        },
        (
            cut("E1", "the point keeps its torsion",
                ("signal cleared[2] <== CofactorTriple()(point);", "signal cleared[2] <-- point;")),
            cut("E1", "the ladder climbs from another point's x",
                ("signal x <== cleared[0] + vanishes * (B8[0] - cleared[0]);", f"signal x <-- {GENERATOR.x};")),
            cut("E1", "another point's y",
                ("signal y <== cleared[1] + vanishes * (B8[1] - cleared[1]);", f"signal y <-- {B8.y};")),
            cut("E1", "another abscissa", ("q[0] * (1 - y) === 1 + y;", ""),
                lie=("q[0] <-- (1 + y) / (1 - y);", f"q[0] <-- {_MONTGOMERY_Q[0]};")),
            cut("E1", "the negated point", ("q[1] * x === q[0];", ""), lie=("q[1] <-- q[0] / x;", "q[1] <-- - q[0] / x;")),
            cut("E1", "the first step starts elsewhere", ("acc[0] <== MontgomeryTwice()(q);", "acc[0] <-- [3, 4];")),
            cut("E1", "a step ends elsewhere",
                ("acc[i + 1] <== LadderStep()(signs[250 - i], acc[i], q);", "acc[i + 1] <-- [3, 4];")),
            cut("E1", "any x", ("back[0] * acc[251][1] === acc[251][0];", ""),
                lie=("back[0] <-- acc[251][0] / acc[251][1];", "back[0] <-- 5;")),
            cut("E1", "any y", ("back[1] * (acc[251][0] + 1) === acc[251][0] - 1;", ""),
                lie=("back[1] <-- (acc[251][0] - 1) / (acc[251][0] + 1);", "back[1] <-- 5;")),
            cut("E1", "x is not given out", ("out[0] <== (1 - vanishes) * back[0];", "out[0] <-- 0;")),
            cut("E1", "y is not", ("out[1] <== back[1] + vanishes * (1 - back[1]);", "out[1] <-- 1;")),
            cut("E2", "a point vanishes, so its owner's reveal is invalid",
                ("vanishes <== IsZero()(cleared[0]);", "vanishes <-- 1;")),
            cut("E2", "a point of small order does not, and anyone knows what it shares",
                ("vanishes <== IsZero()(cleared[0]);", "vanishes <-- 0;"),
                point=list(torsion(4)),
                beside=[("q[0] * (1 - y) === 1 + y;", ""), ("q[1] * x === q[0];", "")],
                lie=[("q[0] <-- (1 + y) / (1 - y);", f"q[0] <-- {_MONTGOMERY_Q[0]};"),
                     ("q[1] <-- q[0] / x;", f"q[1] <-- {_MONTGOMERY_Q[1]};")]),
        ),
    ),
)
