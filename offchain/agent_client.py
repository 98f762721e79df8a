"""A client of an agent's gateway: orders in, fills out, over HTTP and a stream of events.

Answers come as the types that the agent itself has (`offchain.agent.desk`), every number checked. What
may be asked twice without harm is asked again while the agent does not answer.
"""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import Enum, IntEnum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints
from urllib.parse import quote, urlsplit

import httpx
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect

from offchain.agent.desk import AgentStatus, Balance, DeskEvent, DeskOrder, MarketView, Movement, OrderState
from offchain.field import decimal
from offchain.notes import Side
from offchain.slicer.parents import Parent, ParentState, Report, Strategy

T = TypeVar("T")

DEFAULT_URL = "http://127.0.0.1:8700"
URL_VARIABLE, KEY_VARIABLE, KEY_FILE_VARIABLE = "SHADOWPOOL_AGENT", "SHADOWPOOL_AGENT_KEY", "SHADOWPOOL_AGENT_KEY_FILE"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
AGAIN = (429, 502, 503, 504)
RETRY_SECONDS = 0.25
TEXT = 500


class AgentError(Exception):
    """The agent cannot be reached, or its answer not be read; the message says what to do."""


class AgentRefused(AgentError):
    """The agent refuses: `status` of HTTP, `code` for programs, the message in its words."""

    def __init__(self, status: int, code: str, detail: str):
        super().__init__(detail)
        self.status, self.code = status, code


class AgentClient:
    """The agent at `url`: https, or http on this machine. `key` is an API key of it, which no error shows.

    `patience` is how many seconds an agent that does not answer is asked again.
    """

    def __init__(self, url: str, key: str, patience: float = 10.0, timeout: float = 30.0):
        self.url, self._key, self.patience = url.rstrip("/"), key, patience
        parts = urlsplit(self.url)
        if not (parts.scheme == "https" or parts.scheme == "http" and parts.hostname in LOOPBACK) or parts.username:
            raise AgentError(f"{url!r} is no agent's address: give https://HOST, or http:// on this machine")
        self._http = httpx.Client(
            base_url=f"{self.url}/v1", timeout=timeout, headers={"Authorization": f"Bearer {key}"},
            trust_env=parts.hostname not in LOOPBACK,
        )  # fmt: skip

    @classmethod
    def from_environment(cls, url: str | None = None) -> "AgentClient":
        """The agent of SHADOWPOOL_AGENT, with the key in SHADOWPOOL_AGENT_KEY or the file SHADOWPOOL_AGENT_KEY_FILE."""
        key, file = os.environ.get(KEY_VARIABLE), os.environ.get(KEY_FILE_VARIABLE)
        if not key and file:
            key = Path(file).read_text().strip()
        if not key:
            where = f"set {KEY_VARIABLE} or {KEY_FILE_VARIABLE}"
            raise AgentError(f"no API key: {where}; `shadowpool agent key new` makes one")
        return cls(url or os.environ.get(URL_VARIABLE) or DEFAULT_URL, key)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> "AgentClient":
        return self

    def __exit__(self, *error) -> None:
        self.close()

    # --- Orders ---

    def place(
        self, client_id: str, market: int, side: Side | str, quantity: int, price: int, epoch: int | None = None
    ) -> DeskOrder:
        """Place an order; the same `client_id` is the same order, however often. AgentRefused with the check's code."""
        body = {"client_id": client_id, **_terms(market, side, quantity, price)}
        return self.ask(DeskOrder, "POST", "/orders", body if epoch is None else body | {"epoch": epoch})

    def quote(self, market: int, side: Side | str, quantity: int, price: int) -> dict[str, Any]:
        """What such an order would lock, and what each check says; nothing is placed."""
        return self.ask(dict, "POST", "/quote", _terms(market, side, quantity, price))

    def cancel(self, client_id: str) -> DeskOrder:
        """AgentRefused too_late once the epoch is frozen."""
        return self.ask(DeskOrder, "DELETE", f"/orders/{quote(client_id, safe='')}")

    def order(self, client_id: str) -> DeskOrder:
        return self.ask(DeskOrder, "GET", f"/orders/{quote(client_id, safe='')}")

    def orders(self, after: int = 0, limit: int = 100, state: OrderState | None = None) -> list[DeskOrder]:
        """Orders whose last event is after number `after`, by that number."""
        return self._items(DeskOrder, "/orders", after=after, limit=limit, state=state)

    def fills(self, after: int = 0, limit: int = 100) -> list[DeskOrder]:
        """Orders that settled."""
        return self._items(DeskOrder, "/fills", after=after, limit=limit)

    def wait(self, client_id: str, timeout: float = 3_600.0) -> DeskOrder:
        """The order once it has ended; AgentError after `timeout` seconds, when it still goes on."""
        order, deadline = self.order(client_id), time.monotonic() + timeout
        if order.ended:
            return order
        for event in self.stream(order.sequence, deadline):
            if event.order is not None and event.order.client_id == client_id and event.order.ended:
                return event.order
        raise AgentError(f"{client_id} has not ended in {timeout:.0f} s: it goes on; ask again")

    def stream(self, after: int = 0, deadline: float | None = None) -> Iterator[DeskEvent]:
        """Every event after number `after`, without a gap, over as many connections as it takes; until `deadline`
        (of time.monotonic). AgentError where the agent stays away."""
        lost = 0.0
        while deadline is None or time.monotonic() < deadline:
            try:
                for event in self._connected(after, deadline):
                    lost = 0.0
                    if event is None:
                        continue
                    if event.sequence != after + 1:
                        raise AgentError(f"the agent's events jump from {after} to {event.sequence}")
                    after = event.sequence
                    yield event
            except (OSError, ConnectionClosed, InvalidHandshake) as error:
                lost = lost or time.monotonic()
                if time.monotonic() - lost > self.patience:
                    problem = type(error).__name__
                    raise AgentError(f"no stream from {self.url} ({problem}): does the agent run?") from None
                time.sleep(RETRY_SECONDS)

    def _connected(self, after: int, deadline: float | None) -> Iterator[DeskEvent | None]:
        """The events of one connection, None for a heartbeat; ends at the deadline."""
        address = self.url.replace("http", "ws", 1) + f"/v1/stream?after={after}"
        local = urlsplit(self.url).hostname in LOOPBACK
        with connect(address, proxy=None if local else True, open_timeout=10) as socket:
            socket.send(json.dumps({"token": self._key}))
            while deadline is None or (left := deadline - time.monotonic()) > 0:
                try:
                    told = json.loads(socket.recv(None if deadline is None else left))
                except TimeoutError:
                    return
                except (ValueError, RecursionError):
                    raise AgentError(f"what answers at {self.url} is no agent's stream: is this its address?") from None
                kind = told.get("kind") if isinstance(told, dict) else None
                if kind == "error" and told.get("status") not in AGAIN:
                    raise _refusal(read(int, told.get("status")), told)
                if kind != "error":
                    yield None if kind == "heartbeat" else read(DeskEvent, told)

    # --- Holdings ---

    def status(self) -> AgentStatus:
        return self.ask(AgentStatus, "GET", "/status")

    def markets(self) -> list[MarketView]:
        return self._items(MarketView, "/markets")

    def balances(self) -> list[Balance]:
        return self._items(Balance, "/balances")

    def movements(self, limit: int = 100) -> list[Movement]:
        """Deposits, withdrawals and consolidations, the newest first."""
        return self._items(Movement, "/movements", limit=limit)

    def deposit(self, key: str, asset: str, amount: int) -> Movement:
        """Bring `amount` base units of the agent's account into the pool; the same `key` is the same deposit."""
        return self.ask(Movement, "POST", "/deposits", {"key": key, "asset": asset, "amount": str(amount)})

    def withdraw(self, key: str, asset: str, amount: int, recipient: str) -> Movement:
        """Pay `amount` base units to an EVM address; the same `key` is the same withdrawal."""
        body = {"key": key, "asset": asset, "amount": str(amount), "recipient": recipient}
        return self.ask(Movement, "POST", "/withdrawals", body)

    def consolidate(self, key: str, asset: str) -> Movement:
        return self.ask(Movement, "POST", "/consolidations", {"key": key, "asset": asset})

    # --- Parent orders ---

    def start_parent(
        self, id: str, market: int, side: Side | str, quantity: int, price: int, strategy: Strategy | str, epochs: int,
        start: int | None = None, minimum: int | None = None, jitter_bps: int | None = None,
        rate_bps: int | None = None, urgency_bps: int | None = None,
    ) -> Parent:  # fmt: skip
        """Work an order over so many `epochs`, from `start` or the present one; the same `id` is the same parent."""
        body = {
            "id": id, **_terms(market, side, quantity, price), "strategy": str(strategy), "epochs": epochs,
            "start": start, "minimum": None if minimum is None else str(minimum), "jitter_bps": jitter_bps,
            "rate_bps": rate_bps, "urgency_bps": urgency_bps,
        }  # fmt: skip
        return self.ask(Parent, "POST", "/parents", {name: value for name, value in body.items() if value is not None})

    def parents(self, state: ParentState | None = None) -> list[Parent]:
        return self._items(Parent, "/parents", state=state)

    def parent(self, id: str) -> Parent:
        return self.ask(Parent, "GET", f"/parents/{quote(id, safe='')}")

    def steer_parent(self, id: str, action: str) -> Parent:
        """`action` is pause, resume or cancel."""
        return self.ask(Parent, "POST", f"/parents/{quote(id, safe='')}/{action}")

    def parent_report(self, id: str) -> Report:
        return self.ask(Report, "GET", f"/parents/{quote(id, safe='')}/report")

    # --- Asking ---

    def ask(self, kind: type[T], method: str, path: str, body: dict | None = None, **query: Any) -> T:
        """The answer to one request under /v1, read as `kind`; AgentRefused or AgentError."""
        params = {name: value for name, value in query.items() if value is not None}
        deadline = time.monotonic() + self.patience
        while True:
            try:
                answer = self._http.request(method, path, json=body, params=params)
                status, problem = answer.status_code, None
            except httpx.HTTPError as error:
                status, problem = 0, type(error).__name__
            wait = RETRY_SECONDS if problem else _wait(answer)
            if status not in (0, *AGAIN) or time.monotonic() + wait > deadline:
                break
            time.sleep(wait)
        if problem is not None:
            raise AgentError(f"no agent answers at {self.url} ({problem}): does it run, and with a gateway?")
        return read(kind, _json(answer))

    def _items(self, kind: type[T], path: str, **query: Any) -> list[T]:
        return read(list[kind], self.ask(dict, "GET", path, **query).get("items"))


def read(kind: Any, value: Any, where: str = "answer") -> Any:
    """JSON of the gateway as a value of the type `kind`: a dataclass, an enumeration, a list, or what is plain.

    Integers come as such or as decimal text. AgentError names what does not fit.
    """
    try:
        return _read(kind, value, where)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise AgentError(f"the agent's {where} cannot be read ({error}): is it of this version?") from None


def _read(kind: Any, value: Any, where: str) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return None if value is None and NoneType in inner else _read(inner[0], value, where)
    if origin in (list, tuple):
        if not isinstance(value, list):
            raise TypeError(f"{where} is no list")
        return origin(_read(inner[0], one, where) for one in value)
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{one.name: _read(hints[one.name], value[one.name], one.name) for one in fields(kind)})
    if isinstance(kind, type) and issubclass(kind, IntEnum) and isinstance(value, str):
        return kind[value.upper()]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    if kind is int and isinstance(value, str):
        negative = value.startswith("-")
        return (-1 if negative else 1) * decimal(value.removeprefix("-"), 1 << 256, where)
    if kind is float and type(value) is int:
        return float(value)
    plain = origin or kind
    if type(value) is not plain:
        raise TypeError(f"{where} is {type(value).__name__}, not {plain.__name__}")
    return value


def _wait(answer: httpx.Response) -> float:
    """Seconds after which the agent would be asked again."""
    seconds = answer.headers.get("Retry-After", "")
    return float(seconds) if seconds.isascii() and seconds.isdigit() else RETRY_SECONDS


def _json(answer: httpx.Response) -> Any:
    try:
        told = answer.json()
    except (ValueError, RecursionError):
        raise AgentError(f"the agent answers {answer.status_code} without JSON: is this its address?") from None
    if answer.status_code >= 400:
        raise _refusal(answer.status_code, told)
    return told


def _refusal(status: int, told: Any) -> AgentRefused:
    told = told if isinstance(told, dict) else {}
    words = (str(told.get(name) or "") for name in ("code", "detail", "title"))
    code, detail, title = ("".join(letter for letter in text if letter.isprintable())[:TEXT] for text in words)
    return AgentRefused(status, code, detail or title or f"HTTP {status}")


def _terms(market: int, side: Side | str, quantity: int, price: int) -> dict[str, Any]:
    return {"market": market, "side": _side(side), "quantity": str(quantity), "price": str(price)}


def _side(side: Side | str) -> str:
    """`buy` or `sell`; ValueError for anything else."""
    name = (side if isinstance(side, str) else Side(side).name).upper()
    if name not in Side.__members__:
        raise ValueError(f"side {side!r} is neither buy nor sell")
    return name.lower()
