"""circuits/lib/settle_ladder.circom computes the shared points of offchain.babyjubjub."""

import random

import pytest

from offchain.babyjubjub import B8, L, Point, add, ecdh, mul_base, torsion
from offchain.witness import WitnessError
from tests.offchain.circuit import compile_text, witness_words

TEXT = """
include "lib/settle_ladder.circom";
template Ladder() {
    signal input scalar;
    signal input point[2];
    signal output out[2];
    signal output vanishes;
    signal signs[251] <== LadderSigns()(scalar);
    (out, vanishes) <== LadderPoint()(signs, point);
}
component main = Ladder();
"""
SCALARS = [2, 3, 4, 5, L // 2, L // 2 + 1, 2**250 - 1, 2**250, 2**250 + 1, 2**251 - L - 1, 2**251 - L,
           2**251 - L + 1, 2**251 - L + 2, L - 4, L - 3, L - 2]  # fmt: skip


@pytest.fixture(scope="module")
def ladder():
    wasm = compile_text("ladder", TEXT).wasm
    return lambda scalar, point: witness_words(wasm, {"scalar": scalar, "point": list(point)})[1:4]


@pytest.mark.parametrize("scalar", SCALARS, ids=lambda s: f"{s:x}"[:12])
def test_scalars_at_the_ends_of_every_range(ladder, scalar):
    assert ladder(scalar, B8) == [*ecdh(scalar, B8), 0]


def test_random_scalars_and_points_with_torsion(ladder):
    rng = random.Random(5)
    for _ in range(40):
        scalar = rng.randrange(2, L - 1)
        point = add(mul_base(rng.randrange(1, L)), torsion(rng.choice([1, 2, 4, 8])))
        assert ladder(scalar, point) == [*ecdh(scalar, point), 0]


def test_points_of_small_order_and_absent_ones_vanish(ladder):
    for point in [*map(torsion, (1, 2, 4, 8)), Point(0, 0)]:
        assert ladder(12345, point) == [0, 1, 1]


@pytest.mark.parametrize("scalar", [0, 1, L - 1])
def test_scalars_without_a_witness(ladder, scalar):
    with pytest.raises(WitnessError, match="LadderStep"):
        ladder(scalar, B8)


def test_no_step_divides_by_zero():
    """The argument at the head of the file, in numbers: what every prefix of a scalar can reach."""
    assert 3 * 2**250 < 2 * L < 3 * 2**251
    for i in range(251):
        low, high = (2, 2) if i == 0 else (2**i + 1, 3 * 2**i - 1)
        for multiple in range(4):
            for exception in (multiple * L - 1, multiple * L + 1):
                assert not low <= exception <= high or (i > 0 and exception % 2 == 0)
