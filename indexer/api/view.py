"""One reader's sight of the tables: every read of an answer is of the same block."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy import Connection, Engine, Select, Table, select

from indexer import models
from indexer.api.problems import Problem
from indexer.api.settings import Settings
from indexer.database import snapshot
from indexer.node import Node
from indexer.reading import Reader
from offchain.chain import ChainError
from offchain.deployment import Deployment
from offchain.records import MarketTerms

KEPT = 256
BLOCKS, EVENTS, SYNC = models.Block.__table__, models.Event.__table__, models.Sync.__table__
NOWHERE = "http://127.0.0.1:9"
Row = dict[str, Any]


class Source:
    """What the API reads of: a database, its deployment, and a node if there is one."""

    def __init__(self, engine: Engine, deployment: Deployment, settings: Settings):
        self.engine, self.deployment, self.settings = engine, deployment, settings
        self.node = Node(settings.rpc) if settings.rpc else None
        self.reader = Reader(self.node or Node(NOWHERE), deployment)
        self.tokens = {
            token.address: {"address": token.address, "symbol": symbol, "decimals": token.decimals}
            for symbol, token in deployment.tokens.items()
        }
        self._kept: OrderedDict[Any, Any] = OrderedDict()
        self._lock = threading.Lock()

    def token(self, address: str) -> Row:
        return self.tokens.get(address) or {"address": address, "symbol": None, "decimals": None}

    @contextmanager
    def view(self) -> Iterator["View"]:
        """A sight of the tables as they stand now."""
        with snapshot(self.engine) as connection:
            yield View(self, connection)

    def kept(self, key: Any, make: Callable[[], Any]) -> Any:
        """What `make` gives, kept under a key as long as it is among the latest asked for."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return made

    def ask(self, method: str, *params: Any) -> Any:
        """The node's answer; Problem 503 where there is none."""
        if self.node is None:
            raise Problem(503, "this answer needs the node, and the API was started without one: give it --rpc")
        try:
            return self.node.call(method, *params)
        except ChainError as error:
            raise Problem(503, f"this answer needs the node: {error}", {"Retry-After": "2"}) from None


@dataclass
class View:
    """`block` is the last one indexed, which `hash` names ("" before the first)."""

    source: Source
    connection: Connection

    @property
    def deployment(self) -> Deployment:
        return self.source.deployment

    @cached_property
    def sync(self) -> Row:
        found = self.first(select(SYNC))
        if found is None:
            raise Problem(503, "nothing is indexed yet: run `shadowpool indexer run`", {"Retry-After": "2"})
        return found

    @cached_property
    def last(self) -> Row:
        found = self.first(select(BLOCKS).order_by(BLOCKS.c.block.desc()).limit(1))
        if found is None:
            raise Problem(503, "no block is indexed yet; try again", {"Retry-After": "2"})
        return found

    @property
    def block(self) -> int:
        return self.last["block"]

    def rows(self, statement: Select) -> list[Row]:
        return [dict(row) for row in self.connection.execute(statement).mappings()]

    def first(self, statement: Select) -> Row | None:
        row = self.connection.execute(statement).mappings().first()
        return None if row is None else dict(row)

    def scalar(self, statement: Select) -> Any:
        return self.connection.execute(statement).scalar()

    def kept(self, name: str, make: Callable[[], Any]) -> Any:
        """What follows from the chain up to this block alone, worked out once."""
        return self.source.kept((name, self.last["hash"]), make)

    @cached_property
    def terms(self) -> dict[int, MarketTerms]:
        """Terms by market."""
        rows = self.rows(select(models.Market.__table__))
        return {row["market"]: MarketTerms(**{name: row[name] for name in MarketTerms.__dataclass_fields__}) for row in rows}


def facts(table: Table, *more: Any) -> Select:
    """Rows of a table of facts, each with the `tx` and `timestamp` of its event."""
    event = (EVENTS.c.block == table.c.block) & (EVENTS.c.log_index == table.c.log_index)
    columns = (*table.c, EVENTS.c.tx, BLOCKS.c.timestamp, *more)
    return select(*columns).join(EVENTS, event).join(BLOCKS, BLOCKS.c.block == table.c.block)


def found(what: Any, name: str) -> Any:
    """`what`, or Problem 404 if it is None."""
    if what is None:
        raise Problem(404, f"there is no {name} up to the indexed block")
    return what


def page(view: View, items: list, next: str | None = None) -> Row:
    return {"items": items, "next": next, "block": view.block}


def words(values: Sequence[int]) -> list[str]:
    return [str(value) for value in values]


def place(row: Row) -> Row:
    return {"block": row["block"], "tx": row["tx"]}


def _view(request: Request) -> Iterator[View]:
    with request.app.state.source.view() as view:
        yield view


Reads = Annotated[View, Depends(_view, scope="function")]
"""Given to an endpoint that reads the tables."""
