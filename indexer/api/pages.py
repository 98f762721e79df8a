"""Lists, a page at a time, newest first.

A cursor names the place of the last row sent, not a count of rows: rows that come or go, by new blocks
or a reorganisation, move no page.
"""

import base64
import binascii
import json
from typing import Annotated, Any

from fastapi import Query
from sqlalchemy import ColumnElement, Select, tuple_

from indexer.api.problems import Problem

MOST = 200
Cursor = Annotated[str | None, Query(max_length=200, description="The `next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=MOST, description="Rows of a page, at most.")]
Number = Annotated[int | None, Query(ge=0, lt=1 << 63)]
FIRST_LIMIT = 50


def encode(kind: str, *place: int | str) -> str:
    """An opaque cursor of a list of this kind."""
    return base64.urlsafe_b64encode(json.dumps([kind, *place], separators=(",", ":")).encode()).decode().rstrip("=")


def decode(kind: str, cursor: str, *types: type) -> list[Any]:
    """The place that a cursor names; Problem unless it is one of this kind."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        name, *place = json.loads(raw)
        if name == kind and [type(one) for one in place] == list(types) and all(map(_fits, place)):
            return place
    except (binascii.Error, ValueError, TypeError, RecursionError):
        pass
    raise Problem(422, f"that cursor is not of this list ({kind}): give the `next` of its page before, or none")


def _fits(value: Any) -> bool:
    return 0 <= value < 1 << 63 if type(value) is int else True


def after(statement: Select, kind: str, cursor: str | None, limit: int, *by: ColumnElement[int]) -> Select:
    """`statement` from the cursor on, newest first by whole numbers, with one row too many."""
    if cursor is not None:
        statement = statement.where(tuple_(*by) < tuple_(*decode(kind, cursor, *[int] * len(by))))
    return statement.order_by(*(column.desc() for column in by)).limit(limit + 1)


def cut(rows: list[Any], kind: str, limit: int, *names: str) -> tuple[list[Any], str | None]:
    """(the page's rows, its `next`), of what a statement of `after` gave."""
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    return rows[:limit], encode(kind, *(last[name] for name in names))
