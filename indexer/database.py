"""The indexer's database: opened at the schema of this version or not at all, written out canonically.

SQLite by default, Postgres by URL; both give the same rows.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Dialect, Engine, Table, create_engine, delete, event, select
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError

from indexer.models import CHAIN_TABLES
from offchain.paths import BUILD

DEFAULT_URL = f"sqlite:///{BUILD / 'indexer.sqlite'}"
MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_SECONDS = 30


class DatabaseError(Exception):
    """The database cannot be used; the message says why and what to do."""


def open(url: str = DEFAULT_URL) -> Engine:
    """The database, brought to this version's schema: `sqlite:///file` or `postgresql+psycopg://…`.

    DatabaseError if it cannot be reached, or is of a version that this one does not know.
    """
    try:
        engine = create_engine(url)
    except (ArgumentError, ImportError) as error:
        raise DatabaseError(f"no database by that URL: {error}; use sqlite:///FILE or postgresql+psycopg://…") from None
    if engine.dialect.name not in ("sqlite", "postgresql"):
        raise DatabaseError(f"{engine.dialect.name} is not supported: use SQLite or Postgres")
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite)
    try:
        with engine.begin() as connection:
            _migrate(connection)
    except SQLAlchemyError as error:
        engine.dispose()
        raise DatabaseError(f"the database does not answer: {str(error).splitlines()[0]}") from None
    return engine


def _sqlite(connection: Any, record: Any) -> None:
    """Readers beside the one writer, and durable transactions without a sync of the disk for each row."""
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", f"busy_timeout={BUSY_SECONDS * 1000}", "cache_size=-65536"):
        connection.execute(f"PRAGMA {pragma}")


def _migrate(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    scripts = ScriptDirectory.from_config(config)
    known = {script.revision for script in scripts.walk_revisions()}
    for revision in MigrationContext.configure(connection).get_current_heads():
        if revision not in known:
            raise DatabaseError(
                f"the database has schema {revision}, of a later version: update the indexer, or give it another database"
            )
    command.upgrade(config, "head")


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A connection whose reads are all of one state of the database."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")
        else:
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        yield connection


def insert(connection: Connection, rows: dict[Table, list[dict]]) -> None:
    """Add rows by table, as fast as the driver takes them: COPY on Postgres, one prepared statement on SQLite.

    IntegrityError of SQLAlchemy where a key stands already.
    """
    for table, values in rows.items():
        if not values:
            continue
        columns, convert = _columns(table, connection.dialect)
        lines = (tuple([to(row[name]) if to else row[name] for name, to in convert]) for row in values)
        if connection.dialect.name == "postgresql":
            copying = f"COPY {table.name} ({columns}) FROM STDIN"
            try:
                with connection.connection.cursor() as cursor, cursor.copy(copying) as copy:
                    for line in lines:
                        copy.write_row(line)
            except psycopg.IntegrityError as error:     # past SQLAlchemy, which would have made it its own
                raise IntegrityError(copying, None, error) from None
        else:
            marks = ", ".join("?" * len(convert))
            connection.exec_driver_sql(f"INSERT INTO {table.name} ({columns}) VALUES ({marks})", list(lines))


@cache
def _columns(table: Table, dialect: Dialect) -> tuple[str, tuple[tuple[str, Callable[[Any], Any] | None], ...]]:
    """(the names of a table's columns as SQL, each name with what the driver's value is made by, None for itself)."""
    quote = dialect.identifier_preparer.quote
    convert = tuple((column.name, column.type.dialect_impl(dialect).bind_processor(dialect)) for column in table.columns)
    return ", ".join(quote(name) for name, _ in convert), convert


def forget(connection: Connection, block: int) -> int:
    """Delete what came after `block`; how many rows of events went."""
    gone = {table.name: connection.execute(delete(table).where(table.c.block > block)).rowcount for table in CHAIN_TABLES}
    return gone["events"]


def dump(connection: Connection, tables: Iterable[Table] = CHAIN_TABLES) -> Iterable[str]:
    """Every row as a line of JSON, ordered by table and key: equal for equal tables in any database."""
    for table in tables:
        for row in connection.execution_options(yield_per=1_000).execute(select(table).order_by(*table.primary_key)):
            yield json.dumps([table.name, *map(_plain, row)])


def digest(connection: Connection, tables: Iterable[Table] = CHAIN_TABLES) -> str:
    """sha256 of the dump, hexadecimal."""
    found = hashlib.sha256()
    for line in dump(connection, tables):
        found.update(line.encode() + b"\n")
    return found.hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, tuple):
        return list(map(str, value))
    return bytes(value).hex() if isinstance(value, (bytes, memoryview)) else value
