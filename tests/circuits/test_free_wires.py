"""No signal of a circuit can be changed alone: nothing that a prover fills in is left free."""

import pytest

from offchain.circuits import file
from offchain.field import R
from tests.circuits.guard import satisfied
from tests.circuits.world import CIRCUITS, honest
from tests.offchain.r1cs import R1CS


def free_wires(constraints: list, words: list[int]) -> set[int]:
    """The wires whose change by one breaks no constraint."""
    pinned = set()
    for sides in constraints:
        a, b, c = (sum(words[wire] * factor for wire, factor in side) for side in sides)
        assert (a * b - c) % R == 0
        slopes = [{}, {}, {}]
        for slope, side in zip(slopes, sides):
            for wire, factor in side:
                slope[wire] = slope.get(wire, 0) + factor
        for wire in set().union(*slopes) - pinned:
            da, db, dc = (slope.get(wire, 0) for slope in slopes)
            if ((a + da) * (b + db) - (c + dc)) % R:
                pinned.add(wire)
    return set(range(1, len(words))) - pinned


@pytest.mark.parametrize("name", CIRCUITS)
def test_no_wire_is_free(name):
    words = satisfied((name, *honest(name).assemble()))
    assert free_wires(R1CS(file(name, "r1cs")).constraints, words) == set()


def test_a_free_wire_is_found():
    """Wire 2 is in no constraint but 2 · 0 = 0."""
    assert free_wires([([(1, 1)], [(1, 1)], [(3, 1)]), ([(2, 1)], [(0, 0)], [])], [1, 2, 5, 4]) == {2}
