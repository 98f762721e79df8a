"""circuits/lib/clearing.circom: the clearing of offchain.clearing, and nothing else."""

import random

import pytest

from offchain.clearing import BPS, MAX_WORD, clear
from offchain.notes import Side, Terms
from offchain.paths import CIRCUITS
from offchain.witness import WitnessError
from tests.offchain.circuit import compile_text, witness_words

SLOTS = 4
BUY, SELL = Side.BUY, Side.SELL
MAIN = f"\ncomponent main = Clearing({SLOTS});"
CROSSED = [Terms(BUY, 5, 10), Terms(SELL, 5, 4)]        # E = [4, 10]
MARGIN = [Terms(BUY, 7, 5), Terms(SELL, 5, 5), Terms(SELL, 4, 5), Terms(SELL, 3, 5)]


@pytest.fixture(scope="module")
def circuit():
    return compile_text("clearing", 'include "lib/clearing.circom";' + MAIN).wasm


def inputs(orders, reference=7, collar=BPS, source=0, **forged):
    orders = list(orders) + [None] * (SLOTS - len(orders))
    result = clear(orders, reference, collar, source)
    return {
        "side": [int(o.side) if o else 0 for o in orders],
        "quantity": [o.quantity if o else 0 for o in orders],
        "limit": [o.price if o else 0 for o in orders],
        "reference": reference,
        "collar_bps": collar,
        "offset_source": source,
        "lo": result.lo,
        "hi": result.hi,
        "offset": result.rationing.offset,
    } | forged


def accepts(wasm, signals) -> bool:
    try:
        return bool(witness_words(wasm, signals))
    except WitnessError:
        return False


def random_book(rng: random.Random) -> tuple[list[Terms | None], int]:
    price, quantity = rng.choice([
        (lambda: rng.randint(1, 6), lambda: rng.randint(1, 9)),
        (lambda: 5, lambda: rng.randint(1, MAX_WORD)),
        (lambda: rng.choice([1, 2, MAX_WORD - 1, MAX_WORD]), lambda: MAX_WORD - rng.randint(0, 2)),
        (lambda: rng.randint(1, MAX_WORD), lambda: rng.randint(1, MAX_WORD)),
    ])
    kinds = rng.choices([BUY, SELL, None], [4, 4, 1], k=SLOTS)
    return [None if side is None else Terms(side, quantity(), price()) for side in kinds], price()


def test_p5_circuit_clears_as_the_relayer_does(circuit):
    rng = random.Random(1)
    for _ in range(150):
        orders, reference = random_book(rng)
        collar, source = rng.choice([0, 300, BPS]), rng.choice([0, rng.randrange(2**128), 2**128 - 1])
        result = clear(orders, reference, collar, source)
        words = witness_words(circuit, inputs(orders, reference, collar, source))
        assert words[1 : 3 + SLOTS] == [result.clamped, result.volume, *result.fills]


def test_p5_interval_has_one_witness(circuit):
    """Every other pair of ends is refused, over the whole range that the limits reach."""
    for orders in (CROSSED, MARGIN, [Terms(SELL, 1, 3)], [Terms(BUY, 1, 3)], []):
        true = inputs(orders)
        lows = {*range(13), MAX_WORD, MAX_WORD + 1}
        accepted = {(lo, true["hi"]) for lo in lows if accepts(circuit, true | {"lo": lo})}
        accepted |= {(true["lo"], hi) for hi in lows if accepts(circuit, true | {"hi": hi})}
        assert accepted == {(true["lo"], true["hi"])}


def test_p5_offset_has_one_witness(circuit):
    true = inputs(MARGIN, reference=5, source=2**127)
    assert true["offset"] == 6
    assert [s for s in range(14) if accepts(circuit, true | {"offset": s})] == [6]


# Each forgery breaks one sentence alone: the circuit refuses it, and without that one line would not.
FORGERIES = {
    "ClearingInterval.E2": ("AtMost(LOTS)(low.beyond[0], low.up_to[1]);", inputs(CROSSED, 2, lo=3)),
    "ClearingInterval.E3": ("AtMost(LOTS)(over_supply, low.up_to[0]);", inputs(CROSSED, 2, lo=5)),
    "ClearingInterval.E4": ("AtMost(LOTS)(high.beyond[1], high.up_to[0]);", inputs(CROSSED, 20, hi=11)),
    "ClearingInterval.E5": ("AtMost(LOTS)(over_demand, high.up_to[1]);", inputs(CROSSED, 20, hi=9)),
    "Ration.E2": ("Range(128)(scaled - offset * 2 ** 128);", inputs(MARGIN, 5, offset=1)),
}


@pytest.mark.parametrize("guarantee", FORGERIES)
def test_ablation(circuit, guarantee):
    line, forged = FORGERIES[guarantee]
    assert not accepts(circuit, forged)

    source = (CIRCUITS / "lib" / "clearing.circom").read_text()
    assert source.count(line) == 1
    weakened = source.replace(line, "").replace("pragma circom 2.2.0;", "").replace('"range.', '"lib/range.')
    assert accepts(compile_text("clearing_without_" + guarantee.replace(".", "_"), weakened + MAIN).wasm, forged)


PRESENT = {
    "boolean": ("present[k] * (1 - present[k]) === 0;", 3, [1, 2, 0]),
    "ones first": ("if (k > 0) present[k] * (1 - present[k - 1]) === 0;", 2, [1, 0, 1]),
    "at least one": ("present[0] === 1;", 0, [0, 0, 0]),
    "as many as counted": ("sum === count;", 3, [1, 0, 0]),
}


@pytest.mark.parametrize("guarantee", PRESENT)
def test_ablation_of_present(guarantee):
    line, count, present = PRESENT[guarantee]
    source = (CIRCUITS / "lib" / "settle_slot.circom").read_text()
    start = source.index("template Present(")
    template = source[start : source.index("\n}", start) + 2]
    assert template.count(line) == 1
    forged = {"count": count, "present": present}
    main = "\ncomponent main = Present(3);"
    assert not accepts(compile_text("present", template + main).wasm, forged)
    weakened = compile_text("present_without_" + guarantee.replace(" ", "_"), template.replace(line, "") + main)
    assert accepts(weakened.wasm, forged)


def test_every_count_has_one_witness():
    source = 'include "lib/settle_slot.circom";\ncomponent main = Present(3);'
    wasm = compile_text("present_all", source).wasm
    patterns = [[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)]
    found = {n: [p for p in patterns if accepts(wasm, {"count": n, "present": p})] for n in range(5)}
    assert found == {0: [], 1: [[1, 0, 0]], 2: [[1, 1, 0]], 3: [[1, 1, 1]], 4: []}


def test_no_hint_without_its_constraint():
    """Only the ladder hints quotients; each hint says on its line which constraint pins it."""
    for path in [CIRCUITS / "settle.circom", CIRCUITS / "lib" / "clearing.circom", *CIRCUITS.glob("lib/settle_*.circom")]:
        hints = [line for line in path.read_text().splitlines() if "<--" in line]
        assert all("// pinned" in line for line in hints)
        assert not hints or path.name == "settle_ladder.circom"
