"""What an agent must remember through a death: orders, events, movements, and what it hands to carriers.

Every change goes through `write`, which is one transaction; so a kill falls before or after it, never
within. Where nobody can tell which, or another process has opened the book since, nothing is written
any more: a new process reads back what there is. Calls are sealed under a key that follows from the
shielded key, for until they are on chain they say what an order is about to do; orders and events are
the institution's own, in clear.
"""

import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Column, LargeBinary, Text
from sqlmodel import Field, Session, SQLModel, func, select

from offchain import store as base
from offchain.agent.desk import DeskEvent, DeskOrder, Movement, MovementState, OrderState
from offchain.calls import Call
from offchain.clock import unix_ms
from offchain.keys import ShieldedKey
from offchain.notes import Side
from offchain.store import Meta, StoreError, Torn, big

TIMINGS_KEPT = 8
NOTED = "agent."
TERM = "term"
"""Under which it is counted how often a book was opened to be written."""


class OrderRow(SQLModel, table=True):
    """An `Entry` as JSON, and what orders are looked up by."""

    __tablename__ = "desk_order"
    client_id: str = Field(primary_key=True)
    sequence: int = big(index=True)
    body: str = Field(sa_column=Column(Text, nullable=False))


class DeskEventRow(SQLModel, table=True):
    __tablename__ = "desk_event"
    sequence: int = big(primary_key=True, autoincrement=False)
    body: str = Field(sa_column=Column(Text, nullable=False))


class TransferRow(SQLModel, table=True):
    """A `Transfer` as JSON."""

    __tablename__ = "desk_movement"
    key: str = Field(primary_key=True)
    body: str = Field(sa_column=Column(Text, nullable=False))


class ParcelRow(SQLModel, table=True):
    """A `Parcel` as JSON, and its call, sealed until it has landed or never can."""

    __tablename__ = "desk_parcel"
    key: str = Field(primary_key=True)
    open: bool = Field(index=True)
    body: str = Field(sa_column=Column(Text, nullable=False))
    sealed: bytes | None = Field(default=None, sa_column=Column(LargeBinary))


@dataclass(frozen=True)
class Entry:
    """An order with what the agent needs to bring it to its end.

    wanted      the epoch that the ticket names, if any
    next_block  the first at which a commit is tried
    last_epoch  the last epoch that is tried, counted from the first that could be made
    index       place in the quota of `order.epoch`, since a commit was handed over; then only that place is tried
    marks       commitments handed over for that place: any may land, and only one can
    cancelling  its owner wants it back
    booked      its end is part of the expected balances
    """

    order: DeskOrder
    wanted: int | None = None
    next_block: int = 0
    last_epoch: int | None = None
    index: int | None = None
    marks: tuple[int, ...] = ()
    attempts: int = 0
    cancelling: bool = False
    booked: bool = False


@dataclass(frozen=True)
class Transfer:
    """A movement with its inner state. `inputs`: nullifiers of the notes that any attempt spends; `silent`: how often
    a carrier did not tell its fee, which is no attempt; `fee` paid, by the attempt that landed."""

    movement: Movement
    inputs: tuple[int, ...] = ()
    next_block: int = 0
    attempts: int = 0
    silent: int = 0
    fee: int = 0
    booked: bool = False


@dataclass(frozen=True)
class Parcel:
    """A call on its way: written down before anybody is given it, and given until it has landed or never can.

    holder    whose: an order's client_id, a movement's key, or a quota nullifier
    kind      commit, reveal, cancel, reclaim, transact, approve
    word      what the ledger shows when it lands: a quota nullifier, or a note's nullifier
    mark      what tells it from another that uses the same word: order commitment or note commitment
    words     nullifiers and quota place that it uses up
    expires   block from which no block can take it; None if that never comes
    only      the name of the one carrier whom it pays, `fee` units
    turn      how many carriers were asked before; `given` to the present one at which head, `tx` its hash there
    had       somebody was given it once
    block     where it was seen; `refusals` in a row, as `courier` weighs them, by the carriers `refused`
    state     open, landed, refused (by all, so nobody has it), lost (it can never land)
    """

    key: str
    holder: str
    kind: str
    word: int
    mark: int
    words: tuple[int, ...]
    expires: int | None = None
    only: str | None = None
    state: str = "open"
    turn: int = 0
    refusals: int = 0
    refused: tuple[str, ...] = ()
    had: bool = False
    given: int | None = None
    tx: str | None = None
    block: int | None = None
    reason: str | None = None
    fee: int = 0


Written = Entry | Transfer | Parcel


class Book(base.Store):
    """The agent's database. Orders, movements and open parcels are also in memory, as last written.

    entries, opened     orders by client_id: all, and those that have not ended
    by_word             client_id of the order that last had a quota nullifier
    transfers, parcels  movements by key, and open parcels by key
    """

    tables = (*base.Store.tables, OrderRow, DeskEventRow, TransferRow, ParcelRow)
    torn: str | None = None
    _term: int | None = None

    def load(self, key: ShieldedKey) -> None:
        """Read everything, and be its only writer from now on; to be called once, before all else."""
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        secret = key.sk.to_bytes(32, "big")
        self._box = AESGCM(HKDF(SHA256(), 32, None, b"shadowpool agent v1").derive(secret))
        with self.session() as session:
            term = _term(session, True) + 1
            session.merge(Meta(key=TERM, value=str(term)))
            session.flush()     # who wrote before has ended its last write, which is read below, and cannot write again
            self.entries: dict[str, Entry] = {}
            self.opened: dict[str, Entry] = {}
            self.by_word: dict[int, str] = {}
            for row in session.exec(select(OrderRow)):
                self._remember(_entry(row.body))
            self.transfers = {row.key: _transfer(row.body) for row in session.exec(select(TransferRow))}
            rows = session.exec(select(ParcelRow).where(ParcelRow.open))
            self.parcels = {row.key: _parcel(row.body) for row in rows}
            self.sequence = session.exec(select(func.max(DeskEventRow.sequence))).one() or 0
            noted = session.exec(select(Meta).where(Meta.key.startswith(NOTED)))
            self.facts = {row.key.removeprefix(NOTED): json.loads(row.value) for row in noted}
        self._term = term

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A transaction of the one writer; Torn if another process has opened the book since."""
        with super().session() as session:
            if self._term is not None and _term(session) != self._term:
                self.torn = "another process has opened this agent's database since"
                self.check()
            yield session

    def write(
        self,
        *changes: Written,
        tell: str | None = None,
        calls: dict[str, Call] | None = None,
        facts: dict[str, Any] | None = None,
        **data: Any,
    ) -> None:
        """Write all of it down at once; Torn, from then on, where that may or may not have been done.

        `tell` adds an event of that kind, with `data`, or for every entry if it is "order"; `calls` are those of
        new parcels by key; `facts` small facts.
        """
        with self.lock:
            self.check()
            events: list[DeskEvent] = []
            done: list[Written] = []
            for change in changes:
                if isinstance(change, Entry) and tell == "order":
                    number = self.sequence + len(events) + 1
                    change = replace(change, order=replace(change.order, sequence=number))
                    events.append(DeskEvent(number, unix_ms(), "order", change.order))
                done.append(change)
            if tell not in (None, "order"):
                events.append(DeskEvent(self.sequence + 1, unix_ms(), tell, None, data))
            with self._writing() as session:
                for change in done:
                    self._put(session, change, (calls or {}).get(getattr(change, "key", "")))
                for name, value in (facts or {}).items():
                    session.merge(Meta(key=NOTED + name, value=json.dumps(value)))
                for event in events:
                    session.add(DeskEventRow(sequence=event.sequence, body=json.dumps(asdict(event))))
            for change in done:
                self._remember(change)
            self.facts |= facts or {}
            if events:
                self.sequence = events[-1].sequence
                self.changed.notify_all()

    def check(self) -> None:
        """Torn once this process must not write any more."""
        if self.torn is not None:
            raise Torn(f"{self.torn}: start the agent again, which reads back what there is")

    def amend(
        self, client_id: str, tell: str | None = None, order: dict[str, Any] | None = None, **changes: Any
    ) -> Entry:
        """Change an order as it stands now, whoever else changes it meanwhile."""
        with self.lock:
            entry = self.entries[client_id]
            self.write(replace(entry, order=replace(entry.order, **order or {}), **changes), tell=tell)
            return self.entries[client_id]

    def call(self, parcel: Parcel) -> Call:
        """What a parcel holds."""
        with self.reading() as session:
            sealed = session.get(ParcelRow, parcel.key).sealed
        try:
            plain = json.loads(self._box.decrypt(sealed[:12], sealed[12:], parcel.key.encode()))
        except (InvalidTag, TypeError):
            raise StoreError(f"the call {parcel.key} does not open: the database was altered") from None
        return Call(plain["contract"], plain["function"], tuple(plain["args"]))

    def parcel(self, key: str) -> Parcel | None:
        """Of any state."""
        with self.reading() as session:
            row = session.get(ParcelRow, key)
            return None if row is None else _parcel(row.body)

    def events(self, after: int, limit: int) -> list[DeskEvent]:
        with self.reading() as session:
            wanted = select(DeskEventRow.body).where(DeskEventRow.sequence > after)
            found = session.exec(wanted.order_by(DeskEventRow.sequence).limit(limit)).all()
        return [_event(json.loads(body)) for body in found]

    # --- Small facts ---

    def fact(self, name: str) -> Any:
        """What was noted under a name, None if nothing was."""
        return self.facts.get(name)

    def note(self, name: str, value: Any) -> None:
        self.write(facts={name: value})

    def took(self, circuit: str, seconds: float) -> None:
        """A proof took so long."""
        known = self.fact(f"seconds.{circuit}") or []
        self.note(f"seconds.{circuit}", [*known, round(seconds, 3)][-TIMINGS_KEPT:])

    # --- Inside ---

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        """A transaction, and what follows if nobody knows whether it was committed."""
        complete = False
        try:
            with self.session() as session:
                yield session
                session.flush()
                complete = True
        except BaseException as error:
            if complete:
                self.torn = f"the database did not say whether it took a change ({type(error).__name__})"
                self.check()
            raise

    def _put(self, session: Session, change: Written, call: Call | None) -> None:
        body = json.dumps(asdict(change))
        if isinstance(change, Entry):
            order = change.order
            session.merge(OrderRow(client_id=order.client_id, sequence=order.sequence, body=body))
        elif isinstance(change, Transfer):
            session.merge(TransferRow(key=change.movement.key, body=body))
        else:
            row = session.get(ParcelRow, change.key) or ParcelRow(key=change.key)
            if call is not None:
                row.sealed = self._seal(change.key, call)
            row.open, row.body = change.state == "open", body
            if change.state in ("landed", "lost"):
                row.sealed = None
            session.add(row)

    def _remember(self, change: Written) -> None:
        if isinstance(change, Entry):
            order = change.order
            self.entries[order.client_id] = change
            if order.quota_nullifier is not None:
                self.by_word[order.quota_nullifier] = order.client_id
            if order.ended:
                self.opened.pop(order.client_id, None)
            else:
                self.opened[order.client_id] = change
        elif isinstance(change, Transfer):
            self.transfers[change.movement.key] = change
        elif change.state == "open":
            self.parcels[change.key] = change
        else:
            self.parcels.pop(change.key, None)

    def _seal(self, key: str, call: Call) -> bytes:
        plain = json.dumps({"contract": call.contract, "function": call.function, "args": call.args})
        nonce = secrets.token_bytes(12)
        return nonce + self._box.encrypt(nonce, plain.encode(), key.encode())


def _term(session: Session, opening: bool = False) -> int:
    """How often the book was opened to be written; nobody opens it before this transaction has ended."""
    found = session.get(Meta, TERM, with_for_update=True if opening else {"read": True})
    return 0 if found is None else int(found.value)


def _order(data: dict) -> DeskOrder:
    return DeskOrder(**data | {"side": Side(data["side"]), "state": OrderState(data["state"])})


def _event(data: dict) -> DeskEvent:
    return DeskEvent(**data | {"order": data["order"] and _order(data["order"])})


def _entry(body: str) -> Entry:
    data = json.loads(body)
    return Entry(**data | {"order": _order(data["order"]), "marks": tuple(data["marks"])})


def _transfer(body: str) -> Transfer:
    data = json.loads(body)
    movement = Movement(**data["movement"] | {"state": MovementState(data["movement"]["state"])})
    return Transfer(**data | {"movement": movement, "inputs": tuple(data["inputs"])})


def _parcel(body: str) -> Parcel:
    data = json.loads(body)
    return Parcel(**data | {"words": tuple(data["words"]), "refused": tuple(data.get("refused", ()))})
