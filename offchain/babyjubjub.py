"""Baby Jubjub (EIP-2494): the twisted Edwards curve 168700·x² + y² = 1 + 168696·x²·y² over
the field, with circomlib's base point.

Points are affine `Point`s of ints. Additions are complete, since A is a square of the field
and D is not. Nothing here runs in constant time: secrets are used on their owner's machine.
"""

from functools import cache
from typing import NamedTuple

from gmpy2 import invert, mpz

from offchain.field import R, check, check_range

A, D = 168700, 168696
COFACTOR = 8
L = 2736030358979909402780800718157159386076813972158567259200215660948447373041
"""Prime order of the subgroup that B8 generates; the curve has 8·L points."""

SCALAR_BITS = 250


class PointError(ValueError):
    """A pair of words is not a point of the curve."""


class Point(NamedTuple):
    x: int
    y: int


IDENTITY = Point(0, 1)
GENERATOR = Point(
    995203441582195749578291179787384436505546430278305826713579947235728471134,
    5472060717959818805561601436314318772137091100104008585924551046643952123905,
)
"""Generator of the whole curve (EIP-2494)."""
B8 = Point(
    5299619240641551281634865583518297030282874472190772894086521144482721001553,
    16950150798460657717958625567821834550301663161624707787222815936182638968203,
)
"""Base point of the subgroup: 8·GENERATOR."""

# Projective points (X : Y : Z), x = X/Z and y = Y/Z.
_Projective = tuple[mpz, mpz, mpz]
_ZERO: _Projective = (mpz(0), mpz(1), mpz(1))
_P = mpz(R)
_WINDOW = 4


def on_curve(point: Point) -> bool:
    x2, y2 = point.x * point.x % R, point.y * point.y % R
    return (A * x2 + y2 - 1 - D * x2 * y2) % R == 0


def check_point(point: tuple[int, int]) -> Point:
    """Return the Point; RangeError for a word outside [0, R), PointError off the curve.

    Points of small order pass: `ecdh` and `in_subgroup` deal with those.
    """
    x, y = point
    checked = Point(check(x, "point's x"), check(y, "point's y"))
    if not on_curve(checked):
        raise PointError("the point is not on Baby Jubjub")
    return checked


def in_subgroup(point: Point) -> bool:
    """Whether the point's order divides L (the identity included)."""
    return mul(L, point) == IDENTITY


def add(p: Point, q: Point) -> Point:
    return _affine(_add(_project(p), _project(q)))


def mul(scalar: int, point: Point) -> Point:
    """scalar·point for any scalar in [0, 2^256)."""
    check_range(scalar, 0, 1 << 256, "scalar")
    table = _multiples(_project(point))
    total = _ZERO
    for digit in reversed(_digits(scalar)):
        for _ in range(_WINDOW):
            total = _double(total)
        if digit:
            total = _add(total, table[digit])
    return _affine(total)


def mul_base(scalar: int) -> Point:
    """scalar·B8 for a scalar in [0, 2^256), by a table: four times as fast as `mul`."""
    check_range(scalar, 0, 1 << 256, "scalar")
    total = _ZERO
    for digit, table in zip(_digits(scalar), _base_tables()):
        if digit:
            total = _add(total, table[digit])
    return _affine(total)


def ecdh(scalar: int, point: tuple[int, int]) -> Point:
    """The shared point scalar·(8·point), 0 < scalar < L (protocol §3).

    The factor 8 removes torsion, so points that differ by torsion share the same secret. The
    result is IDENTITY exactly if `point` has small order: the caller decides what that means.
    """
    check_range(scalar, 1, L, "secret scalar")
    return mul(scalar, mul(COFACTOR, check_point(point)))


def scalar_from_hash(word: int) -> int:
    """The low 250 bits of a field element, which are below L."""
    return check(word) & ((1 << SCALAR_BITS) - 1)


def torsion(order: int) -> Point:
    """A point of order 1, 2, 4 or 8."""
    if order not in (1, 2, 4, 8):
        raise ValueError(f"Baby Jubjub has torsion of order 1, 2, 4 and 8, not {order}")
    return mul(L * COFACTOR // order, GENERATOR)


def _digits(scalar: int) -> list[int]:
    """Base-16 digits, least first."""
    return [int(digit, 16) for digit in reversed(f"{scalar:x}")]


def _multiples(point: _Projective) -> list[_Projective]:
    """0 to 15 times the point."""
    table = [_ZERO, point]
    while len(table) < 1 << _WINDOW:
        table.append(_add(table[-1], point))
    return table


@cache
def _base_tables() -> list[list[_Projective]]:
    tables, base = [], _project(B8)
    for _ in range(256 // _WINDOW):
        tables.append(_multiples(base))
        base = _add(tables[-1][-1], base)
    return tables


def _project(point: Point) -> _Projective:
    return mpz(point.x), mpz(point.y), mpz(1)


def _affine(point: _Projective) -> Point:
    x, y, z = point
    scale = invert(z, _P)
    return Point(int(x * scale % _P), int(y * scale % _P))


def _add(p: _Projective, q: _Projective) -> _Projective:
    """Bernstein, Birkner, Joye, Lange, Peters, "Twisted Edwards Curves", §6."""
    x1, y1, z1 = p
    x2, y2, z2 = q
    a = z1 * z2 % _P
    b = a * a % _P
    c = x1 * x2 % _P
    d = y1 * y2 % _P
    e = D * c * d % _P
    f, g = b - e, b + e
    x3 = a * f % _P * ((x1 + y1) * (x2 + y2) - c - d) % _P
    y3 = a * g % _P * (d - A * c) % _P
    return x3, y3, f * g % _P


def _double(p: _Projective) -> _Projective:
    """The same source, doubling in projective coordinates."""
    x, y, z = p
    s = x + y
    c, d = x * x % _P, y * y % _P
    e = A * c
    f = e + d
    j = (f - 2 * z * z) % _P
    return (s * s - c - d) * j % _P, f * (e - d) % _P, f * j % _P
