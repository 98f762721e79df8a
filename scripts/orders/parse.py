"""Read an order file and refuse every bad row by line number, all at once.

A file is UTF-8 CSV with the header `trader,side,quantity,limit_price` and one order a row:
trader is one of INSTITUTIONS, side `buy` or `sell`, quantity a number of lots (0.01 BTC) and
limit_price quote units (10⁻⁶ USD) per lot, both integers in [1, 2^64).
"""

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

from offchain.notes import Side, Terms

HEADER = ("trader", "side", "quantity", "limit_price")
INSTITUTIONS = ("alder", "birch", "cedar", "damson", "elder", "fir")
SIDES = {"buy": Side.BUY, "sell": Side.SELL}
DEFAULT_FILE = Path(__file__).with_name("default.csv")

BASE_DECIMALS = 8
QUOTE_DECIMALS = 6
LOT = 10**6  # base units: 0.01 BTC
# The first epoch holds two orders beside the file's: one never revealed, one revealed wrongly.
BATCH = 8
FIRST_BATCH = BATCH - 2
MAX_ROWS = FIRST_BATCH + 7 * BATCH
MAX_BYTES = 1 << 20
# Many of these still fit below the pool's 2^127 per asset.
MAX_LOCK = 1 << 118


class BadOrders(ValueError):
    """An order file is refused; `problems` are (line, reason), 1 the header, 0 the whole."""

    def __init__(self, name: str, problems: list[tuple[int, str]]) -> None:
        self.problems = problems
        lines = "\n".join(f"  line {line}: {reason}" if line else f"  {reason}" for line, reason in problems)
        super().__init__(f"{name} is refused, nothing was sent:\n{lines}")


@dataclass(frozen=True)
class OrderRow:
    """One order of the file; `line` is its line number."""

    line: int
    trader: str
    terms: Terms


def _integer(name: str, text: str) -> int:
    """`text` as an integer in [1, 2^64); ValueError saying why not."""
    if not re.fullmatch(r"[0-9]{1,20}", text):
        raise ValueError(f"{name} {text!r} is not a plain integer")
    value = int(text)
    if not 1 <= value < 1 << 64:
        raise ValueError(f"{name} {text} is outside [1, 2^64)")
    return value


def _row(line: int, cells: list[str], traders: tuple[str, ...]) -> OrderRow:
    """One row checked; ValueError with every reason against it."""
    if len(cells) != len(HEADER):
        raise ValueError(f"{len(cells)} cells where {len(HEADER)} are needed ({','.join(HEADER)})")
    trader, side, *numbers = cells
    reasons, values = [], []
    if trader not in traders:
        reasons.append(f"trader {trader!r} is none of {', '.join(traders)}")
    if side not in SIDES:
        reasons.append(f"side {side!r} is neither buy nor sell")
    for name, text in zip(HEADER[2:], numbers, strict=True):
        try:
            values.append(_integer(name, text))
        except ValueError as error:
            reasons.append(str(error))
    if len(values) == 2 and max(values[0] * values[1], values[0] * LOT) >= MAX_LOCK:
        reasons.append("quantity and price together are more than the demonstration can fund (2^118)")
    if reasons:
        raise ValueError("; ".join(reasons))
    return OrderRow(line, trader, Terms(SIDES[side], *values))


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadOrders(str(path), [(0, f"cannot be read: {error.strerror}")]) from None
    if len(data) > MAX_BYTES:
        raise BadOrders(str(path), [(0, f"is {len(data)} bytes long; {MAX_BYTES} are allowed")])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadOrders(str(path), [(line, "is not UTF-8 text")]) from None


def read(path: Path, traders: tuple[str, ...] = INSTITUTIONS) -> list[OrderRow]:
    """Every order of a file, in its order; blank lines are passed over.

    Raises BadOrders naming every line at fault, so that nothing is sent for a bad file.
    """
    lines = csv.reader(io.StringIO(_text(Path(path)), newline=""), strict=True)
    rows, problems = [], []
    try:
        header = next(lines, [])
        if tuple(header) != HEADER:
            problems.append((1, f"the header must be {','.join(HEADER)}, not {','.join(header)!r}"))
        for cells in lines:
            if not cells:
                continue
            try:
                rows.append(_row(lines.line_num, cells, traders))
            except ValueError as error:
                problems.append((lines.line_num, str(error)))
    except csv.Error as error:
        problems.append((lines.line_num, f"is not CSV: {error}"))
    if not rows and not problems:
        problems.append((1, "the file has a header and no order"))
    if len(rows) > MAX_ROWS:
        problems.append((rows[MAX_ROWS].line, f"at most {MAX_ROWS} orders are taken; this is one more"))
    if problems:
        raise BadOrders(str(path), problems)
    return rows


def batches(rows: list[OrderRow]) -> list[list[OrderRow]]:
    """The rows by epoch: the first takes FIRST_BATCH, each later one BATCH."""
    rest = rows[FIRST_BATCH:]
    later = [rest[start : start + BATCH] for start in range(0, len(rest), BATCH)]
    return [rows[:FIRST_BATCH], *later]
