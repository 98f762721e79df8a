"""circuits/lib/range.circom, merkle.circom and statement.circom, one test a guarantee."""

import pytest

from offchain.field import R
from offchain.merkle import fold, zeros
from offchain.notes import fee
from offchain.paths import CIRCUITS
from offchain.poseidon import node, sponge
from offchain.statement import evaluate
from offchain.witness import WitnessError
from tests.circuits.guard import failed, with_hint
from tests.offchain.circuit import compile_text, witness_words

RANGE = CIRCUITS / "lib" / "range.circom"


@pytest.fixture(scope="module")
def run():
    """run(template, **inputs): the outputs, and all other words after them."""
    compiled = {}

    def run(template: str, lib: str = "range", text: str = "", **inputs) -> list[int]:
        key = (template, lib, text)
        if key not in compiled:
            source = text or f'include "lib/{lib}.circom";\n'
            compiled[key] = compile_text(f"numbers_{len(compiled)}", f"{source}component main = {template};\n").wasm
        return witness_words(compiled[key], inputs)[1:]

    return run


def refuses(guard: str, run, template: str, **inputs) -> None:
    with pytest.raises(WitnessError) as error:
        run(template, **inputs)
    assert guard in failed(error.value), str(error.value)


def test_range_E1(run):
    for value in (0, 1, 255):
        run("Range(8)", **{"in": value})
    for value in (256, R - 1):
        refuses("Range E1", run, "Range(8)", **{"in": value})
    run("Range(253)", **{"in": (1 << 253) - 1})
    refuses("Range E1", run, "Range(253)", **{"in": 1 << 253})


def test_non_zero_E1(run):
    for value in (1, R - 1):
        run("NonZero()", **{"in": value})
    refuses("NonZero E1", run, "NonZero()", **{"in": 0})
    lie = with_hint(RANGE, "in != 0 ? 1 / in : 0", "7")
    refuses("NonZero E1", run, "NonZero()", text=lie, **{"in": 0})
    refuses("NonZero E1", run, "NonZero()", text=lie, **{"in": 3})


def test_at_most_E1(run):
    for low in range(8):
        for high in range(8):
            if low <= high:
                run("AtMost(3)", low=low, high=high)
            else:
                refuses("AtMost E1", run, "AtMost(3)", low=low, high=high)


def test_floor_div_E1_quotient_out_of_range(run):
    assert run("FloorDiv(4, 4)", numerator=15 * 9 + 8, divisor=9)[:2] == [15, 8]
    refuses("FloorDiv E1", run, "FloorDiv(4, 4)", numerator=16 * 9, divisor=9)


def test_floor_div_E2_E3_all_small_numbers(run):
    for divisor in range(1, 8):
        for numerator in range(divisor * 8):
            assert run("FloorDiv(3, 3)", numerator=numerator, divisor=divisor)[:2] == list(divmod(numerator, divisor))


@pytest.mark.parametrize("lie", ["numerator \\ divisor - 1", "numerator \\ divisor + 1", "0", "numerator / divisor"])
def test_floor_div_E2_lying_prover(run, lie):
    """Another quotient leaves a remainder that is negative, or not below the divisor."""
    text = with_hint(RANGE, "numerator \\ divisor;", f"{lie};")
    with pytest.raises(WitnessError) as error:
        run("FloorDiv(64, 64)", text=text, numerator=100, divisor=7)
    assert {"FloorDiv E1", "FloorDiv E2"} & failed(error.value)


@pytest.mark.parametrize("amount", [0, 1, 9_999, 10_000, 123_456_789, (1 << 128) - 1])
@pytest.mark.parametrize("bps", [0, 1, 25, 9_999, 10_000])
def test_basis_points_E1(run, amount, bps):
    assert run("BasisPoints()", **{"in": amount, "bps": bps})[0] == fee(amount, bps)


def test_empty_roots(run):
    text = (
        'include "lib/merkle.circom";\ntemplate Roots() { signal output out[7];'
        " for (var i = 0; i < 7; i++) out[i] <== EMPTY_ROOT(i); }\n"
    )
    assert run("Roots()", text=text)[:7] == list(zeros(6))


def test_merkle_root_E1(run):
    for index in range(8):
        path = [index >> level & 1 for level in range(3)]
        root = run("MerkleRoot(3)", "merkle", leaf=9, path=path, siblings=[4, 5, 6])[0]
        assert root == fold(9, index, [4, 5, 6])


def test_subtree_root_E1(run):
    leaves = [10, 11, 12, 13]
    root = run("SubtreeRoot(2)", "merkle", leaves=leaves)[0]
    assert root == node(node(10, 11), node(12, 13))


def test_statement_E1_E2(run):
    d, challenge = [5, 6, R - 1, 0], 987654321
    publics = {"digest": sponge(d), "challenge": challenge, "evaluation": evaluate(d, challenge)}

    def state(**changes) -> list[int]:
        return run("Statement(4)", "statement", **{"d": d, **publics, **changes})

    state()
    for guard, change in {
        "Statement E1": {"digest": publics["digest"] + 1},
        "Statement E2": {"evaluation": publics["evaluation"] + 1},
    }.items():
        with pytest.raises(WitnessError) as error:
            state(**change)
        assert guard in failed(error.value)
    with pytest.raises(WitnessError):
        state(d=d[::-1])
