"""FINRA's weekly volumes of alternative trading systems (ATS): CSV of MPID, weekStartDate, shares.

A file is taken in whole or not at all, and as often as one likes. FINRA corrects weeks after the
fact: a number that differs from the one already held is refused, unless it is meant to replace it.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, delete, insert, select, update

from indexer import database
from indexer.liquidity.tables import ATS_IMPORTS, ATS_WEEKS
from offchain.field import check_range

HEADER = "MPID,weekStartDate,shares"
ROW = re.compile("(?P<venue>[A-Z0-9]{4}),(?P<week>[0-9]{4}-[0-9]{2}-[0-9]{2}),(?P<shares>0|[1-9][0-9]{0,18})")
"""A market participant's identifier has four letters or digits."""

Key = tuple[int, str]


class FinraError(ValueError):
    """The file cannot be taken in; the message names its line, and says what is wrong with it."""


@dataclass(frozen=True)
class Imported:
    """What a file brought: rows in it, of them new, held already, and put in place of others."""

    rows: int
    added: int
    unchanged: int
    replaced: int


def import_file(engine: Engine, path: Path, replace: bool = False) -> Imported:
    """Take a file in; numbers that differ from those held are refused, or with `replace` put in their place.

    FinraError for a line that is not as FINRA writes it, or for two of the same venue and week.
    """
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        rows = read(file, path.name)
    with engine.begin() as connection:
        # A write before any reading keeps a second import out of SQLite until this one is done.
        mark = connection.execute(insert(ATS_IMPORTS).values(sha256=sha256, rows=len(rows), added=0, replaced=0))
        done = _store(connection, rows, replace, path.name)
        here = ATS_IMPORTS.c.id == mark.inserted_primary_key[0]
        if done.added or done.replaced:
            connection.execute(update(ATS_IMPORTS).where(here).values(added=done.added, replaced=done.replaced))
        else:
            connection.execute(delete(ATS_IMPORTS).where(here))
    return done


def read(file: Iterable[bytes], name: str) -> dict[Key, tuple[int, int]]:
    """{(week's start in seconds, venue): (shares, line)} of a file; FinraError at the first line that is wrong."""
    lines = _lines(file, name)
    number, header = next(lines, (1, ""))
    if header != HEADER:
        raise FinraError(f"{name}, line 1: the header is {header[:80]!r}, and has to be {HEADER!r}")
    rows: dict[Key, tuple[int, int]] = {}
    today = datetime.now(UTC).date()
    for number, line in lines:
        try:
            start, venue, shares = _row(line, today)
        except ValueError as error:
            raise FinraError(f"{name}, line {number}: {error}") from None
        if (start, venue) in rows:
            raise FinraError(f"{name}, line {number}: {venue} in that week stands in line {rows[start, venue][1]} already")
        rows[start, venue] = shares, number
    if not rows:
        raise FinraError(f"{name}, line {number}: there is no row under the header")
    return rows


def _lines(file: Iterable[bytes], name: str) -> Iterator[tuple[int, str]]:
    """Lines by number, without their ends."""
    for number, raw in enumerate(file, 1):
        try:
            yield number, raw.decode("ascii").removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            raise FinraError(f"{name}, line {number}: it is not ASCII text") from None


def _row(line: str, today: date) -> tuple[int, str, int]:
    """(start, venue, shares) of a line; ValueError saying what is wrong."""
    match = ROW.fullmatch(line)
    if match is None:
        raise ValueError(f"{line[:80]!r} is not MPID,YYYY-MM-DD,shares (four capitals or digits, a date, a whole number)")
    try:
        week = date.fromisoformat(match["week"])
    except ValueError as error:
        raise ValueError(f"{match['week']} is no date: {error}") from None
    if week.weekday() != 0:
        raise ValueError(f"{week} is a {week:%A}, and weeks begin on Mondays")
    if week > today:
        raise ValueError(f"the week of {week} has not begun")
    if week.year < 1970:
        raise ValueError(f"the week of {week} is before 1970")
    shares = check_range(int(match["shares"]), 0, 1 << 63, "shares")
    return int(datetime(week.year, week.month, week.day, tzinfo=UTC).timestamp()), match["venue"], shares


def _store(connection: Connection, rows: dict[Key, tuple[int, int]], replace: bool, name: str) -> Imported:
    starts = [start for start, _ in rows]
    held = connection.execute(select(ATS_WEEKS).where(ATS_WEEKS.c.start.between(min(starts), max(starts))))
    before = {(row.start, row.venue): row.shares for row in held}
    added = [key for key in rows if key not in before]
    other = [key for key, (shares, _) in rows.items() if before.get(key, shares) != shares]
    if other and not replace:
        start, venue = other[0]
        shares, number = rows[other[0]]
        raise FinraError(
            f"{name}, line {number}: {venue} has {before[other[0]]} shares in that week, and the file says {shares} "
            f"({len(other)} such lines): if it corrects them, import it with --replace"
        )
    for start, venue in other:
        connection.execute(delete(ATS_WEEKS).where(ATS_WEEKS.c.start == start, ATS_WEEKS.c.venue == venue))
    values = [{"start": key[0], "venue": key[1], "shares": rows[key][0]} for key in added + other]
    database.insert(connection, {ATS_WEEKS: values})
    return Imported(len(rows), len(added), len(rows) - len(added) - len(other), len(other))
