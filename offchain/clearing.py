"""The uniform-price clearing of one epoch (protocol §4), in exact integers.

Quantities are lots and prices quote units per lot, both in [1, 2^64). With D(p), U(p) the lots
wanted at p or more and offered at p or less, and D⁺, U⁻ the same strictly beyond p, the clearing
prices are the interval E = { p : D⁺(p) ≤ U(p) and U⁻(p) ≤ D(p) } = [lo, hi].
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from offchain.field import check_range
from offchain.notes import BPS, QUANTITY_BITS, Side, Terms

MAX_WORD = 2**QUANTITY_BITS - 1    # the largest quantity and price
OFFSET_BITS = 128                  # width of the rationing offset's source


@dataclass(frozen=True)
class Rationing:
    """How the margin, the orders whose limit is p* itself, shares what is left for it."""

    side: Side          # the side that is rationed; the other one fills whole
    left: int           # R, lots to share
    total: int          # T, lots that ask for them; 1 if there are none
    offset: int         # s < T


@dataclass(frozen=True)
class Clearing:
    """The result for one epoch; `fills` follows the order of reveals, 0 for an invalid one."""

    lo: int
    hi: int
    clamped: int        # p*: the reference clamped into [lo, hi]
    within_collar: bool
    rationing: Rationing
    price: int          # what is printed: p*, or 0 if nothing traded
    volume: int         # lots
    fills: tuple[int, ...]


def clear(orders: Sequence[Terms | None], reference: int, collar_bps: int, offset_source: int) -> Clearing:
    """Clear a batch of orders in order of reveal, None for an invalid reveal. O(n log n).

    Raises RangeError where the reference, the collar or the offset source is out of range.
    """
    check_range(reference, 1, MAX_WORD + 1, "reference")
    check_range(collar_bps, 0, BPS + 1, "collar")
    check_range(offset_source, 0, 1 << OFFSET_BITS, "offset source")

    lo, hi = clearing_interval([order for order in orders if order])
    clamped = max(lo, min(reference, hi))
    within = abs(clamped - reference) * BPS <= collar_bps * reference
    rationing = _ration(orders, clamped, offset_source)
    fills = _fill(orders, clamped, rationing) if within else (0,) * len(orders)
    volume = sum(fill for order, fill in zip(orders, fills) if order and order.side == Side.BUY)
    return Clearing(lo, hi, clamped, within, rationing, clamped if volume else 0, volume, fills)


def clearing_interval(book: Sequence[Terms]) -> tuple[int, int]:
    """The ends of E.

    D⁺ − U falls with the price and changes only at a limit, so `lo` is the first limit (or 1)
    where it is not positive; `hi` is the same from above.
    """
    bids, asks = Counter(), Counter()
    for order in book:
        (bids if order.side == Side.BUY else asks)[order.price] += order.quantity
    prices = sorted({1, MAX_WORD, *bids, *asks})
    return _sweep(prices, bids, asks), _sweep(prices[::-1], asks, bids)


def split(total_fee: int, split_bps: int) -> tuple[int, int]:
    """(leader's, treasury's) part of an epoch's fees."""
    leader = total_fee * split_bps // BPS
    return leader, total_fee - leader


def _sweep(prices: Sequence[int], ours: Counter, theirs: Counter) -> int:
    """First price at which our lots still beyond it are at most their lots up to and at it."""
    beyond, reached = ours.total(), 0
    for price in prices:
        beyond -= ours[price]
        reached += theirs[price]
        if beyond <= reached:
            return price
    raise AssertionError("past the last limit nothing lies beyond")


def _beats(order: Terms, price: int) -> bool:
    """Whether the order would also trade at a price a little worse for it than `price`."""
    return order.price > price if order.side == Side.BUY else order.price < price


def _ration(orders: Sequence[Terms | None], price: int, offset_source: int) -> Rationing:
    better, margin = [0, 0], [0, 0]
    for order in filter(None, orders):
        if _beats(order, price):
            better[order.side] += order.quantity
        elif order.price == price:
            margin[order.side] += order.quantity
    demand, supply = better[Side.BUY] + margin[Side.BUY], better[Side.SELL] + margin[Side.SELL]
    side = Side.BUY if demand >= supply else Side.SELL
    total = margin[side] or 1
    return Rationing(side, min(demand, supply) - better[side], total, offset_source * total >> OFFSET_BITS)


def _fill(orders: Sequence[Terms | None], price: int, rationing: Rationing) -> tuple[int, ...]:
    """Better orders and the short side of the margin whole, the long side by cumulative floors."""
    fills = []
    running, given = 0, 0
    for order in orders:
        if order is None:
            fill = 0
        elif _beats(order, price):
            fill = order.quantity
        elif order.price != price:
            fill = 0
        elif order.side != rationing.side:
            fill = order.quantity
        else:
            running += order.quantity
            before, given = given, (rationing.left * running + rationing.offset) // rationing.total
            fill = given - before
        fills.append(fill)
    return tuple(fills)
