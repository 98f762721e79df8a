"""What was traded, by market, venue and time: our prints in windows, beside the weeks that other venues reported."""

import hashlib
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import Annotated, Any, BinaryIO, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from typing_extensions import TypedDict

from indexer.api import pages
from indexer.api.pages import FIRST_LIMIT, Cursor
from indexer.api.problems import Problem, documented
from indexer.api.shapes import Page, Token, Word
from indexer.api.tagged import MOVES, Tagged, has
from indexer.api.view import Reads, Row, View, page
from indexer.liquidity import export, store
from indexer.liquidity.windows import SHADOWPOOL, STEPS, WINDOW, Window

router = APIRouter(prefix="/v1/liquidity", tags=["liquidity"], route_class=Tagged, responses=documented(422, 429, 503))

MOST = 2_000
IN_MEMORY = 1 << 20
CHUNK = 1 << 16
Source = Literal["prints", "finra"]
Code = Annotated[str | None, Query(pattern="^[A-Za-z0-9]{1,32}$")]
From = Annotated[int | None, Query(alias="from", ge=0, lt=1 << 40, description="Windows that end after it; seconds of Unix time.")]
To = Annotated[int | None, Query(alias="to", ge=0, lt=1 << 40, description="Windows that begin by it; seconds of Unix time.")]
Step = Annotated[int, Query(description=f"Seconds of a window: {', '.join(map(str, STEPS))}; a week for venues other than {SHADOWPOOL}.")]


class LiquidityVenue(TypedDict):
    venue: str
    name: str
    source: Source
    first: int | None
    last: int | None
    markets: list[str]


class LiquidityMarket(TypedDict):
    market: str
    label: str
    base: Token | None
    quote: Token | None
    lot: Word | None
    source: Source


class LiquidityWindow(TypedDict):
    """`prints` is null for a venue that reports none; `vwap` = floor(notional / volume)."""

    market: str
    venue: str
    start: int
    end: int
    prints: int | None
    volume: Word
    notional: Word | None
    open: Word | None
    high: Word | None
    low: Word | None
    close: Word | None
    vwap: Word | None
    late: int
    final: bool


class VenueShare(TypedDict):
    venue: str
    name: str
    source: Source
    volume: Word
    notional: Word | None
    prints: int | None
    share_bps: int
    weeks: int


class HeatCell(TypedDict):
    prints: int
    volume: Word


class Heatmap(TypedDict):
    rows: int
    columns: int
    cells: list[list[HeatCell]]


def _wanted(market: Code = None, venue: Code = None, first: From = None, last: To = None, step: Step = WINDOW) -> store.Query:
    try:
        return store.Query(market, venue, first, last, step)
    except store.QueryError as error:
        raise Problem(422, str(error)) from None


Wanted = Annotated[store.Query, Depends(_wanted)]


@router.get("/venues")
def list_venues(view: Reads) -> Page[LiquidityVenue]:
    """Ours, then those that FINRA reports, by code."""
    names = ("venue", "name", "source", "first", "last")
    found = store.venues(view.connection)
    return page(view, [{name: getattr(one, name) for name in names} | {"markets": list(one.markets)} for one in found])


@router.get("/markets")
def list_markets(view: Reads) -> Page[LiquidityMarket]:
    """Ours by id, then the one of all shares that other venues report."""
    ours = [_market(view, market, terms) for market, terms in sorted(view.terms.items())]
    shares = {"market": store.SHARES, "label": "All shares", "source": "finra"} | dict.fromkeys(("base", "quote", "lot"))
    return page(view, [*ours, shares] if len(store.venues(view.connection)) > 1 else ours)


def _market(view: View, market: int, terms: Any) -> Row:
    base, quote = view.source.token(terms.base), view.source.token(terms.quote)
    label = "/".join(token["symbol"] or token["address"] for token in (base, quote))
    return {"market": str(market), "label": label, "base": base, "quote": quote, "lot": str(terms.lot), "source": "prints"}


@router.get("/windows")
def list_windows(
    view: Reads, wanted: Wanted, cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=MOST, description="Windows of a page, at most.")] = FIRST_LIMIT,
) -> Page[LiquidityWindow]:  # fmt: skip
    """Windows in which anything was printed or reported, the oldest first; each whole, if any of it is in the time asked for."""
    after = None if cursor is None else tuple(pages.decode("windows", cursor, int, str, str))
    found = []
    for one in store.windows(view.connection, wanted, after):
        if len(found) == limit:
            return page(view, list(map(_window, found)), pages.encode("windows", *found[-1].key))
        found.append(one)
    return page(view, list(map(_window, found)))


def _window(one: Window) -> Row:
    plain = ("market", "venue", "start", "end", "prints", "late", "final")
    words = ("volume", "notional", "open", "high", "low", "close", "vwap")
    return {name: getattr(one, name) for name in plain} | {name: _word(getattr(one, name)) for name in words}


def _word(value: int | None) -> str | None:
    return None if value is None else str(value)


@router.get("/compare")
def compare_venues(view: Reads, first: From = None, last: To = None) -> Page[VenueShare]:
    """What each venue traded in that time, and its share of all venues of its source, rounded down."""
    if None not in (first, last) and first > last:
        raise Problem(422, f"from {first} is after to {last}: swap them")
    found = view.source.kept(_key(view, "compare", first, last), lambda: store.compare(view.connection, first, last))
    return page(view, [_share(one) for one in found])


def _share(one: store.Share) -> Row:
    venue = {name: getattr(one.venue, name) for name in ("venue", "name", "source")}
    numbers = {name: getattr(one, name) for name in ("prints", "share_bps", "weeks")}
    return venue | numbers | {"volume": str(one.volume), "notional": _word(one.notional)}


@router.get("/heatmap")
def get_heatmap(view: Reads, market: Code = None, venue: Code = None, first: From = None, last: To = None) -> Heatmap:
    """When our markets trade: by weekday, Monday first, and hour, UTC."""
    if venue not in (None, SHADOWPOOL):
        raise Problem(422, f"{venue} reports weeks, not hours: ask for {SHADOWPOOL}")
    wanted = _wanted(market, venue, first, last)
    cells = view.source.kept(_key(view, "heatmap", wanted), lambda: store.heatmap(view.connection, wanted))
    rows = [[{"prints": cell.prints, "volume": str(cell.volume)} for cell in row] for row in cells]
    return {"rows": len(rows), "columns": len(rows[0]), "cells": rows}


def _key(view: View, *what: Any) -> tuple:
    return ("liquidity", *store.revision(view.connection), *what)


# --- Export ---


def _file(media_type: str) -> dict[str, Any]:
    return {"response_class": StreamingResponse, "responses": {200: {"content": {media_type: {"schema": {"type": "string", "format": "binary"}}}}}}


@router.get("/windows.csv", **_file("text/csv"))
def get_csv(view: Reads, wanted: Wanted, request: Request) -> Response:
    """All windows asked for, with a header."""
    return _export(view, wanted, request, "csv")


@router.get("/windows.parquet", **_file("application/vnd.apache.parquet"))
def get_parquet(view: Reads, wanted: Wanted, request: Request) -> Response:
    """All windows asked for; amounts are decimal128."""
    return _export(view, wanted, request, "parquet")


def _export(view: View, wanted: store.Query, request: Request, kind: str) -> Response:
    """The windows as a file, written out before it is sent: a slow client holds no database."""
    tag = f'W/"{hashlib.sha256(repr(_key(view, kind, wanted)).encode()).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": MOVES, "Vary": "Authorization"}
    if has(request, tag):
        return Response(status_code=304, headers=headers)
    media_type, write = export.FORMATS[kind]
    file = SpooledTemporaryFile(IN_MEMORY)
    try:
        write(store.windows(view.connection, wanted), file)
    except BaseException as error:
        file.close()
        if isinstance(error, export.ExportError):
            raise Problem(422, str(error)) from None
        raise
    headers |= {"Content-Length": str(file.tell()), "Content-Disposition": f'attachment; filename="windows.{kind}"'}
    file.seek(0)
    return StreamingResponse(_chunks(file), headers=headers, media_type=media_type)


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(CHUNK):
            yield chunk
