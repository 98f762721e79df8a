"""P5 and P6: the clearing, against a slow reference written straight from protocol §4."""

from fractions import Fraction
from itertools import permutations

import pytest
from hypothesis import given, settings, strategies as st

from offchain.clearing import MAX_WORD, clear, clearing_interval, split
from offchain.notes import BPS, Terms, pay
from tests.offchain.books import ANY, BUY, OFFSET, SELL, SMALL, U, clears, offered, wanted


@given(SMALL)
def test_p5_interval_is_the_definition(orders):
    lo, hi = clearing_interval([o for o in orders if o])
    # Beyond the limits, which are at most 12, nothing changes: 14 stands for every higher price.
    members = [p for p in range(1, 15) if clears(orders, p)]
    assert members == list(range(members[0], members[-1] + 1))
    assert lo == members[0]
    assert hi == (MAX_WORD if members[-1] == 14 else members[-1])


@given(SMALL, st.integers(1, 14), OFFSET)
def test_p5_volume_is_maximal_over_every_price(orders, reference, offset):
    result = clear(orders, reference, BPS, offset)
    if result.within_collar:
        assert result.volume == max(min(wanted(orders, p), offered(orders, p)) for p in range(1, 15))


@given(ANY, st.integers(1, MAX_WORD))
def test_p5_interval_has_the_definition_at_its_ends_and_not_beyond(orders, probe):
    lo, hi = clearing_interval([o for o in orders if o])
    assert 1 <= lo <= hi <= MAX_WORD
    for price in (lo, hi, probe, lo - 1, hi + 1):
        if 1 <= price <= MAX_WORD:
            assert clears(orders, price) == (lo <= price <= hi)


@given(ANY, st.integers(1, MAX_WORD), OFFSET)
def test_p5_price_is_the_clearing_price_nearest_to_the_reference(orders, reference, offset):
    result = clear(orders, reference, BPS, offset)
    assert result.clamped == sorted([result.lo, reference, result.hi])[1]
    assert result.price == (result.clamped if result.volume else 0)


@settings(max_examples=300)
@given(ANY, st.integers(1, MAX_WORD), st.integers(0, BPS), OFFSET)
def test_p5_every_fill(orders, reference, collar, offset):
    result = clear(orders, reference, collar, offset)
    price = result.clamped
    assert result.within_collar == (Fraction(abs(price - reference), reference) <= Fraction(collar, BPS))
    if not result.within_collar:
        assert result.volume == 0 and set(result.fills) <= {0}
        return

    for side in (BUY, SELL):
        assert sum(f for o, f in zip(orders, result.fills) if o and o.side == side) == result.volume
    assert result.volume == min(wanted(orders, price), offered(orders, price))

    for order, fill in zip(orders, result.fills):
        if order is None:
            assert fill == 0
            continue
        assert 0 <= fill <= order.quantity
        if fill:
            assert order.price >= price if order.side == BUY else order.price <= price
        if order.price > price if order.side == BUY else order.price < price:
            assert fill == order.quantity

    for side, better in ((BUY, wanted(orders, price, True)), (SELL, offered(orders, price, True))):
        margin = [(o.quantity, f) for o, f in zip(orders, result.fills) if o and o.side == side and o.price == price]
        total = sum(qty for qty, _ in margin)
        for qty, fill in margin:
            assert abs(fill - Fraction(qty * (result.volume - better), total)) < 1


@given(ANY, st.integers(1, MAX_WORD), OFFSET, st.randoms(use_true_random=False))
def test_p5_order_of_reveals_moves_neither_price_nor_totals(orders, reference, offset, random):
    shuffled = random.sample(orders, len(orders))
    one, other = clear(orders, reference, BPS, offset), clear(shuffled, reference, BPS, offset)
    assert (one.price, one.volume, one.lo, one.hi) == (other.price, other.volume, other.lo, other.hi)


def test_p5_no_place_in_the_queue_is_better():
    """Three equal orders share one lot: over all offsets each place gets it equally often."""
    orders = [Terms(BUY, 1, 5)] * 3 + [Terms(SELL, 1, 5)]
    offsets = [(2 * i + 1) * 2**128 // 6 for i in range(3)]
    shares = [sum(clear(orders, 5, 0, u).fills[place] for u in offsets) for place in range(3)]
    assert shares == [1, 1, 1]


@settings(max_examples=300)
@given(ANY, st.integers(1, MAX_WORD), OFFSET, st.integers(1, MAX_WORD), st.integers(0, 1000), st.integers(0, BPS))
def test_p6_conserved_to_the_last_unit(orders, reference, offset, lot, fee_bps, split_bps):
    result = clear(orders, reference, BPS, offset)
    settled = [(o, pay(o, f, result.clamped, lot, fee_bps)) for o, f in zip(orders, result.fills) if o]
    fees = sum(p.fee for _, p in settled)
    leader, treasury = split(fees, split_bps)
    assert leader + treasury == fees and 0 <= leader and 0 <= treasury

    locked = {side: sum(o.lock(lot, fee_bps) for o, _ in settled if o.side == side) for side in (BUY, SELL)}
    assert sum(p.base for _, p in settled) == locked[SELL]
    assert sum(p.quote for _, p in settled) + fees == locked[BUY]
    for order, paid in settled:
        assert paid.base >= 0 and paid.quote >= 0


@pytest.mark.parametrize("orders, reference, price, fills", [
    ([], 10, 0, ()),                                                                # nothing
    ([None, None], 10, 0, (0, 0)),                                                  # all invalid
    ([Terms(BUY, 3, 10)], 10, 0, (0,)),                                             # one-sided
    ([Terms(BUY, 3, 9), Terms(SELL, 3, 10)], 10, 0, (0, 0)),                        # no cross
    ([Terms(BUY, 3, 12), Terms(SELL, 3, 10)], 20, 12, (3, 3)),                      # clamped from above
    ([Terms(BUY, 3, 12), Terms(SELL, 3, 10)], 5, 10, (3, 3)),                       # clamped from below
    ([Terms(BUY, 3, 12), Terms(SELL, 3, 10)], 11, 11, (3, 3)),                      # the reference itself
    ([Terms(BUY, 2, 12), Terms(BUY, 2, 10), Terms(SELL, 3, 10)], 11, 10, (2, 1, 3)),
    ([Terms(BUY, 1, MAX_WORD), Terms(SELL, 1, 1)], MAX_WORD, MAX_WORD, (1, 1)),     # the ends of the range
])
def test_worked_examples(orders, reference, price, fills):
    result = clear(orders, reference, BPS, 0)
    assert (result.price, result.fills) == (price, fills)


def test_collar_is_inclusive():
    orders = [Terms(BUY, 1, 110), Terms(SELL, 1, 110)]
    assert clear(orders, 100, 1000, 0).volume == 1
    assert clear(orders, 100, 999, 0).volume == 0


def test_every_permutation_of_a_margin_sums_to_what_is_left():
    margin = [Terms(SELL, q, 5) for q in (1, 2, 3, 4)]
    for arrangement in permutations(margin):
        for offset in (0, 2**127, U):
            assert sum(clear([Terms(BUY, 7, 6), *arrangement], 5, BPS, offset).fills[1:]) == 7


@pytest.mark.parametrize("make", [
    lambda: clear([], 0, 0, 0), lambda: clear([], 2**64, 0, 0),
    lambda: clear([], 1, BPS + 1, 0), lambda: clear([], 1, 0, 2**128), lambda: clear([], 1, 0, -1),
])
def test_out_of_range_is_refused(make):
    with pytest.raises(ValueError, match="outside its range"):
        make()
