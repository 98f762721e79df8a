"""What an indexer tells whoever asks: every GraphQL answer in full, its streams of lines, each frame that it pushes."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from graphql import GraphQLObjectType, get_named_type
from websockets.sync.client import ClientConnection, connect

from indexer import database
from indexer.api import Settings, create_app, graph
from indexer.api.serve import beside
from indexer.follow import Follower
from tests.e2e.observers import Traffic
from tests.world import World

NUMBER = re.compile(r"(?<![0-9a-zA-Z])(?:0x([0-9a-fA-F]+)|([0-9]+))(?![0-9a-zA-Z])")
DIGITS = 64
"""Hexadecimal ones of a word."""

ROOTS = graph.router().schema._schema.query_type.fields
STREAMS = ("notes", "memos", "events", "nullifiers.bin")
SECONDS = 120
Answer = Any


@dataclass
class Told:
    """All that it told so far. `orders` is what of it is about the market: its epochs, its calls, every frame;
    `facts` are what several words say together."""

    whole: Traffic = field(default_factory=Traffic)
    orders: Traffic = field(default_factory=Traffic)
    facts: set[tuple] = field(default_factory=set)

    def add(self, text: str, of_orders: bool) -> None:
        for traffic in (self.whole, self.orders) if of_orders else (self.whole,):
            traffic.blob += text.encode() + b"|" + text.lower().encode() + b"|"    # addresses have capitals
            traffic.words |= set(numbers(text))


def numbers(text: str) -> Iterator[int]:
    """Every number in a text, decimal or hexadecimal, and every word of longer hexadecimal."""
    for digits, decimal in NUMBER.findall(text):
        if decimal:
            yield int(decimal)
        for at in range(0, len(digits), DIGITS):
            yield int(digits[at : at + DIGITS], 16)


def selection(kind: Any) -> str:
    """All fields of a GraphQL type, and all of theirs."""
    named = get_named_type(kind)
    if not isinstance(named, GraphQLObjectType):
        return ""
    return "{" + " ".join(name + selection(one.type) for name, one in named.fields.items()) + "}"


@dataclass
class Index:
    """An index of a world with its API at `url`, and a client that has listened from the start."""

    url: str
    follower: Follower
    socket: ClientConnection
    told: Told = field(default_factory=Told)
    pushed: int = 0
    kinds: set[str] = field(default_factory=set)
    _had: set[tuple] = field(default_factory=set)

    def look(self) -> Told:
        """Take in the chain to its head, ask everything that can be asked, and hear every frame."""
        self.follower.sync()
        while self.pushed < self.follower.block:
            text = self.socket.recv(timeout=SECONDS)
            frame = json.loads(text)
            self.kinds.add(frame["type"])
            self.pushed = frame.get("block", self.pushed)
            self.told.add(text, True)
        lists = {root: self._pages(root) for root in ("transactions", "proofs", "epochs", "prints", "relayers")}
        for root in ROOTS.keys() - lists.keys():
            for arguments in ARGUMENTS[root](lists):
                self._once(root, arguments)
        for name in STREAMS:
            answer = httpx.get(f"{self.url}/v1/{name}", timeout=SECONDS).raise_for_status()
            if name.endswith(".bin"):
                self.told.whole.add(answer.content)
            else:
                self.told.add(answer.text, False)
        return deepcopy(self.told)

    def _once(self, root: str, arguments: dict) -> None:
        """What a block, a transaction or a proof is does not change; the rest is asked again every time."""
        key = (root, *arguments.values())
        if key not in self._had:
            self._ask(root, arguments)
        if root in ("block", "transaction", "proof"):
            self._had.add(key)

    def _pages(self, root: str) -> list[dict]:
        items, cursor, paged = [], None, "cursor" in ROOTS[root].args
        while True:
            arguments = {"limit": graph.MOST} if paged else {}
            found = self._ask(root, arguments | ({"cursor": cursor} if cursor else {}))
            items, cursor = items + found["items"], found["next"]
            if cursor is None:
                return items

    def _ask(self, root: str, arguments: dict) -> Answer:
        wanted = ", ".join(f"{name}: {json.dumps(value)}" for name, value in arguments.items())
        query = f"{{{root}{f'({wanted})' if wanted else ''}{selection(ROOTS[root].type)}}}"
        answer = httpx.post(f"{self.url}/graphql", json={"query": query}, timeout=SECONDS).json()
        assert "errors" not in answer and (found := answer["data"][root]) is not None, (root, arguments, answer)
        of_orders = root in MARKET or found.get("contract") == "Market" or found.get("circuit") in ("commit", "reclaim")
        self.told.add(json.dumps(answer), of_orders)
        self.told.facts |= set(facts(root, found))
        return found


MARKET = {"epoch", "epochs", "market", "markets", "prints"}


def _each(root: str, **names: str) -> Callable[[dict], list[dict]]:
    """Arguments from the items of a list: {argument: name in the item}."""
    return lambda lists: [{argument: one[name] for argument, name in names.items()} for one in lists[root]]


ARGUMENTS: dict[str, Callable[[dict], list[dict]]] = {
    **dict.fromkeys(("status", "markets", "credentials", "keys", "notes"), lambda lists: [{}]),
    "market": lambda lists: [{"market": 0}],
    "epoch": _each("epochs", market="market", epoch="epoch"),
    "transaction": _each("transactions", hash="hash"),
    "block": lambda lists: [{"block": str(block)} for block in sorted({one["block"] for one in lists["transactions"]})],
    "proof": _each("proofs", tx="tx"),
    "relayer": _each("relayers", address="relayer"),
    "search": lambda lists: [{"q": one["hash"]} for one in lists["transactions"][:1]],
}
"""What each root that is no list is asked for; a new one has to be named here."""


def facts(root: str, found: Answer) -> Iterator[tuple]:
    """Deposits and withdrawals with their wallets, and reveals that were invalid."""
    if root == "transaction":
        for event in found["events"]:
            if event["name"] == "Transacted":
                args = event["args"]
                yield from ((kind, int(args["account"], 16), int(args[kind])) for kind in ("deposit", "withdrawal"))
    if root == "epoch" and found["settlement"]:
        invalid = int(found["settlement"]["invalid_mask"])
        yield from (("invalid", int(one["oc"])) for one in found["reveal_list"] if invalid >> one["slot"] & 1)


@contextmanager
def watched(world: World, folder: Path) -> Iterator[Index]:
    """An index in `folder`, followed whenever it is looked at."""
    engine = database.open(f"sqlite:///{folder}/index.sqlite")
    follower = Follower(engine, world.chain, proofs=False)
    try:
        follower.sync()
        settings = Settings(key_file=folder / "token.key", poll_seconds=0.02, burst=10**6, reads_per_s=10**6)
        with beside(create_app(engine, world.deployment, settings), port=0) as url:
            # Without bounds, so that it reads on while nobody looks; however long the server takes.
            address = url.replace("http", "ws", 1) + "/v1/stream"
            with connect(address, max_queue=None, open_timeout=SECONDS, ping_interval=None) as socket:
                yield Index(url, follower, socket)
    finally:
        follower.close()
        engine.dispose()
