"""Who may still trade what: limits, restrictions and the kill switch of one desk, which outlive restarts.

They hold for every order, whichever way it comes: the desk asks `Controls.check` before it takes one.
"""

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import TypeVar

from pydantic import BaseModel
from sqlalchemy import Engine

from offchain.agent.desk import Desk, Snapshot, Ticket, TicketRefused, UnknownOrder
from offchain.clock import unix_ms
from offchain.gateway import book
from offchain.gateway.book import Book
from offchain.gateway.decisions import Decisions, append
from offchain.gateway.pretrade import CHECKS, Case, Limits, Restricted
from offchain.gateway.tables import Setting, prepare, reading, transaction

M = TypeVar("M", bound=BaseModel)
Held = dict[type[BaseModel], tuple[int, BaseModel]]
"""Limits and Restricted as they are, each with how often it was changed."""

ALLOWED = "allowed"
MINUTE = 60_000
FUNDS = "funds"


@dataclass(frozen=True)
class Result:
    """Of one check: `code` and `reason` where it did not pass."""

    name: str
    passed: bool
    code: str | None = None
    reason: str | None = None


class Controls:
    """The controls of `desk`, kept by `engine`; in force from when this is made, and until then the desk has none.

    `initial` limits hold where none were ever set. `clock` gives milliseconds since 1970. Thread-safe.
    """

    def __init__(self, desk: Desk, engine: Engine, initial: Limits = Limits(), clock: Callable[[], int] = unix_ms):
        prepare(engine)
        self._desk, self._engine, self._clock, self._lock = desk, engine, clock, Lock()
        self.decisions, self.book = Decisions(engine), Book(desk, engine)
        self._set: Held = {kind: self._kept(kind) for kind in (Limits, Restricted)}
        if self._set[Limits][0] == 0 and initial != Limits():
            self.put(initial, "config")
        self._refused: set[tuple[str, str]] = set()     # cancels: the order, and who asked
        self._allowed = deque(self.decisions.recent(clock() - MINUTE, "place", ALLOWED))
        desk.checks.append(self.check)
        desk.cancels.append(self._cancelled)

    # --- What is set ---

    def get(self, kind: type[M]) -> tuple[int, M]:
        """(how often it was changed, Limits or Restricted as they are)"""
        return self._set[kind]

    def put(self, value: BaseModel, actor: str, version: int | None = None) -> int:
        """Set Limits or Restricted; TicketRefused `version` if one is given and others changed it since."""
        kind = type(value)
        with self._lock:
            present, before = self._set[kind]
            if version not in (None, present):
                raise TicketRefused("version", f"they are at version {present}, not {version}: read them, and set them again")
            name, after = kind.__name__.lower(), value.model_dump(mode="json", exclude_none=True)
            with transaction(self._engine) as session:
                session.merge(Setting(name=name, version=present + 1, value=json.dumps(after)))
                data = {"version": present + 1, "before": before.model_dump(mode="json", exclude_none=True), "after": after}
                append(session, name, actor, name, "set", data)
            self._set[kind] = present + 1, value
            return present + 1

    def kill(self, on: bool, reason: str, actor: str, cancel: bool = False) -> tuple[list[str], dict[str, str]]:
        """Turn the kill switch; with `cancel`, ask for open orders back. (ids taken back, reasons by id of the others)"""
        data = {"reason": reason, "cancel": cancel}
        self.decisions.add("kill", actor, "desk", "on" if on else "off", data)
        back = self._open() if on and cancel else []
        self._desk.kill(on, reason)
        taken, left = [], {}
        for client_id in dict.fromkeys([*back, *self._open()]) if on and cancel else ():   # some may have come between
            try:
                self._desk.cancel(client_id, actor)
                taken.append(client_id)
            except (TicketRefused, UnknownOrder) as error:
                left[client_id] = str(error)
        return taken, left

    def _open(self) -> list[str]:
        return [order.client_id for order in self._desk.snapshot().orders]

    def _cancelled(self, client_id: str, by: str, refused: TicketRefused | None) -> None:
        """The desk takes an order back or refuses to, whichever way that was asked: who did is on disk before.

        That it was refused is said once to each who asks: a slicer asks again as long as the order is open.
        """
        if refused is None:
            self.decisions.add("cancel", by, client_id, "asked")
        elif (client_id, by) not in self._refused:
            told = {"code": refused.code, "reason": refused.reason}
            self.decisions.add("cancel", by, client_id, "refused", told)
            self._refused.add((client_id, by))

    # --- Checks ---

    def check(self, ticket: Ticket, snapshot: Snapshot) -> None:
        """The desk's check; TicketRefused by the first limit that does not hold. An order is allowed once the log of
        decisions says so, and not where it cannot be written."""
        held = dict(self._set)
        case = self._case(ticket, snapshot, held)
        for made in CHECKS.values():
            made(case)
        data = book.terms(ticket) | {kind.__name__.lower(): version for kind, (version, _) in held.items()}
        self.decisions.add("place", book.actor(ticket), ticket.client_id, ALLOWED, data)
        self._allowed.append(self._clock())

    def explain(self, ticket: Ticket) -> list[Result]:
        """What every check says of a ticket now, the kill switch and the funds included; nothing is placed."""
        snapshot, status = self._desk.snapshot(), self._desk.status()
        case = self._case(ticket, snapshot, self._set)
        killed = Result("kill_switch", False, "killed", f"the kill switch is on: {status.kill_reason}")
        found = [killed if status.killed else Result("kill_switch", True)]
        return [*found, *(_tried(name, made, case) for name, made in CHECKS.items()), _tried(FUNDS, _funds, case)]

    def _case(self, ticket: Ticket, snapshot: Snapshot, held: Held) -> Case:
        self.book.catch_up()
        with self._lock:
            while self._allowed and self._allowed[0] <= self._clock() - MINUTE:
                self._allowed.popleft()
        limits, restricted = held[Limits][1], held[Restricted][1]
        return Case(ticket, snapshot, limits, restricted, self.book.settled(snapshot.markets), len(self._allowed))

    def _kept(self, kind: type[M]) -> tuple[int, M]:
        with reading(self._engine) as session:
            row = session.get(Setting, kind.__name__.lower())
        return (row.version, kind.model_validate(json.loads(row.value))) if row else (0, kind())


def _tried(name: str, made: Callable[[Case], None], case: Case) -> Result:
    try:
        made(case)
    except TicketRefused as refused:
        return Result(name, False, refused.code, refused.reason)
    return Result(name, True)


def _funds(case: Case) -> None:
    """Not a limit: an order waits for funds."""
    ticket = case.ticket
    lock = case.snapshot.lock(ticket.market, ticket.side, ticket.quantity, ticket.price)
    most = next((one.largest_pair for one in case.snapshot.balances if one.asset.lower() == lock.asset.lower()), 0)
    if lock.lock > most:
        reason = f"it locks {lock.lock} units of {lock.asset}; one order may lock {most} now: deposit, or consolidate"
        raise TicketRefused(FUNDS, reason)
