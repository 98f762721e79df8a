"""The windows, read: our prints' and the weeks of other venues as one thing, streamed, oldest first."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import groupby
from operator import attrgetter

from sqlalchemy import Connection, Select, func, select

from indexer import models
from indexer.liquidity.tables import ATS_IMPORTS, ATS_WEEKS, STREAM, WINDOWS
from indexer.liquidity.windows import DAY, HOUR, SHADOWPOOL, STEPS, WEEK, WINDOW, Window, floor, joined

SHARES = "shares"
"""The market key of ATS weeks: what a venue reports is of all its shares together."""

READ_ROWS = 2_000
BPS = 10_000
MARKETS = models.Market.__table__


class QueryError(ValueError):
    """No windows can be asked for so; the message says what to change."""


@dataclass(frozen=True)
class Query:
    """Windows of `step` seconds that overlap [first, last], of a market and venue; None leaves it open."""

    market: str | None = None
    venue: str | None = None
    first: int | None = None
    last: int | None = None
    step: int = WINDOW

    def __post_init__(self) -> None:
        if self.step not in STEPS:
            raise QueryError(f"a window has {', '.join(map(str, STEPS))} seconds, not {self.step}")
        if None not in (self.first, self.last) and self.first > self.last:
            raise QueryError(f"from {self.first} is after to {self.last}: swap them")
        if self.venue not in (None, SHADOWPOOL) and self.step != WEEK:
            raise QueryError(f"{self.venue} reports weeks: ask for a step of {WEEK}")

    def since(self, statement: Select, column, step: int) -> Select:
        """`statement` narrowed to the rows, each from `column` on, that the windows asked for are made of."""
        if self.first is not None:
            statement = statement.where(column >= floor(self.first, step))
        if self.last is not None:
            statement = statement.where(column < floor(self.last, step) + step)
        return statement


def windows(connection: Connection, query: Query, after: tuple[int, str, str] | None = None) -> Iterator[Window]:
    """Windows in which anything was printed or reported, by start, venue, market: those after a key (Window.key).

    In constant memory; `connection` stays at one state of the database while they are read (database.snapshot).
    """
    sources = []
    if query.venue in (None, SHADOWPOOL):
        sources.append(_ours(connection, query, after))
    if query.step == WEEK and query.venue != SHADOWPOOL and query.market in (None, SHARES):
        sources.append(_weeks(connection, query, after))
    for one in merge(*sources, key=attrgetter("key")):
        if after is None or one.key > after:
            yield one


def _ours(connection: Connection, query: Query, after: tuple[int, str, str] | None = None) -> Iterator[Window]:
    market = _number(query.market)
    if query.market is not None and market is None:
        return
    statement = query.since(select(WINDOWS).order_by(WINDOWS.c.start, WINDOWS.c.market), WINDOWS.c.start, query.step)
    if market is not None:
        statement = statement.where(WINDOWS.c.market == market)
    if after is not None:
        statement = statement.where(WINDOWS.c.start >= after[0])
    watermark, step = connection.execute(select(STREAM.c.watermark)).scalar_one(), query.step
    rows = _streamed(connection, statement)
    for start, parts in groupby(rows, key=lambda row: floor(row.start, step)):
        made: dict[str, Window] = {}
        for row in parts:
            part = _window(row, start, start + step, watermark)
            made[part.market] = joined(made[part.market], part) if part.market in made else part
        yield from (made[key] for key in sorted(made))


def _window(row, start: int, end: int, watermark: int) -> Window:
    prices = row.open, row.high, row.low, row.close
    sums = row.prints, row.volume, row.notional
    return Window(str(row.market), SHADOWPOOL, start, end, *sums, *prices, row.late, end <= watermark)


def _weeks(connection: Connection, query: Query, after: tuple[int, str, str] | None = None) -> Iterator[Window]:
    statement = query.since(select(ATS_WEEKS).order_by(ATS_WEEKS.c.start, ATS_WEEKS.c.venue), ATS_WEEKS.c.start, WEEK)
    if query.venue is not None:
        statement = statement.where(ATS_WEEKS.c.venue == query.venue)
    if after is not None:
        statement = statement.where(ATS_WEEKS.c.start >= after[0])
    # In Python's order of venues, whatever the database's collation.
    for _, rows in groupby(_streamed(connection, statement), key=attrgetter("start")):
        for row in sorted(rows, key=attrgetter("venue")):
            end = row.start + WEEK
            yield Window(SHARES, row.venue, row.start, end, None, row.shares, None, *[None] * 4, late=0, final=True)


def _streamed(connection: Connection, statement: Select) -> Iterator:
    return iter(connection.execute(statement.execution_options(yield_per=READ_ROWS)))


def _number(market: str | None) -> int | None:
    """The id that a market key of ours names."""
    plain = market is not None and market.isascii() and market.isdigit() and len(market) <= 18 and market == str(int(market))
    return int(market) if plain else None


# --- Venues ---


@dataclass(frozen=True)
class Venue:
    """`first` and `last`: starts of its windows (seconds); None before the first."""

    venue: str
    first: int | None
    last: int | None
    markets: tuple[str, ...]

    @property
    def source(self) -> str:
        return "prints" if self.venue == SHADOWPOOL else "finra"

    @property
    def name(self) -> str:
        """For people. FINRA's file names venues by their market participant id alone."""
        return "Shadowpool" if self.venue == SHADOWPOOL else self.venue


def venues(connection: Connection) -> list[Venue]:
    """Ours first, with every market that was opened; then the others by code."""
    first, last = connection.execute(select(func.min(WINDOWS.c.start), func.max(WINDOWS.c.start))).one()
    markets = connection.execute(select(MARKETS.c.market).order_by(MARKETS.c.market)).scalars()
    ours = Venue(SHADOWPOOL, first, last, tuple(map(str, markets)))
    week = ATS_WEEKS.c.start
    found = connection.execute(select(ATS_WEEKS.c.venue, func.min(week), func.max(week)).group_by(ATS_WEEKS.c.venue))
    return [ours, *(Venue(*row, (SHARES,)) for row in sorted(found.all()))]


@dataclass
class Share:
    """What a venue traded. `share_bps` of all venues of its source, rounded down; `notional` None where
    markets have different quotes, or for an ATS; `weeks` in which it traded."""

    venue: Venue
    volume: int
    notional: int | None
    prints: int | None
    weeks: int
    share_bps: int = 0


def compare(connection: Connection, first: int | None = None, last: int | None = None) -> list[Share]:
    """Venues that traded between two times, the largest first, ours before the others."""
    of_venue = {one.venue: one for one in venues(connection)}
    ours = _total(of_venue[SHADOWPOOL], _ours(connection, Query(first=first, last=last)))
    if ours and not _one_quote(connection):
        ours.notional = None
    weeks: dict[str, list[Window]] = {}
    for one in _weeks(connection, Query(first=first, last=last, step=WEEK)):
        weeks.setdefault(one.venue, []).append(one)
    others = [_total(of_venue[venue], found) for venue, found in weeks.items()]
    return [share for source in ([ours] if ours else [], others) for share in _shared(source)]


def _total(venue: Venue, found: Iterable[Window]) -> Share | None:
    """The sum of a venue's windows; None without any."""
    total, weeks = None, set()
    for one in found:
        weeks.add(floor(one.start, WEEK))
        if total is None:
            total = Share(venue, one.volume, one.notional, one.prints, 0)
            continue
        total.volume += one.volume
        if one.prints is not None:
            total.prints, total.notional = total.prints + one.prints, total.notional + one.notional
    if total:
        total.weeks = len(weeks)
    return total


def _one_quote(connection: Connection) -> bool:
    printed = select(WINDOWS.c.market).distinct()
    quotes = select(func.count(MARKETS.c.quote.distinct())).where(MARKETS.c.market.in_(printed))
    return connection.execute(quotes).scalar_one() <= 1


def _shared(shares: list[Share]) -> list[Share]:
    total = sum(share.volume for share in shares)
    for share in shares:
        share.share_bps = share.volume * BPS // total if total else 0
    return sorted(shares, key=lambda share: (-share.volume, share.venue.venue))


@dataclass
class Cell:
    """What was traded in one hour of the week."""

    prints: int = 0
    volume: int = 0


def heatmap(connection: Connection, query: Query) -> list[list[Cell]]:
    """Our prints by weekday (Monday first) and hour, UTC: 7 rows of 24. QueryError for a venue that reports weeks."""
    if query.venue not in (None, SHADOWPOOL):
        raise QueryError(f"{query.venue} reports weeks, not hours: ask for {SHADOWPOOL}")
    cells = [[Cell() for _ in range(DAY // HOUR)] for _ in range(WEEK // DAY)]
    for one in _ours(connection, query):
        at = one.start - floor(one.start, WEEK)
        cell = cells[at // DAY][at % DAY // HOUR]
        cell.prints, cell.volume = cell.prints + one.prints, cell.volume + one.volume
    return cells


def revision(connection: Connection) -> tuple:
    """Changes whenever any answer of this module may."""
    state = connection.execute(select(STREAM.c.block, STREAM.c.hash, STREAM.c.watermark)).one()
    imports = connection.execute(select(func.max(ATS_IMPORTS.c.id))).scalar()
    markets = connection.execute(select(func.count()).select_from(MARKETS)).scalar()
    return *state, imports, markets
