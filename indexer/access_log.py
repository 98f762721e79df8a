"""Who saw or decided what: rows that are only added, each linked to the one before it by sha256.

A row's link covers everything in it and the link before, so that a row changed, deleted or put in breaks
the chain at its place; the database refuses both too, where it can. Cutting rows off the end leaves a
chain that holds: only an anchor (indexer.audit.anchors) tells, for the rows up to it.

The log outlives the index, which may be made anew at any time, so that it is a database of its own.
"""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, astuple, dataclass
from pathlib import Path

from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, Text, create_engine, event, func, select
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from indexer.database import BUSY_SECONDS, DatabaseError
from offchain.paths import BUILD

DEFAULT = BUILD / "access-log.sqlite"
START = "00" * 32
"""The link before the first row."""

MAX_TEXT = 2_000
"""Characters of one column: a client's own words must not fill the disk."""

_LOG = Table(
    "access_log",
    MetaData(),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("time", BigInteger, nullable=False),
    *(Column(name, Text, nullable=False) for name in ("role", "subject", "action", "resource", "outcome", "link")),
)
_REFUSE = {
    "sqlite": [
        f"CREATE TRIGGER IF NOT EXISTS access_log_{what.lower()} BEFORE {what} ON access_log "
        "BEGIN SELECT RAISE(ABORT, 'the access log is only added to'); END"
        for what in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        "CREATE OR REPLACE FUNCTION access_log_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the access log is only added to'; END $$",
        "CREATE OR REPLACE TRIGGER access_log_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON access_log "
        "FOR EACH STATEMENT EXECUTE FUNCTION access_log_refuse()",
    ],
}


class LogBroken(Exception):
    """The log was tampered with; the message says at which row, and how it shows."""


@dataclass(frozen=True)
class Entry:
    """One row. `time` in milliseconds since 1970; `subject` is an address, an owner or a token's name, never a
    secret; `link` is 64 hexadecimal digits."""

    number: int
    time: int
    role: str
    subject: str
    action: str
    resource: str
    outcome: str
    link: str

    def expected(self, before: str) -> str:
        """The link that follows from `before` and what the row says."""
        said = json.dumps([before, *astuple(self)[:-1]], ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(said.encode()).hexdigest()


class AccessLog:
    """The log in an SQLite file, or in the database of a URL. Threads and processes may share it.

    DatabaseError if it cannot be opened.
    """

    def __init__(self, place: Path | str = DEFAULT):
        if isinstance(place, Path):
            place.parent.mkdir(parents=True, exist_ok=True)
            place = f"sqlite:///{place}"
        try:
            self._engine = create_engine(place)
        except (ArgumentError, ImportError) as error:
            raise DatabaseError(f"no access log at {place!r}: {error}; give a file or a URL") from None
        if self._engine.dialect.name not in _REFUSE:
            raise DatabaseError(f"no access log in {self._engine.dialect.name}: use SQLite or Postgres")
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine, "connect", _durable)
        try:
            with self._alone() as connection:
                _LOG.create(connection, checkfirst=True)
                for statement in _REFUSE[self._engine.dialect.name]:
                    connection.exec_driver_sql(statement)
        except SQLAlchemyError as error:
            self._engine.dispose()
            raise DatabaseError(f"the access log does not answer: {str(error).splitlines()[0]}") from None

    def close(self) -> None:
        self._engine.dispose()

    def append(self, role: str, subject: str, action: str, resource: str, outcome: str) -> Entry:
        """Add a row, on disk when this returns; longer texts than MAX_TEXT are cut."""
        said = [_storable(text) for text in (role, subject, action, resource, outcome)]
        with self._alone() as connection:
            number, before = _head(connection)
            entry = Entry(number + 1, time.time_ns() // 1_000_000, *said, link="")
            entry = Entry(*astuple(entry)[:-1], link=entry.expected(before))
            connection.execute(_LOG.insert().values(**asdict(entry)))
            return entry

    def head(self) -> tuple[int, str]:
        """(how many rows there are, the last one's link)."""
        with self._engine.connect() as connection:
            return _head(connection)

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """The rows after a number, in order."""
        with self._engine.connect() as connection:
            rows = select(_LOG).where(_LOG.c.number > after).order_by(_LOG.c.number)
            for row in connection.execution_options(yield_per=1_000).execute(rows):
                yield Entry(*row)

    def verify(self) -> dict[int, str]:
        """Hold every row to the one before it; the links by number. LogBroken at the first that does not follow."""
        links = {0: START}
        for entry in self.entries():
            if entry.number != len(links):
                raise LogBroken(f"row {len(links)} is missing: row {entry.number} stands in its place")
            if entry.link != entry.expected(links[entry.number - 1]):
                raise LogBroken(f"row {entry.number} does not follow from those before it: it or they were changed")
            links[entry.number] = entry.link
        return links

    @contextmanager
    def _alone(self) -> Iterator[Connection]:
        """A transaction that no other writer's runs beside."""
        if self._engine.dialect.name == "postgresql":
            with self._engine.begin() as connection:
                connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
                yield connection
            return
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise
            connection.exec_driver_sql("COMMIT")


_LOCK = int.from_bytes(hashlib.sha256(b"shadowpool access log").digest()[:7], "big")


def _durable(connection, record) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_SECONDS * 1000}"):
        connection.execute(f"PRAGMA {pragma}")


def _storable(text: str) -> str:
    """What every database takes, and gives back as it was."""
    return text[:MAX_TEXT].encode(errors="replace").decode().replace("\0", "?")


def _head(connection: Connection) -> tuple[int, str]:
    row = connection.execute(select(_LOG.c.number, _LOG.c.link).order_by(_LOG.c.number.desc()).limit(1)).first()
    return (0, START) if row is None else (row.number, row.link)
