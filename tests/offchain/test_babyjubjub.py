import pytest

from offchain import babyjubjub as jub
from offchain.babyjubjub import B8, GENERATOR, IDENTITY, L, Point, PointError
from offchain.field import R, RangeError

SCALARS = [1, 2, 15, 16, 17, 2**128 + 3, L - 1, 2**250 - 1]


def schoolbook(p: Point, q: Point) -> Point:
    """The affine addition law of EIP-2494."""
    product = jub.D * p.x * q.x * p.y * q.y
    return Point(
        (p.x * q.y + p.y * q.x) * pow(1 + product, -1, R) % R,
        (p.y * q.y - jub.A * p.x * q.x) * pow(1 - product, -1, R) % R,
    )


def test_the_constants_fit_together():
    assert jub.on_curve(GENERATOR) and jub.on_curve(B8)
    assert jub.mul(8, GENERATOR) == B8
    assert jub.in_subgroup(B8) and not jub.in_subgroup(GENERATOR)
    assert 2**jub.SCALAR_BITS < L


def test_addition_follows_the_affine_law():
    points = [IDENTITY, B8, GENERATOR, Point(R - B8.x, B8.y), jub.torsion(2), jub.torsion(8)]
    for p in points:
        for q in points:
            assert jub.add(p, q) == schoolbook(p, q)


@pytest.mark.parametrize("point", [B8, GENERATOR, Point(*jub.torsion(4))])
def test_multiplication_is_repeated_addition(point):
    total = IDENTITY
    for scalar in range(40):
        assert jub.mul(scalar, point) == total
        total = schoolbook(total, point)


@pytest.mark.parametrize("scalar", SCALARS)
def test_multiplication_is_linear(scalar):
    assert jub.mul(scalar, jub.mul(77, B8)) == jub.mul(scalar * 77 % L, B8)
    assert jub.add(jub.mul(scalar, B8), B8) == jub.mul(scalar + 1, B8)


@pytest.mark.parametrize("scalar", [0, *SCALARS, L, 2**256 - 1])
def test_the_base_table_agrees(scalar):
    assert jub.mul_base(scalar) == jub.mul(scalar, B8)


@pytest.mark.parametrize("order", [1, 2, 4, 8])
def test_torsion_points_have_their_order(order):
    point = jub.torsion(order)
    assert jub.on_curve(point)
    assert [k for k in range(1, 9) if jub.mul(k, point) == IDENTITY][0] == order


def test_ecdh_agrees_between_the_two_sides():
    a, b = 123456789, L - 5
    assert jub.ecdh(a, jub.mul_base(b)) == jub.ecdh(b, jub.mul_base(a))


@pytest.mark.parametrize("order", [2, 4, 8])
def test_ecdh_ignores_torsion(order):
    point = jub.mul_base(99)
    shifted = jub.add(point, jub.torsion(order))
    assert shifted != point
    assert jub.ecdh(1234, shifted) == jub.ecdh(1234, point)
    assert jub.ecdh(1234, jub.torsion(order)) == IDENTITY


@pytest.mark.parametrize("scalar", [0, -1, L, L + 1, R])
def test_ecdh_refuses_scalars_outside_the_group(scalar):
    with pytest.raises(RangeError):
        jub.ecdh(scalar, B8)


@pytest.mark.parametrize(
    "point, error",
    [((B8.x + R, B8.y), RangeError), ((B8.x, -1), RangeError), ((B8.x, B8.y + 1), PointError), ((0, 0), PointError)],
)
def test_points_are_checked(point, error):
    with pytest.raises(error):
        jub.check_point(point)
    with pytest.raises(error):
        jub.ecdh(1, point)


def test_scalars_from_hashes_are_the_low_250_bits():
    assert jub.scalar_from_hash(R - 1) == (R - 1) % 2**250
    with pytest.raises(RangeError):
        jub.scalar_from_hash(R)
