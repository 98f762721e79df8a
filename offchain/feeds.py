"""Where a feeder's prices come from: adapters that give ticks, and what a run of ticks is worth.

Prices are fractions of whole tokens, quote for one base, from decimal text without rounding; `Unit`
makes them quote units a lot. Times are seconds since 1970, as fractions of a second where recorded.
An adapter of a live venue is a `Feed` whose `poll` gives what arrived since; here are recorded ones.
"""

import csv
import lzma
import re
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from heapq import heappop, heappush
from pathlib import Path
from statistics import median_low

from offchain.field import check_range
from offchain.notes import QUANTITY_BITS

DECIMAL = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
MAX_DECIMALS = 36


class FeedError(ValueError):
    """A feed cannot be read or understood; the message says where and why."""


@dataclass(frozen=True)
class Tick:
    """A price that a venue showed: seconds since 1970, and quote for one base in whole tokens."""

    time: Fraction
    price: Fraction


@dataclass(frozen=True)
class Unit:
    """What turns a price of whole tokens into quote units a lot. RangeError if out of range."""

    base_decimals: int
    quote_decimals: int
    lot: int        # base units

    def __post_init__(self) -> None:
        check_range(self.base_decimals, 0, MAX_DECIMALS + 1, "base decimals")
        check_range(self.quote_decimals, 0, MAX_DECIMALS + 1, "quote decimals")
        check_range(self.lot, 1, 1 << QUANTITY_BITS, "lot")

    def price(self, price: Fraction) -> int:
        """Whole quote units a lot, what is left over dropped; RangeError unless in [1, 2^64)."""
        exact = price * 10**self.quote_decimals * self.lot / 10**self.base_decimals
        return check_range(int(exact), 1, 1 << QUANTITY_BITS, "price")


def decimal(text: str, what: str) -> Fraction:
    """The exact number that decimal text spells; FeedError unless it is plain and without sign."""
    if not DECIMAL.fullmatch(text or ""):
        raise FeedError(f"{what} {text!r} is no plain decimal number")
    return Fraction(text)


class Feed(ABC):
    """A venue's prices as they come."""

    @abstractmethod
    def poll(self, now: Fraction) -> list[Tick]:
        """The ticks up to `now` that were not given before, by time. FeedError if the venue is unwell."""


@dataclass
class Replay(Feed):
    """Recorded ticks as if `begin` (seconds) were the first one's time, `speed` times as fast."""

    recorded: Iterator[Tick]
    begin: Fraction
    speed: int = 1
    _first: Fraction | None = field(default=None, init=False)
    _next: Tick | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        check_range(self.speed, 1, 10_000, "speed")
        self._advance()

    @property
    def over(self) -> bool:
        """Whether the record has ended."""
        return self._next is None

    def poll(self, now: Fraction) -> list[Tick]:
        found = []
        while self._next is not None and self._next.time <= now:
            found.append(self._next)
            self._advance()
        return found

    def _advance(self) -> None:
        tick = next(self.recorded, None)
        if tick is None:
            self._next = None
            return
        if self._first is None:
            self._first = tick.time
        self._next = Tick(self.begin + (tick.time - self._first) / self.speed, tick.price)


# --- Recorded feeds ---


def read_csv(path: Path) -> Iterator[Tick]:
    """Ticks of a table with the columns time (seconds) and price; plain or xz."""
    for line, row in _rows(path, ("time", "price")):
        yield _tick(path, line, decimal(row["time"], f"{path}:{line}: time"), decimal(row["price"], f"{path}:{line}: price"))


def read_orders(path: Path) -> Iterator[Tick]:
    """The middle of the book after each event of an exchange's order file, while both sides stand uncrossed.

    Columns id, timestamp (ms), price, action (created, changed, deleted) and direction (bid, ask).
    """
    book = _Book()
    for line, row in _rows(path, ("id", "timestamp", "price", "action", "direction")):
        where = f"{path}:{line}"
        time = decimal(row["timestamp"], f"{where}: timestamp") / 1000
        book.apply(where, row["id"], row["action"], row["direction"], decimal(row["price"], f"{where}: price"))
        if (middle := book.middle()) is not None:
            yield _tick(path, line, time, middle)


RECORDED = {"csv": read_csv, "orders": read_orders}
"""Readers of recorded feeds, by the name that a configuration uses."""


class _Book:
    """The best prices of the orders that stand; deleted ones leave the heaps when they come up."""

    def __init__(self) -> None:
        self.standing: dict[str, tuple[str, Fraction]] = {}
        self.sides: dict[str, list[tuple[Fraction, str]]] = {"bid": [], "ask": []}

    def apply(self, where: str, order: str, action: str, side: str, price: Fraction) -> None:
        if side not in self.sides or action not in ("created", "changed", "deleted"):
            raise FeedError(f"{where}: {action!r} of {side!r} is no event of an order")
        if action == "deleted":
            self.standing.pop(order, None)
        elif price > 0 and self.standing.get(order) != (side, price):
            self.standing[order] = side, price
            heappush(self.sides[side], (-price if side == "bid" else price, order))

    def middle(self) -> Fraction | None:
        bid, ask = self._best("bid"), self._best("ask")
        return (ask - bid) / 2 if bid is not None and ask is not None and -bid < ask else None

    def _best(self, side: str) -> Fraction | None:
        """The key of the best order that stands: its price, negative for a bid."""
        heap = self.sides[side]
        while heap and self.standing.get(heap[0][1]) != (side, abs(heap[0][0])):
            heappop(heap)
        return heap[0][0] if heap else None


def _tick(path: Path, line: int, time: Fraction, price: Fraction) -> Tick:
    if price <= 0:
        raise FeedError(f"{path}:{line}: price is not positive")
    return Tick(time, price)


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, row) of a table, by whose time rows must be ordered."""
    opener = lzma.open if path.suffix == ".xz" else open
    try:
        with opener(path, "rt", encoding="utf-8", newline="") as file:
            table = csv.DictReader(file)
            if not set(table.fieldnames or ()) >= set(columns):
                raise FeedError(f"{path} lacks columns; it needs {', '.join(columns)}")
            for row in table:
                yield table.line_num, row
    except (OSError, EOFError, lzma.LZMAError, csv.Error, UnicodeDecodeError) as error:
        raise FeedError(f"{path} cannot be read: {type(error).__name__}") from None


# --- What ticks are worth ---


class Window:
    """The ticks of the last `seconds`; their median is a price while there are `least` of them.

    So a spike moves nothing until it is half of what the window saw, and a gap empties the window.
    """

    def __init__(self, seconds: int, least: int):
        check_range(seconds, 1, 86_401, "window")
        check_range(least, 1, 1 << 20, "least ticks")
        self.seconds, self.least = seconds, least
        self._ticks: deque[Tick] = deque()

    def add(self, ticks: Iterable[Tick], now: Fraction) -> int:
        """Take ticks in; how many were refused, for a time in the future or before the last one's."""
        refused = 0
        for tick in ticks:
            if tick.time > now or (self._ticks and tick.time < self._ticks[-1].time):
                refused += 1
            else:
                self._ticks.append(tick)
        return refused

    def seen(self, now: Fraction) -> Tick | None:
        """The median of the window that ends now, at the time of its newest tick; None of too few."""
        while self._ticks and self._ticks[0].time <= now - self.seconds:
            self._ticks.popleft()
        if len(self._ticks) < self.least:
            return None
        return Tick(self._ticks[-1].time, median_low(tick.price for tick in self._ticks))
