"""What the gateway remembers, in the agent's database. Numbers beyond 63 bits are text."""

from contextlib import AbstractContextManager

from sqlalchemy import Column, Engine, LargeBinary, Text
from sqlmodel import Field, Session, SQLModel

from offchain.gateway.decisions import CHAIN
from offchain.store import Store, big


class ApiKey(SQLModel, table=True):
    """A key of the API. `digest` is sha256 of all of it; `scopes` words between spaces; times in milliseconds."""

    __tablename__ = "gateway_key"
    id: str = Field(primary_key=True)
    name: str = Field(unique=True)
    scopes: str
    digest: str
    per_second: float
    burst: int
    created: int = big()
    expires: int | None = big(default=None)
    revoked: int | None = big(default=None)


class Setting(SQLModel, table=True):
    """Something set, as JSON, and how often it was changed."""

    __tablename__ = "gateway_setting"
    name: str = Field(primary_key=True)
    version: int = big(default=0)
    value: str = Field(sa_column=Column(Text, nullable=False))


class FillRow(SQLModel, table=True):
    """A settled order: `lots` of its market at `price` quote units each."""

    __tablename__ = "gateway_fill"
    client_id: str = Field(primary_key=True)
    sequence: int = big(index=True)
    market: int = big()
    side: int
    lots: str
    price: str


class Hook(SQLModel, table=True):
    """A webhook. `delivered` is the last event that was delivered or is not for it; `secret` is sealed."""

    __tablename__ = "gateway_webhook"
    id: str = Field(primary_key=True)
    url: str
    kinds: str
    secret: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created: int = big()
    delivered: int = big()
    attempts: int = 0
    failing_since: int | None = big(default=None)
    next_attempt: int | None = big(default=None)
    state: str = "active"
    error: str | None = None


TABLES = [kind.__table__ for kind in (ApiKey, Setting, FillRow, Hook)]


def prepare(engine: Engine) -> None:
    """Make the tables that are not there."""
    SQLModel.metadata.create_all(engine, tables=TABLES)
    with transaction(engine) as session:
        CHAIN.create(session.connection())


def transaction(engine: Engine) -> AbstractContextManager[Session]:
    """One transaction: committed at the end, or undone by an error."""
    return Store(engine).session()


def reading(engine: Engine) -> AbstractContextManager[Session]:
    """The same, for what writes nothing: it waits for no writer, and none waits for it."""
    return Store(engine).reading()
