"""Who saw or decided what: a hash chain (offchain.hashchain), whose end an anchor (indexer.audit.anchors) keeps.

The log outlives the index, which may be made anew at any time, so that it is a database of its own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from indexer.database import BUSY_SECONDS, DatabaseError
from offchain import hashchain
from offchain.hashchain import MAX_TEXT, START, HashChain, LogBroken
from offchain.paths import BUILD

__all__ = ["MAX_TEXT", "START", "AccessLog", "Entry", "LogBroken"]

DEFAULT = BUILD / "access-log.sqlite"
_CHAIN = HashChain("access_log", "role", "subject", "action", "resource", "outcome")


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
        return hashchain.link(before, astuple(self)[:-1])


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
        if self._engine.dialect.name not in hashchain.DIALECTS:
            raise DatabaseError(f"no access log in {self._engine.dialect.name}: use SQLite or Postgres")
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine, "connect", _durable)
        try:
            with self._alone() as connection:
                _CHAIN.create(connection)
        except SQLAlchemyError as error:
            self._engine.dispose()
            raise DatabaseError(f"the access log does not answer: {str(error).splitlines()[0]}") from None

    def close(self) -> None:
        self._engine.dispose()

    def append(self, role: str, subject: str, action: str, resource: str, outcome: str) -> Entry:
        """Add a row, on disk when this returns; longer texts than MAX_TEXT are cut."""
        with self._alone() as connection:
            return Entry(*_CHAIN.append(connection, role, subject, action, resource, outcome))

    def head(self) -> tuple[int, str]:
        """(how many rows there are, the last one's link)."""
        with self._engine.connect() as connection:
            return _CHAIN.head(connection)

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """The rows after a number, in order."""
        with self._engine.connect() as connection:
            for row in _CHAIN.rows(connection, after):
                yield Entry(*row)

    def verify(self) -> dict[int, str]:
        """Hold every row to the one before it; the links by number. LogBroken at the first that does not follow."""
        return {0: START} | dict(hashchain.links(map(astuple, self.entries())))

    @contextmanager
    def _alone(self) -> Iterator[Connection]:
        """A transaction that no other writer's runs beside."""
        if self._engine.dialect.name == "postgresql":
            with self._engine.begin() as connection:
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


def _durable(connection, record) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_SECONDS * 1000}"):
        connection.execute(f"PRAGMA {pragma}")
