"""The solver on circuits whose witnesses are known."""

import pytest

from offchain.field import R
from tests.ablation.made import Made, make
from tests.ablation.rules import Linear, decode, divide, meet
from tests.ablation.solver import Conflict, Solver, Undecided

TEXT = 'pragma circom 2.2.0;\ninclude "circomlib/circuits/{}.circom";\n{}\ncomponent main = {};\n'


def circuit(main: str, text: str = "", library: str = "comparators") -> Made:
    return make(TEXT.format(library, text, main))


def given(made: Made, **inputs: int) -> tuple[dict[int, int], list[int]]:
    words = made.witness(inputs)
    return {wire: words[wire] for wire in made.r1cs.inputs}, words


def test_a_word_near_0_has_two_spellings_of_254_bits():
    made = circuit("Num2Bits(254)", library="bitify")
    known, words = given(made, **{"in": 5})
    other = Solver(made.r1cs).another(known, words)
    assert sum(bit << i for i, bit in enumerate(other[1:255])) == 5 + R
    assert not made.r1cs.violated(other)


def test_a_strict_decomposition_has_one():
    made = circuit("Num2Bits_strict()", library="bitify")
    known, words = given(made, **{"in": 5})
    assert Solver(made.r1cs).another(known, words) is None


def test_a_comparison_has_one_and_its_inverse_may_be_free():
    made = circuit("IsEqual()", "")
    for pair, free in (([3, 4], []), ([3, 3], ["isz.inv"])):
        words = made.witness({"in": pair})
        known = {wire: words[wire] for wire in made.r1cs.inputs}
        solver = Solver(made.r1cs)
        assert solver.another(known, words) is None
        assert [made.names[wire] for wire in solver.free(solver.derive(known))] == free


def test_a_hint_without_its_constraint_is_found():
    text = "template Root() { signal input in; signal output out <-- 2; signal next <== out * in; }"
    made = circuit("Root()", text)
    known, words = given(made, **{"in": 4})
    other = Solver(made.r1cs).another(known, words)
    assert other != words and not made.r1cs.violated(other)


def test_a_square_root_is_not_called_unique():
    text = "template Root() { signal input in; signal output out <-- 2; out * out === in; }"
    made = circuit("Root()", text)
    known, words = given(made, **{"in": 4})
    with pytest.raises(Undecided):
        Solver(made.r1cs).another(known, words)


def test_a_value_that_no_witness_has_is_a_conflict():
    made = circuit("Num2Bits(8)", library="bitify")
    with pytest.raises(Conflict):
        Solver(made.r1cs).derive({wire: 256 for wire in made.r1cs.inputs})


@pytest.mark.parametrize("divisor, numerator, values", [(7, 100, [14]), (7, 105, [15]), (7, 8 * 7, [])])
def test_a_division_has_one_quotient(divisor, numerator, values):
    """quotient · divisor + remainder = numerator, the quotient below 8 where it is to have none."""
    most = 7 if not values else 255
    assert divide(Linear({1: divisor, 2: 1}, numerator), 1, 2, (0, most), (0, divisor - 1)) == values


def test_a_remainder_beyond_the_divisor_leaves_two():
    assert divide(Linear({1: 7, 2: 1}, 100), 1, 2, (0, 255), (0, 13)) == [13, 14]


def test_bits_with_weights_that_overlap_are_left_alone():
    assert decode(Linear({1: 1, 2: 2, 3: 3}, 3)) is None
    assert decode(Linear({1: 1, 2: 2, 3: 4}, 5)) == [{3: 1, 2: 0, 1: 1}]
    assert decode(Linear({1: 1, 2: 2}, 4)) == []


def test_ranges_meet_across_the_field():
    assert meet((-5, 5), (R - 3, R + 9)) == (-3, 5)
    assert meet((0, 5), (6, 9)) is None
