"""A log that shows what was done to it: rows of text that are only added, each linked to the one before by sha256.

A row's link covers everything in it and the link before, so that a row changed, deleted or put in breaks the
chain at its place; the database refuses both too, where it can. Cutting rows off the end leaves a chain that
holds: who must know keeps a count and a link elsewhere.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, Text, func, select

from offchain.clock import unix_ms

START = "00" * 32
"""The link before the first row."""

MAX_TEXT = 2_000
"""Characters of one column: a client's own words must not fill the disk."""

DIALECTS = ("sqlite", "postgresql")
Row = Sequence[Any]
"""number, time in milliseconds since 1970, the texts, the link (64 hexadecimal digits)"""


class LogBroken(Exception):
    """The log was tampered with; the message says at which row, and how it shows."""


def link(before: str, row: Row) -> str:
    """The link that follows from `before` and a row without its own."""
    said = json.dumps([before, *row], ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(said.encode()).hexdigest()


def links(rows: Iterable[Row]) -> Iterator[tuple[int, str]]:
    """(number, link) of all rows from the first, each held to the one before it. LogBroken at the first that does
    not follow."""
    before = START
    for expected, (number, *said, found) in enumerate(rows, start=1):
        if number != expected:
            raise LogBroken(f"row {expected} is missing: row {number} stands in its place")
        if found != link(before, (number, *said)):
            raise LogBroken(f"row {number} does not follow from those before it: it or they were changed")
        before = found
        yield number, found


class HashChain:
    """The table `name` of `columns`. A connection that writes is in a transaction: of SQLite an immediate one, so
    that no other writer's runs beside; of Postgres, the chain takes a lock for that itself."""

    def __init__(self, name: str, *columns: str, max_text: int = MAX_TEXT):
        self._said, self._max_text = name.replace("_", " "), max_text
        texts = (Column(column, Text, nullable=False) for column in (*columns, "link"))
        number = Column("number", BigInteger, primary_key=True, autoincrement=False)
        self.table = Table(name, MetaData(), number, Column("time", BigInteger, nullable=False), *texts)

    def create(self, connection: Connection) -> None:
        """Make the table where it is new, and have the database refuse changes of its rows."""
        self._alone(connection)
        self.table.create(connection, checkfirst=True)
        for statement in self._refusals(connection.dialect.name):
            connection.exec_driver_sql(statement)

    def append(self, connection: Connection, *texts: str) -> Row:
        """Add a row, kept with the transaction; longer texts are cut."""
        self._alone(connection)
        number, before = self.head(connection)
        row = (number + 1, unix_ms(), *map(self._storable, texts))
        row = (*row, link(before, row))
        connection.execute(self.table.insert().values(dict(zip(self.table.c.keys(), row, strict=True))))
        return row

    def head(self, connection: Connection) -> tuple[int, str]:
        """(how many rows there are, the last one's link)"""
        columns = self.table.c
        row = connection.execute(select(columns.number, columns.link).order_by(columns.number.desc()).limit(1)).first()
        return (0, START) if row is None else (row.number, row.link)

    def rows(self, connection: Connection, after: int = 0, limit: int | None = None) -> Iterable[Row]:
        """The rows after a number, in order."""
        number = self.table.c.number
        found = select(self.table).where(number > after).order_by(number).limit(limit)
        return connection.execution_options(yield_per=1_000).execute(found)

    def _alone(self, connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            lock = int.from_bytes(hashlib.sha256(f"shadowpool {self._said}".encode()).digest()[:7], "big")
            connection.execute(select(func.pg_advisory_xact_lock(lock)))

    def _storable(self, text: str) -> str:
        """What every database takes, and gives back as it was."""
        return text[: self._max_text].encode(errors="replace").decode().replace("\0", "?")

    def _refusals(self, dialect: str) -> list[str]:
        name, message = self.table.name, f"the {self._said} is only added to"
        if dialect == "sqlite":
            return [
                f"CREATE TRIGGER IF NOT EXISTS {name}_{what.lower()} BEFORE {what} ON {name} "
                f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
                for what in ("UPDATE", "DELETE")
            ]
        return [
            f"CREATE OR REPLACE FUNCTION {name}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{message}'; END $$",
            f"CREATE OR REPLACE TRIGGER {name}_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON {name} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {name}_refuse()",
        ]
