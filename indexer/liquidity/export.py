"""Windows as CSV or Parquet, written as they are read."""

import csv
import io
from collections.abc import Callable, Iterable
from itertools import islice
from typing import BinaryIO

import pyarrow
from pyarrow import parquet

from indexer.liquidity.windows import Window

BATCH = 10_000
"""Rows of a row group."""

WHOLE, EXACT = pyarrow.int64(), pyarrow.decimal128(38)
COLUMNS = {
    "market": pyarrow.string(), "venue": pyarrow.string(), "start": WHOLE, "end": WHOLE, "prints": WHOLE,
    "volume": EXACT, "notional": EXACT, "open": EXACT, "high": EXACT, "low": EXACT, "close": EXACT, "vwap": EXACT,
    "late": WHOLE, "final": pyarrow.bool_(),
}  # fmt: skip
NULLABLE = {"prints", "notional", "open", "high", "low", "close", "vwap"}
UNITS = {
    "start, end": "seconds of Unix time, half-open",
    "volume": "lots; shares where venue is an ATS",
    "notional": "quote units",
    "open, high, low, close": "quote units a lot",
    "vwap": "quote units a lot, floor(notional / volume)",
    "late": "prints that came when the window was final",
}
SCHEMA = pyarrow.schema(
    [pyarrow.field(name, kind, nullable=name in NULLABLE) for name, kind in COLUMNS.items()], metadata=UNITS
)


class ExportError(ValueError):
    """A value does not fit the format; the message says what to use."""


def write_csv(found: Iterable[Window], file: BinaryIO) -> int:
    """A header and a line a window (RFC 4180): integers in full, nothing where there is no value; how many windows."""
    text = io.TextIOWrapper(file, encoding="ascii", newline="", write_through=True)
    out, rows = csv.writer(text), 0
    out.writerow(COLUMNS)
    for rows, one in enumerate(found, 1):
        values = (getattr(one, name) for name in COLUMNS)
        out.writerow(str(value).lower() if isinstance(value, bool) else value for value in values)
    text.detach()
    return rows


def write_parquet(found: Iterable[Window], file: BinaryIO) -> int:
    """One table of SCHEMA, amounts as decimal128(38, 0); how many windows. ExportError for one of 39 digits."""
    rows = 0
    with parquet.ParquetWriter(file, SCHEMA, compression="zstd") as writer:
        left = iter(found)
        while batch := list(islice(left, BATCH)):
            writer.write_table(_table(batch))
            rows += len(batch)
    return rows


def _table(batch: list[Window]) -> pyarrow.Table:
    columns = []
    for name, kind in COLUMNS.items():
        try:
            columns.append(pyarrow.array([getattr(one, name) for one in batch], kind))
        except pyarrow.ArrowInvalid:
            raise ExportError(f"a {name} has more than 38 digits, which Parquet's decimal128 has no room for: export CSV") from None
    return pyarrow.table(columns, schema=SCHEMA)


FORMATS: dict[str, tuple[str, Callable[[Iterable[Window], BinaryIO], int]]] = {
    "csv": ("text/csv; charset=us-ascii", write_csv),
    "parquet": ("application/vnd.apache.parquet", write_parquet),
}
"""By the file name's end: media type, and what writes it."""
