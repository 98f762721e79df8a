"""The whole pool in compact form, for wallets that find what is theirs by themselves.

Whoever takes a whole range tells nobody which of it is theirs. Binary rows are of one length each, numbers
with the highest byte first: notes are position (8 bytes), block (8), commitment (32); memos are position (8),
block (8), kind (1: transact 0, commit 1, settle 2, reclaim 3), eight words (32 each); nullifiers are block (8), word (32).
A commit's memo is for whoever finds the order by its quota nullifier, so that a wallet tries the others alone.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import Column, Select, Table, select, tuple_

from indexer import models
from indexer.api.problems import Problem, documented
from indexer.api.tagged import has
from indexer.api.view import BLOCKS, EVENTS, Row, Source, words

router = APIRouter(prefix="/v1", tags=["streams"], responses=documented(422, 429, 503))

NOTES, MEMOS, NULLIFIERS = models.Note.__table__, models.Memo.__table__, models.Nullifier.__table__
KINDS = ("transact", "commit", "settle", "reclaim")
ROWS = 2_000
LINES, BYTES = "application/jsonl", "application/octet-stream"
START = Annotated[int, Query(alias="from", ge=0, lt=1 << 63, description="The first one.")]
END = Annotated[int | None, Query(alias="to", ge=0, lt=1 << 63, description="Where to end, not included; by default the last indexed.")]
NUMBER = {"type": "integer"}
WORD = {"type": "string", "pattern": "^[0-9]+$"}


def _answers(media: str) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of a stream."""
    kind = {"type": "string", "format": "binary"} if media == BYTES else {"type": "string"}
    return {200: {"description": "Rows, in order.", "content": {media: {"schema": kind}}}}


def _stream(request: Request, table: Table, media: str, first: int, last: int | None, by: str, row: Callable[[Row], bytes]) -> Response:
    source: Source = request.app.state.source
    with source.view() as view:
        block, mark = view.block, view.last["hash"]
    tag = f'W/"{hashlib.sha256(f"{mark} {request.url.path} {first} {last}".encode()).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache", "X-Indexed-Block": str(block), "X-Indexed-Hash": mark}
    if has(request, tag):
        return Response(status_code=304, headers=headers)
    statement = select(table).where(table.c[by] >= first, table.c.block <= block)
    if last is not None:
        statement = statement.where(table.c[by] < last)
    if table is EVENTS:
        statement = statement.add_columns(BLOCKS.c.hash).join(BLOCKS, BLOCKS.c.block == EVENTS.c.block)
    order = (table.c.position,) if by == "position" else (table.c.block, table.c.log_index, *([table.c.place] if table is NULLIFIERS else []))
    return StreamingResponse(_rows(source, statement, order, (block, mark), row), media_type=media, headers=headers)


def _rows(
    source: Source, statement: Select, order: tuple[Column, ...], last: tuple[int, str], write: Callable[[Row], bytes]
) -> Iterator[bytes]:
    """Part by part, each from a view of its own: who reads slowly holds no connection to the database.

    Ends in the middle, as an error, once the branch of `last` (block, hash) is left.
    """
    part, after = statement.order_by(*order).limit(ROWS), None
    while True:
        with source.view() as view:
            if view.scalar(select(BLOCKS.c.hash).where(BLOCKS.c.block == last[0])) != last[1]:
                raise Problem(503, "the chain left the branch that was being sent: ask again")
            found = view.rows(part if after is None else part.where(tuple_(*order) > after))
        yield b"".join(map(write, found))
        if len(found) < ROWS:
            return
        after = tuple(found[-1][column.name] for column in order)


def _line(row: dict[str, Any]) -> bytes:
    return json.dumps(row, separators=(",", ":")).encode() + b"\n"


def _note_line(row: Row) -> bytes:
    return _line({"position": str(row["position"]), "block": row["block"], "commitment": str(row["commitment"])})


def _note_bytes(row: Row) -> bytes:
    return row["position"].to_bytes(8, "big") + row["block"].to_bytes(8, "big") + row["commitment"].to_bytes(32, "big")


def _memo_line(row: Row) -> bytes:
    return _line({"position": str(row["position"]), "block": row["block"], "kind": row["kind"], "words": words(row["words"])})


def _memo_bytes(row: Row) -> bytes:
    head = row["position"].to_bytes(8, "big") + row["block"].to_bytes(8, "big") + bytes([KINDS.index(row["kind"])])
    return head + b"".join(word.to_bytes(32, "big") for word in row["words"])


def _nullifier_bytes(row: Row) -> bytes:
    return row["block"].to_bytes(8, "big") + row["nullifier"].to_bytes(32, "big")


def _event_line(row: Row) -> bytes:
    names = ("block", "hash", "log_index", "tx", "contract", "name")
    return _line({name: row[name] for name in names} | {"args": json.loads(row["args"])})


@router.get("/notes", response_class=StreamingResponse, responses=_answers(LINES))
def get_notes(request: Request, start: START = 0, end: END = None) -> Response:
    """Note commitments by position, a line of JSON each."""
    return _stream(request, NOTES, LINES, start, end, "position", _note_line)


@router.get("/notes.bin", response_class=StreamingResponse, responses=_answers(BYTES))
def get_notes_compact(request: Request, start: START = 0, end: END = None) -> Response:
    """Note commitments by position, 48 bytes each."""
    return _stream(request, NOTES, BYTES, start, end, "position", _note_bytes)


@router.get("/memos", response_class=StreamingResponse, responses=_answers(LINES))
def get_memos(request: Request, start: START = 0, end: END = None) -> Response:
    """Memos by the position of the note that they may open, a line of JSON each."""
    return _stream(request, MEMOS, LINES, start, end, "position", _memo_line)


@router.get("/memos.bin", response_class=StreamingResponse, responses=_answers(BYTES))
def get_memos_compact(request: Request, start: START = 0, end: END = None) -> Response:
    """Memos by the position of the note that they may open, 273 bytes each."""
    return _stream(request, MEMOS, BYTES, start, end, "position", _memo_bytes)


@router.get("/nullifiers.bin", response_class=StreamingResponse, responses=_answers(BYTES))
def get_nullifiers(request: Request, start: START = 0, end: END = None) -> Response:
    """Nullifiers of spent notes in chain order, 40 bytes each; from and to are blocks."""
    return _stream(request, NULLIFIERS, BYTES, start, end, "block", _nullifier_bytes)


@router.get("/events", response_class=StreamingResponse, responses=_answers(LINES))
def get_events(request: Request, start: START = 0, end: END = None) -> Response:
    """Every event of the contracts in chain order, a line of JSON each, with its block's hash; from and to are blocks."""
    return _stream(request, EVENTS, LINES, start, end, "block", _event_line)
