"""Turn an exchange's order events into an order file, in exact decimal arithmetic.

The events are CSV, plain or xz: id, timestamp (ms), exchange.timestamp, price (USD per BTC),
volume (satoshi), action, direction (bid or ask). Only `created` events become orders.
"""

import csv
import lzma
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from scripts.orders.parse import BASE_DECIMALS, HEADER, INSTITUTIONS, LOT, MAX_ROWS, QUOTE_DECIMALS

COLUMNS = {"id", "timestamp", "price", "volume", "action", "direction"}
SIDE = {"bid": "buy", "ask": "sell"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A limit further than this from the span's median was never meant to trade.
BAND_PERCENT = 20


class BadEvents(ValueError):
    """The event file or the choice of span cannot make an order file."""


@dataclass(frozen=True)
class Event:
    """A limit order as it was placed: quantity in lots, price in quote units per lot."""

    id: int
    time: int
    side: str
    quantity: int
    price: int


def milliseconds(text: str) -> int:
    """A time as UTC milliseconds: an ISO 8601 time (UTC unless it says) or the number itself."""
    if re.fullmatch("[0-9]{1,20}", text):
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadEvents(f"{text!r} is no time; write 2015-05-01T00:00:00 or UTC milliseconds") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - EPOCH) // timedelta(milliseconds=1)


def quote_per_lot(price: str) -> int | None:
    """A decimal price (USD per BTC) as quote units per lot; None unless that is a positive integer."""
    if not re.fullmatch(r"[0-9]{1,20}(\.[0-9]{1,20})?", price or "") or len(price) > 21:
        return None
    units = Decimal(price).scaleb(QUOTE_DECIMALS) * LOT / 10**BASE_DECIMALS
    return int(units) if units == int(units) and 0 < units < 1 << 64 else None


def _created(path: Path, start: int, end: int) -> Iterator[dict[str, str]]:
    opener = lzma.open if path.suffix == ".xz" else open
    try:
        with opener(path, "rt", encoding="utf-8", newline="") as file:
            table = csv.DictReader(file)
            if not set(table.fieldnames or ()) >= COLUMNS:
                raise BadEvents(f"{path} lacks columns; it needs {', '.join(sorted(COLUMNS))}")
            for row in table:
                if row["action"] == "created" and start <= _natural(row, "timestamp") < end:
                    yield row
    except (OSError, EOFError, lzma.LZMAError, csv.Error, UnicodeDecodeError) as error:
        raise BadEvents(f"{path} cannot be read: {error}") from error


def _natural(row: dict[str, str], column: str) -> int:
    """A column of one row as a whole number below 2^64; BadEvents if it is not."""
    text = row[column]
    if not re.fullmatch(r"[0-9]{1,20}", text or "") or int(text) >= 1 << 64:
        raise BadEvents(f"{column} {text!r} is no whole number below 2^64")
    return int(text)


def events(rows: Iterable[dict[str, str]], skipped: Counter) -> list[Event]:
    """The orders of created events, counting in `skipped` what is left out and why."""
    found = []
    for row in rows:
        quantity, price = _natural(row, "volume") // LOT, quote_per_lot(row["price"])
        if row["direction"] not in SIDE:
            raise BadEvents(f"direction {row['direction']!r} is neither bid nor ask")
        if quantity == 0:
            skipped["less than a lot"] += 1
        elif price is None:
            skipped["no price in whole units"] += 1
        else:
            number, time = _natural(row, "id"), _natural(row, "timestamp")
            found.append(Event(number, time, SIDE[row["direction"]], quantity, price))
    prices = sorted(event.price for event in found)
    if not prices:
        return []
    median = prices[len(prices) // 2]
    kept = [e for e in found if abs(e.price - median) * 100 <= median * BAND_PERCENT]
    skipped["price far from the rest"] += len(found) - len(kept)
    return kept


def make(source: Path, start: int, end: int, institutions: int, rows: int) -> tuple[list[str], Counter]:
    """(lines of an order file, what was skipped and why): the first `rows` orders of [start, end).

    An order's trader follows from its id alone, so the same span always gives the same file.
    Volumes are cut down to whole lots. Raises BadEvents.
    """
    if not 1 <= institutions <= len(INSTITUTIONS):
        raise BadEvents(f"there are 1 to {len(INSTITUTIONS)} institutions, not {institutions}")
    if not 1 <= rows <= MAX_ROWS:
        raise BadEvents(f"an order file has 1 to {MAX_ROWS} rows, not {rows}")
    skipped: Counter = Counter()
    chosen = events(_created(Path(source), start, end), skipped)
    if len(chosen) < rows:
        raise BadEvents(f"the span holds {len(chosen)} orders that can be used, not {rows}; widen it")
    lines = [",".join(HEADER)]
    for event in chosen[:rows]:
        trader = INSTITUTIONS[event.id % institutions]
        lines.append(f"{trader},{event.side},{event.quantity},{event.price}")
    return lines, skipped
