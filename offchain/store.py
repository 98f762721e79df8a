"""What a service must remember through a death: one SQL database, SQLite or PostgreSQL.

Relayer and agent keep their own tables besides these. Nothing here is secret in clear: events are
the chain's own, transactions are sealed by their outbox. Numbers beyond 64 bits are text.
"""

import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self, TextIO

import psycopg
import structlog
from sqlalchemy import BigInteger, Column, Engine, Index, LargeBinary, Text, UniqueConstraint, delete, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlmodel import Field, Session, SQLModel, create_engine, func, select

from offchain.chain import Event
from offchain.deployment import Deployment
from offchain.ledger import TIPS_KEPT
from offchain.state import State

SCHEMA = "1"

WATCHED = text("sealed IS NOT NULL")
READS = "shadowpool_reads"
log = structlog.get_logger()


class StoreError(Exception):
    """The database cannot be used as it is; the message says why and what to do."""


class Busy(StoreError):
    """Another process writes with this key."""


class Torn(Busy):
    """What this process remembers may not be what the database holds: it must end, and read it back."""


def big(default: Any = ..., **options) -> Any:
    """A column of 64 bits, which may hold nothing only where that is its default."""
    return Field(default, sa_column=Column(BigInteger, nullable=default is None, **options))


class Meta(SQLModel, table=True):
    """What the database is: its schema, and the deployment that it is about."""

    key: str = Field(primary_key=True)
    value: str


class Tip(SQLModel, table=True):
    """A block up to which events were taken in."""

    number: int = big(primary_key=True, autoincrement=False)
    hash: str


class EventRow(SQLModel, table=True):
    """An event that says something to `State`; `args` is JSON without wallets' addresses."""

    __tablename__ = "event"
    block: int = big(primary_key=True, autoincrement=False)
    index: int = Field(primary_key=True)
    block_hash: str
    contract: str
    name: str
    args: str = Field(sa_column=Column(Text, nullable=False))
    tx: str


class Send(SQLModel, table=True):
    """A transaction of the outbox, under a key that its poster chose; see `offchain.outbox`.

    `hashes` are those under which it was ever signed, the newest last; one with a minus in front is
    an empty transaction that takes its nonce. `block` to `ok` say what the present branch holds.
    """

    __table_args__ = (
        UniqueConstraint("sender", "key"),
        UniqueConstraint("sender", "nonce"),
        # What ended long ago is kept by name, and looked at no more, however much a carrier carries.
        Index("send_watched", "sender", "block", sqlite_where=WATCHED, postgresql_where=WATCHED),
    )
    id: int | None = Field(default=None, primary_key=True)
    sender: str = Field(index=True)
    key: str
    name: str
    state: str = Field(index=True)
    nonce: int = big()
    max_fee: str
    tip: str
    hashes: str = Field(sa_column=Column(Text, nullable=False))
    sealed: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    sent_block: int = big(default=0)
    block: int | None = big(default=None)
    block_hash: str | None = None
    gas_used: int | None = None
    ok: bool | None = None
    reason: str | None = None
    attempts: int = 1


class Store:
    """Sessions on one database. Each is one transaction, short, and ends with its block."""

    tables: tuple[type[SQLModel], ...] = (Meta, Tip, EventRow, Send)

    def __init__(self, engine: Engine):
        self.engine = engine

    @classmethod
    def open(cls, url: str, deployment: Deployment | None = None, **facts: str) -> Self:
        """`sqlite:///FILE` or `postgresql+psycopg://host/name`, made where it is new.

        StoreError if it is unreachable, holds another schema, or is about another deployment or other `facts`.
        """
        try:
            parsed = make_url(url)
        except ArgumentError:
            raise StoreError("no database URL: write sqlite:///FILE or postgresql+psycopg://HOST/NAME") from None
        if parsed.password:
            raise StoreError("the database's URL holds a password: leave it out, and use PGPASSFILE or PGPASSWORD")
        if parsed.drivername == "sqlite":
            engine = _sqlite(url, parsed.database)
        elif parsed.drivername == "postgresql+psycopg":
            alive = {"connect_timeout": 10, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
            engine = create_engine(url, pool_pre_ping=True, pool_size=10, connect_args=alive)
        else:
            raise StoreError(f"no database of kind {parsed.drivername}: use sqlite or postgresql+psycopg")
        store = cls(engine)
        try:
            store._prepare(deployment, facts)
        except DBAPIError as error:
            engine.dispose()
            where, problem = parsed.render_as_string(), type(error.orig).__name__
            raise StoreError(f"{where} does not answer ({problem}): does it run, may we write?") from None
        except BaseException:
            engine.dispose()
            raise
        return store

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One transaction: committed at the end, or undone by an error."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """The same, for what writes nothing: it waits for no writer, and none waits for it."""
        with Session(read_only(self.engine), expire_on_commit=False) as session, session.begin():
            yield session

    def lease(self, name: str) -> "Lease":
        """The right to be the one writer called `name`; Busy if another process has it."""
        if self.engine.dialect.name == "sqlite":
            return FileLease(Path(f"{self.engine.url.database}.{name}.lock"))
        return ServerLease(self.engine, name)

    # --- Inside ---

    def _prepare(self, deployment: Deployment | None, facts: dict[str, str]) -> None:
        SQLModel.metadata.create_all(self.engine, tables=[kind.__table__ for kind in self.tables])
        facts = {"schema": SCHEMA} | facts
        if deployment is not None:
            facts["deployment"] = f"{deployment.chain_id}:{deployment.contracts['Pool']}"
        with self.session() as session:
            for key, value in facts.items():
                found = session.get(Meta, key)
                if found is None:
                    session.add(Meta(key=key, value=value))
                elif found.value != value:
                    raise StoreError(f"the database is of {key} {found.value}, not {value}: name another one")


def _sqlite(url: str, file: str | None) -> Engine:
    if not file or file == ":memory:":
        raise StoreError("a service's database must outlive it: name a file, sqlite:///FILE")
    folder = Path(file).resolve().parent
    if not folder.is_dir():
        raise StoreError(f"there is no folder {folder} for the database: make it")
    engine = create_engine(url, connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def configure(connection, _record) -> None:
        connection.isolation_level = None   # `begin` below, not the driver, begins transactions
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection) -> None:
        # Immediate, or two that read, then write, refuse each other.
        connection.exec_driver_sql("BEGIN" if connection.get_execution_options().get(READS) else "BEGIN IMMEDIATE")

    return engine


def read_only(engine: Engine) -> Engine:
    """The same database, for transactions that write nothing."""
    return engine.execution_options(**{READS: True})


# --- One writer a key ---


class Lease:
    """Held until it is let go, or its process ends in whatever way."""

    def hold(self) -> None:
        """Make sure that it is still ours; Busy if another process took it meanwhile."""

    def close(self) -> None:
        raise NotImplementedError


_held: set[str] = set()
_guard = threading.Lock()


class FileLease(Lease):
    """A POSIX record lock: it ends with its process, and no child inherits it."""

    def __init__(self, path: Path):
        self.path = path.resolve()
        with _guard:
            if str(self.path) in _held:     # the same process passes its own locks
                raise Busy(f"this process already writes under {path}")
            self._file = self._locked()
            _held.add(str(self.path))

    def hold(self) -> None:
        with _guard:
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(self._file.fileno()), self.path.stat()):
                    return
            file = self._locked()   # somebody deleted ours: whoever came since has locked another of that name
            self._file.close()
            self._file = file

    def _locked(self) -> TextIO:
        file = self.path.open("a+")
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise Busy(f"another process writes under {self.path}: stop it, or use another account") from None
        return file

    def close(self) -> None:
        with _guard:
            _held.discard(str(self.path))
            self._file.close()


class ServerLease(Lease):
    """An advisory lock of PostgreSQL, on a bare connection of its own: one that reconnects would lose it silently."""

    def __init__(self, engine: Engine, name: str):
        self.name, self._engine = name, engine
        self._id = int.from_bytes(hashlib.sha256(f"shadowpool {name}".encode()).digest()[:8], "big", signed=True)
        self._connection: psycopg.Connection | None = None
        self.hold()

    def hold(self) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.execute("SELECT 1")    # the lock lives as long as the connection
                return
            self.close()
        try:
            pooled = self._engine.raw_connection()
        except (DBAPIError, psycopg.Error) as error:
            raise StoreError(f"the database does not answer ({type(error).__name__}): does it run?") from None
        connection = pooled.driver_connection
        pooled.detach()
        connection.autocommit = True
        if not connection.execute("SELECT pg_try_advisory_lock(%s)", [self._id]).fetchone()[0]:
            connection.close()
            raise Busy(f"another process writes as {self.name} in this database: stop it, or use another account")
        self._connection = connection

    def close(self) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):   # at once, not when the server sees that the connection is gone
                self._connection.execute("SELECT pg_advisory_unlock(%s)", [self._id])
            self._connection.close()
            self._connection = None


# --- The chain's events ---


class Journal:
    """Keeps what a ledger has taken in, so that a restart reads on from there."""

    def __init__(self, store: Store):
        self.store = store

    def fell_back(self, depth: int) -> None:
        """For who measures: the chain left a branch, `depth` blocks of which were taken in."""

    def load(self) -> tuple[list[Event], dict[int, bytes]]:
        """(events in chain order, hashes of the blocks taken in up to)."""
        with self.store.reading() as session:
            rows = session.exec(select(EventRow).order_by(EventRow.block, EventRow.index)).all()
            tips = {tip.number: bytes.fromhex(tip.hash) for tip in session.exec(select(Tip))}
        return [_event(row) for row in rows], tips

    def extend(self, events: list[Event], block: int, block_hash: bytes) -> None:
        """Add the events up to `block`."""
        with self.store.session() as session:
            session.add_all([_row(event) for event in events if _speaks(event)])
            session.merge(Tip(number=block, hash=block_hash.hex()))
            session.exec(delete(Tip).where(Tip.number < block - TIPS_KEPT))

    def cut(self, block: int) -> None:
        """Forget everything after `block`."""
        with self.store.session() as session:
            depth = (session.exec(select(func.max(Tip.number))).one() or block) - block
            self.fell_back(depth)
            log.warning("reorganised", block=block, depth=depth)
            session.exec(delete(EventRow).where(EventRow.block > block))
            session.exec(delete(Tip).where(Tip.number > block))


def _speaks(event: Event) -> bool:
    return hasattr(State, f"_{event.contract.lower()}_{event.name.lower()}")


def _row(event: Event) -> EventRow:
    args = event.args
    if event.name == "Transacted":      # whose deposit or withdrawal it was is nothing that we need
        args = {name: args[name] for name in ("position", "memo0", "memo1")}
    return EventRow(
        block=event.block, index=event.index, block_hash=event.block_hash.hex(), contract=event.contract,
        name=event.name, args=json.dumps(args, default=_bytes), tx=event.tx,
    )  # fmt: skip


def _event(row: EventRow) -> Event:
    args = json.loads(row.args, object_hook=_unbytes)
    return Event(row.contract, row.name, args, row.block, bytes.fromhex(row.block_hash), row.index, row.tx)


def _bytes(value: Any) -> dict:
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    raise TypeError(f"an event holds a {type(value).__name__}")


def _unbytes(value: dict) -> Any:
    return bytes.fromhex(value["bytes"]) if value.keys() == {"bytes"} else value
