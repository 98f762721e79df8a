"""P5: the engine of large batches is the plain clearing, unit by unit; what may be said of a batch."""

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from offchain import clearing
from offchain.clearing import MAX_WORD
from offchain.field import RangeError
from offchain.notes import BPS, Side, Terms
from relayer import engine
from relayer.aggregate import BOUNDS, FEWEST, aggregate
from relayer.engine import CHUNK, PLAIN_BELOW, Book, clear, clear_book
from scripts.bench.clearing import BATCHES, sorted_book
from tests.offchain.books import ANY, OFFSET, book

BUY, SELL = Side.BUY, Side.SELL
EDGES = [1, 2, 3, 2**32 - 1, 2**32, 2**32 + 1, 2**63 - 1, 2**63, MAX_WORD - 1, MAX_WORD]
EDGE = st.sampled_from(EDGES)
WORD = st.integers(1, MAX_WORD)
U = 2**128 - 1


def same(orders, reference, collar, offset):
    expected = clearing.clear(orders, reference, collar, offset)
    assert clear_book(Book.of(orders), reference, collar, offset) == expected
    return expected


@settings(max_examples=400)
@given(st.one_of(ANY, book(EDGE, EDGE), book(EDGE, st.just(7), 40)), st.one_of(EDGE, WORD), st.integers(0, BPS), OFFSET)
def test_p5_the_engine_is_the_plain_clearing(orders, reference, collar, offset):
    same(orders, reference, collar, offset)


@settings(max_examples=100)
@given(ANY, WORD, OFFSET)
def test_p5_a_sorted_book_clears_alike(orders, reference, offset):
    valid = [order for order in orders if order]
    assert sorted_book(valid, reference, BPS, offset) == clearing.clear(valid, reference, BPS, offset)


def many(kind: str, count: int) -> list[Terms | None]:
    rng = random.Random(kind)
    word = lambda: rng.randrange(1, MAX_WORD + 1)
    draws = {
        "any": lambda: (word(), word()),
        "edges": lambda: (rng.choice(EDGES), rng.choice(EDGES)),
        "ties": lambda: (rng.randrange(1, 9), rng.randrange(1, 9)),
        "one price": lambda: (word(), 7),
        "largest": lambda: (MAX_WORD, rng.choice((1, MAX_WORD))),
        "one lot": lambda: (1, MAX_WORD),
    }
    return [None if rng.random() < 0.05 else Terms(Side(rng.randrange(2)), *draws[kind]()) for _ in range(count)]


@pytest.mark.parametrize("kind", ["any", "edges", "ties", "one price", "largest", "one lot"])
def test_p5_books_of_100_000_orders(kind):
    orders = many(kind, 100_000)
    lo, hi = clearing.clearing_interval([order for order in orders if order])
    for reference in {lo, hi, 7}:
        assert same(orders, reference, BPS, 2**127 + 99).volume > 0 or reference == 7


@pytest.mark.parametrize("offset", [0, 1, U], ids=["least", "one", "most"])
@pytest.mark.parametrize("short", [1, 2**64 - 1, 2**80 + 1], ids=["a lot", "a word", "beyond"])
def test_p5_rationing_at_the_extremes(short, offset):
    """Chunks full of the largest orders share one lot, one word, and more than a word holds."""
    sells = [Terms(SELL, min(MAX_WORD, short - part), 9) for part in range(0, short, MAX_WORD)]
    result = same([Terms(BUY, MAX_WORD, 9)] * (2**17 + CHUNK + 1) + sells, 9, BPS, offset)
    assert result.rationing.side == BUY and result.volume == short


def test_p5_nearly_all_of_the_margin_is_filled():
    """Quotients just under and at whole numbers, where an estimate errs."""
    buys = [Terms(BUY, MAX_WORD - k % 3, 9) for k in range(3 * CHUNK)]
    total = sum(order.quantity for order in buys)
    for missing in (0, 1, 2, MAX_WORD):
        left = total - missing
        whole, rest = divmod(left, MAX_WORD)
        sells = [Terms(SELL, MAX_WORD, 9)] * whole + [Terms(SELL, rest, 9)] * bool(rest)
        for offset in (0, 2**127, U):
            assert same(buys + sells, 9, BPS, offset).rationing.left == left


def test_one_entry_for_every_size(monkeypatch):
    """Small batches go to the plain clearing, large ones and columns to the engine."""
    cleared = []
    for name in ("clear_plainly", "clear_book"):
        real = getattr(engine, name)
        monkeypatch.setattr(engine, name, lambda *args, name=name, real=real: cleared.append(name) or real(*args))
    orders = many("ties", PLAIN_BELOW)
    assert clear(orders, 5, BPS, 1) == clearing.clear(orders, 5, BPS, 1)
    assert clear(orders[1:], 5, BPS, 1) == clear(Book.of(orders[1:]), 5, BPS, 1)
    assert cleared == ["clear_book", "clear_plainly", "clear_book"]


@pytest.mark.parametrize(
    "reference, collar, offset", [(0, 1, 1), (2**64, 1, 1), (1, BPS + 1, 1), (1, 1, 2**128), (1, 1, -1)]
)
def test_ranges(reference, collar, offset):
    with pytest.raises(RangeError):
        clear_book(Book.of([]), reference, collar, offset)


def test_a_book_is_checked():
    good = Book.of([Terms(BUY, 3, 4), None])
    assert (len(good), good.quantities.tolist(), good.prices.tolist()) == (2, [3, 0], [4, 0])
    for broken in (
        {"prices": np.array([0, 0], np.uint64)}, {"prices": np.array([4], np.uint64)}, {"prices": [4, 0]},
        {"quantities": np.array([3, 0], np.int64)}, {"sells": np.array([0, 1], np.uint8)},
    ):  # fmt: skip
        with pytest.raises(RangeError):
            replace(good, **broken)


# --- What may be said of a batch ---

LOPSIDED = [Terms(BUY, 60, 12), Terms(BUY, 20, 11), Terms(SELL, 20, 9), Terms(SELL, 10, 10), Terms(SELL, 50, 99), None]


def said(orders, **changes):
    result = clearing.clear(orders, 10, BPS, 0)
    return aggregate(result, orders, changes.get("printed", (result.price, result.volume)))


def test_p2_nothing_is_said_before_the_print_or_of_another():
    for printed in (None, (0, 0), (11, 30), (10, 29)):
        with pytest.raises(ValueError, match="before the chain shows its print"):
            said(LOPSIDED, printed=printed)


def test_p2_nothing_is_said_of_few_orders():
    assert said(LOPSIDED[: FEWEST - 1] + [None] * 3) is None
    assert said([]) is None


def test_p2_what_is_said_is_coarse_and_has_no_side():
    found = said(LOPSIDED)
    # 30 of 80 wanted lots trade: 60 of 160 lots in all; 80 against 30 at the price; one price clears.
    assert (found.matched_bps, found.imbalance_bps, found.width_bps) == (5_000, 5_000, 500)
    mirrored = [o and Terms(Side(1 - o.side), o.quantity, 110 - o.price) for o in LOPSIDED]
    other = clearing.clear(mirrored, 100, BPS, 0)
    again = aggregate(other, mirrored, (other.price, other.volume))
    assert (again.matched_bps, again.imbalance_bps) == (found.matched_bps, found.imbalance_bps)


@given(ANY, WORD)
def test_p2_every_share_is_one_of_the_bounds(orders, reference):
    result = clearing.clear(orders, reference, BPS, 0)
    found = aggregate(result, orders, (result.price, result.volume))
    if found:
        assert {found.matched_bps, found.imbalance_bps, found.width_bps} <= set(BOUNDS)


@pytest.mark.parametrize("batch", BATCHES)
def test_the_batches_measured_are_cleared_alike_by_all(batch):
    rng = random.Random(batch)
    orders = [BATCHES[batch](rng) for _ in range(3_000)]
    assert same(orders, 23_600, BPS, 7) == sorted_book(orders, 23_600, BPS, 7)
