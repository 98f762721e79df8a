"""The clearing of protocol §4 for large batches: whole columns at a time, exact to the unit.

`offchain.clearing` is the plain statement of the same rules, and the one that tests hold this to.

A step of the price past a limit takes that order from what lies beyond the price or adds it to what
the price has reached, whichever side it is on: D⁺(p) − U(p) = (lots of all bids) − (lots of all orders
limited at p or less). So `lo` is where the orders, by price, have reached the lots of the bids, and
`hi` is the same, unless they have reached them exactly: then it is the next limit. One weighted
selection finds it, without sorting.

Lots of 2^64 and 2^24 orders make sums of 88 bits and products of 176. Sums are Python integers of two
halves; the products of rationing are taken modulo 2^128, in pairs of words (`_Wide`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from offchain.clearing import MAX_WORD, OFFSET_BITS, Clearing, Rationing
from offchain.clearing import clear as clear_plainly
from offchain.field import RangeError, check_range
from offchain.notes import BPS, Side, Terms

PLAIN_BELOW = 400
"""Batches under this many orders are cleared as fast, or faster, without columns."""

MAX_ORDERS = 1 << 24
"""An estimate of a quotient is then off by so little that its remainder stays within 127 bits."""

CHUNK = 1 << 13
"""Orders rationed at a time, so that their columns stay in the processor's cache."""

MASK32, SHIFT32 = np.uint64(2**32 - 1), np.uint64(32)
TWO_64 = float(1 << 64)

Column = np.ndarray


@dataclass(frozen=True, eq=False)
class Book:
    """A batch as columns in order of reveal: a row of quantity 0 is an invalid reveal.

    `sells` of bool, `quantities` in lots and `prices` in quote units a lot, both of uint64. Raises
    RangeError unless these are their types, of one length, and each quantity has a price.
    """

    sells: Column
    quantities: Column
    prices: Column

    def __post_init__(self) -> None:
        for name, kind in (("sells", np.bool_), ("quantities", np.uint64), ("prices", np.uint64)):
            column = getattr(self, name)
            if not isinstance(column, np.ndarray) or column.dtype != kind or column.shape != (len(self.sells),):
                raise RangeError(f"{name} must be one column of {kind.__name__}, as long as the others")
        if len(self) > MAX_ORDERS:
            raise RangeError(f"a book holds at most {MAX_ORDERS} orders, not {len(self)}")
        if np.any((self.quantities > 0) & (self.prices == 0)):
            raise RangeError("price is outside its range: an order's is at least 1")

    def __len__(self) -> int:
        return len(self.sells)

    @classmethod
    def of(cls, orders: Sequence[Terms | None]) -> "Book":
        """The columns of orders, None for an invalid reveal."""
        count = len(orders)
        return cls(
            np.fromiter((order.side if order else 0 for order in orders), np.bool_, count),    # a sell is 1
            np.fromiter((order.quantity if order else 0 for order in orders), np.uint64, count),
            np.fromiter((order.price if order else 0 for order in orders), np.uint64, count),
        )


def clear(orders: Sequence[Terms | None] | Book, reference: int, collar_bps: int, offset_source: int) -> Clearing:
    """Clear a batch in order of reveal, whatever its size; the same as `offchain.clearing.clear`, unit by unit.

    Raises RangeError where the reference, the collar or the offset source is out of range.
    """
    if isinstance(orders, Book):
        return clear_book(orders, reference, collar_bps, offset_source)
    if len(orders) < PLAIN_BELOW:
        return clear_plainly(orders, reference, collar_bps, offset_source)
    return clear_book(Book.of(orders), reference, collar_bps, offset_source)


def clear_book(book: Book, reference: int, collar_bps: int, offset_source: int) -> Clearing:
    """Clear a batch held as columns. O(n)."""
    check_range(reference, 1, MAX_WORD + 1, "reference")
    check_range(collar_bps, 0, BPS + 1, "collar")
    check_range(offset_source, 0, 1 << OFFSET_BITS, "offset source")

    bids = _total(book.quantities[~book.sells])
    lo, hi = _interval(book, bids)
    price = max(lo, min(reference, hi))
    within = abs(price - reference) * BPS <= collar_bps * reference

    above, below = book.prices > np.uint64(price), book.prices < np.uint64(price)
    better = np.where(book.sells, below, above)
    margin = ~(above | below)
    bid, ask = _total(book.quantities[better & ~book.sells]), _total(book.quantities[better & book.sells])
    bid_margin, ask_margin = (_total(book.quantities[margin & side]) for side in (~book.sells, book.sells))
    demand, supply = bid + bid_margin, ask + ask_margin
    side = Side.BUY if demand >= supply else Side.SELL
    total = (bid_margin if side == Side.BUY else ask_margin) or 1
    left = min(demand, supply) - (bid if side == Side.BUY else ask)
    rationing = Rationing(side, left, total, offset_source * total >> OFFSET_BITS)
    if not within:
        return Clearing(lo, hi, price, False, rationing, 0, 0, (0,) * len(book))

    volume = min(demand, supply)
    fills = np.where(better | margin, book.quantities, np.uint64(0))
    long = np.flatnonzero(margin & (book.sells == bool(side)))
    fills[long] = _shares(book.quantities[long], rationing)
    return Clearing(lo, hi, price, True, rationing, price if volume else 0, volume, tuple(fills.tolist()))


def _total(words: Column) -> int:
    """The exact sum of up to 2^32 words."""
    return int((words & MASK32).sum()) + (int((words >> SHIFT32).sum()) << 32)


def _interval(book: Book, bids: int) -> tuple[int, int]:
    """The ends of E; `bids` are the lots of all bids."""
    held = book.quantities > 0
    prices, quantities = book.prices[held], book.quantities[held]
    if bids == 0:
        return 1, int(prices.min(initial=MAX_WORD))
    lo, reached = _selected(prices, quantities, bids)
    if reached > bids:
        return lo, lo
    return lo, int(prices[prices > np.uint64(lo)].min(initial=MAX_WORD))


def _selected(prices: Column, quantities: Column, wanted: int) -> tuple[int, int]:
    """(first price at which the orders limited there or below hold `wanted` lots, the lots they hold)."""
    passed = 0
    while True:
        middle = len(prices) // 2
        pivot = np.partition(prices, middle)[middle]
        below, upto = prices < pivot, prices <= pivot
        if passed + _total(quantities[below]) >= wanted:
            prices, quantities = prices[below], quantities[below]
            continue
        reached = passed + _total(quantities[upto])
        if reached >= wanted:
            return int(pivot), reached
        passed = reached
        prices, quantities = prices[~upto], quantities[~upto]


# --- Rationing ---


@dataclass(frozen=True, eq=False)
class _Wide:
    """Columns of integers modulo 2^128, as high and low words of uint64; read as signed, two's complement."""

    high: Column
    low: Column

    @classmethod
    def constant(cls, value: int) -> "_Wide":
        return cls(np.uint64(value >> 64 & MAX_WORD), np.uint64(value & MAX_WORD))

    def __add__(self, other: "_Wide") -> "_Wide":
        low = self.low + other.low
        return _Wide(self.high + other.high + (low < other.low), low)

    def __sub__(self, other: "_Wide") -> "_Wide":
        return _Wide(self.high - other.high - (self.low < other.low), self.low - other.low)

    def __mul__(self, other: "_Wide") -> "_Wide":
        """By schoolbook on halves of the low words; the high words only carry over modulo 2^64."""
        a, b, c, d = self.low >> SHIFT32, self.low & MASK32, other.low >> SHIFT32, other.low & MASK32
        low = b * d
        cross = a * d + (low >> SHIFT32)
        middle = b * c + (cross & MASK32)
        high = a * c + (cross >> SHIFT32) + (middle >> SHIFT32)
        high += self.low * other.high + self.high * other.low
        return _Wide(high, (middle << SHIFT32) | (low & MASK32))

    def approximate(self) -> Column:
        """As doubles, with a relative error of a few 2^-53."""
        return self.high.view(np.int64) * TWO_64 + self.low


def _shares(quantities: Column, rationing: Rationing) -> Column:
    """What each order of the long side's margin gets: differences of the cumulative floors, modulo 2^64."""
    shares = np.empty_like(quantities)
    running = given = 0
    for start in range(0, len(quantities), CHUNK):
        chunk = quantities[start : start + CHUNK]
        floors = _floors(_cumulative(chunk, running), rationing)
        shares[start : start + CHUNK] = np.diff(floors, prepend=np.uint64(given))
        running, given = running + _total(chunk), int(floors[-1])
    return shares


def _cumulative(words: Column, start: int) -> _Wide:
    """Sums of the first 1, 2, … words, beyond `start`."""
    low, high = np.cumsum(words & MASK32), np.cumsum(words >> SHIFT32)
    return _Wide(high >> SHIFT32, high << SHIFT32) + _Wide(np.uint64(0), low) + _Wide.constant(start)


def _floors(running: _Wide, rationing: Rationing) -> Column:
    """floor((R·C + s) / T) modulo 2^64, for each running sum C ≤ T.

    A quotient of doubles is off by less than 2^-50 of itself, hence by 2^38 at most; its remainder,
    below 2^127, gives the correction, off by one at most; the second remainder says which way.
    """
    left, total, offset = (_Wide.constant(n) for n in (rationing.left, rationing.total, rationing.offset))
    quotient = np.floor(running.approximate() * (rationing.left / rationing.total))
    high = np.floor(quotient / TWO_64)
    estimate = _Wide(high.astype(np.uint64), (quotient - high * TWO_64).astype(np.uint64))
    rest = running * left + offset - estimate * total

    correction = np.floor(rest.approximate() / rationing.total).astype(np.int64)
    rest -= _Wide((correction >> 63).view(np.uint64), correction.view(np.uint64)) * total
    negative = rest.high.view(np.int64) < 0
    too_large = ~negative & ((rest - total).high.view(np.int64) >= 0)
    return estimate.low + correction.view(np.uint64) - negative + too_large
