"""The tables of a report: rows of plain values, the same in every form that they are written in.

A column is text, a natural number of 63 bits (INT), an amount or a price (AMOUNT, exact to 39 digits), or
true or false. Field words are text in decimal. Each row ends with where its fact stands on the chain; what
else an order's row refers to has columns of the same names, with `commit_` and `reveal_` before them.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow
from pyarrow import parquet

from indexer.audit.examine import CHECKS, Examination, Line
from indexer.audit.findings import KeyVersion, Refusal, outcome
from indexer.audit.record import Record, Reference
from offchain.notes import Side

TEXT, INT, AMOUNT, FLAG = pyarrow.string(), pyarrow.int64(), pyarrow.decimal256(39, 0), pyarrow.bool_()
REFERENCE = {"block": INT, "time": INT, "tx": TEXT, "log_index": INT, "event": TEXT}
PREFIXES = ("", "commit_", "reveal_")
"""Before the columns of a reference."""

_PLACE = {"market": INT, "epoch": INT}
_OTHERS = {prefix + name: kind for prefix in PREFIXES[1:] for name, kind in REFERENCE.items()}
COLUMNS = {
    "epochs": _PLACE | {
        "state": TEXT, "leader": TEXT, "auditor_version": INT, "reference": AMOUNT, "price": AMOUNT, "volume": AMOUNT,
        "committed": INT, "cancelled": INT, "revealed": INT, "invalid": INT, "fees": AMOUNT, "leader_fee": AMOUNT,
        "treasury_fee": AMOUNT, "printed": FLAG, "problems": INT,
    },
    "orders": _PLACE | {
        "slot": INT, "oc": TEXT, "quota_nullifier": TEXT, "valid": FLAG, "why_invalid": TEXT, "owner": TEXT,
        "credential": INT, "side": TEXT, "quantity": AMOUNT, "limit": AMOUNT, "fill": AMOUNT, "rederived_fill": AMOUNT,
        "price": AMOUNT, "fee": AMOUNT, "base_amount": AMOUNT, "quote_amount": AMOUNT, "base_position": TEXT,
        "quote_position": TEXT,
    } | _OTHERS,
    "checks": _PLACE | {"check": TEXT, "holds": FLAG, "says": TEXT},
    "refusals": {"kind": TEXT} | _PLACE | {"subject": TEXT, "why": TEXT},
    "keys": {"kind": TEXT, "version": INT, "account": TEXT, "x": TEXT, "y": TEXT, "epochs": INT, "held": FLAG},
}  # fmt: skip
"""What each table holds; every one has REFERENCE after it."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Tables:
    """Rows by table."""

    rows: dict[str, list[Row]]

    def __post_init__(self) -> None:
        for name, rows in self.rows.items():
            for row in rows:
                if list(row) != list(schema(name)):
                    raise ValueError(f"a row of {name} has the columns {', '.join(row)}")


def schema(name: str) -> dict[str, pyarrow.DataType]:
    return COLUMNS[name] | REFERENCE


def make(
    record: Record, examined: Sequence[Examination], found: Sequence[Refusal], keys: Sequence[KeyVersion], after: int
) -> Tables:
    """The tables of the period after block `after`; an epoch belongs to it by the block that ended it."""
    return Tables(
        {
            "epochs": _epochs(record, {(one.market, one.epoch): one for one in examined}, after),
            "orders": [order_row(line) for one in examined for line in one.lines],
            "checks": [row for one in examined for row in _checks(one)],
            "refusals": [_row("refusals", one) for one in found],
            "keys": [_row("keys", key) | {"x": str(key.x), "y": str(key.y)} for key in keys],
        }
    )


def _row(name: str, of: Refusal | KeyVersion) -> Row:
    return {column: getattr(of, column) for column in COLUMNS[name]} | _reference(of.at)


def _epochs(record: Record, examined: dict[tuple[int, int], Examination], after: int) -> list[Row]:
    rows = []
    for key, found in sorted(record.epochs.items()):
        one = examined.get(key)
        if one is None and found.failed_block is None and not found.void:
            continue
        ended = "Market.ReferenceFixed" if found.failed_block is None else "Market.Failed"
        at = one.settled if one else record.at(ended, *key)
        if at.block <= after:
            continue
        rows.append({
            "market": found.market, "epoch": found.epoch, "state": outcome(record, found).name.lower(),
            "leader": found.leader, "auditor_version": found.auditor_version,
            "reference": found.reference or None, "price": one and one.price, "volume": one and one.volume,
            "committed": len(found.orders), "cancelled": len(found.orders) - found.live, "revealed": len(found.reveals),
            "invalid": one and sum(line.why is not None for line in one.lines), "fees": one and one.fees,
            "leader_fee": one and one.leader_fee, "treasury_fee": one and one.treasury_fee,
            "printed": one and one.printed, "problems": one and len(one.found),
        } | _reference(at))  # fmt: skip
    return rows


def order_row(line: Line) -> Row:
    """An order of a settled epoch."""
    opened, terms, paid = line.opened, line.opened.terms, line.payment
    return {
        "market": line.market, "epoch": line.epoch, "slot": opened.slot, "oc": str(opened.oc),
        "quota_nullifier": str(line.quota_nullifier), "valid": opened.valid, "why_invalid": line.why,
        "owner": None if opened.owner is None else str(opened.owner), "credential": opened.credential_id,
        "side": terms and Side(terms.side).name.lower(), "quantity": terms and terms.quantity,
        "limit": terms and terms.price, "fill": opened.fill, "rederived_fill": line.rederived, "price": line.price,
        "fee": paid and paid.fee, "base_amount": paid and paid.base, "quote_amount": paid and paid.quote,
        "base_position": str(line.positions[0]), "quote_position": str(line.positions[1]),
    } | _reference(line.committed, "commit_") | _reference(line.revealed, "reveal_") | _reference(line.settled)  # fmt: skip


def _checks(one: Examination) -> list[Row]:
    return [
        {
            "market": one.market, "epoch": one.epoch, "check": check, "holds": not one.problems[check],
            "says": "; ".join(one.problems[check]) or says,
        } | _reference(one.settled)
        for check, says in CHECKS.items()
    ]  # fmt: skip


def _reference(at: Reference, prefix: str = "") -> Row:
    return {prefix + name: getattr(at, name) for name in REFERENCE}


def as_csv(name: str, rows: list[Row]) -> bytes:
    """RFC 4180; what is unknown or does not apply is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(schema(name)), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({column: _written(value) for column, value in row.items()} for row in rows)
    return text.getvalue().encode()


def _written(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def as_parquet(name: str, rows: list[Row]) -> bytes:
    columns = pyarrow.schema(schema(name).items())
    exact = [{column: _exact(value, columns.field(column).type) for column, value in row.items()} for row in rows]
    table = pyarrow.Table.from_pylist(exact, columns)
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(table, sink, compression="zstd")
    return sink.getvalue().to_pybytes()


def _exact(value: Any, kind: pyarrow.DataType) -> Any:
    """Arrow takes no large integer for a decimal."""
    return Decimal(value) if kind == AMOUNT and value is not None else value
