"""What the acceptor remembers: numbers of each session, messages, orders, the cursor in the desk's events.

A report is written down in the transaction that moves the cursor, or counts the message that it answers;
it gets its number when it first goes on the wire. So none is lost or made twice, whatever dies when.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Column, Engine, Text, UniqueConstraint, delete
from sqlmodel import Field, Session, SQLModel, col, select

from offchain.agent.desk import ENDED
from offchain.fix.wire import Pairs
from offchain.store import Store, big


class FixSession(SQLModel, table=True):
    """`next_in` is the number that the counterparty's next message must have, `next_out` that of our next."""

    __tablename__ = "fix_session"
    name: str = Field(primary_key=True)
    next_in: int = big(default=1)
    next_out: int = big(default=1)


class FixMessage(SQLModel, table=True):
    """A message that is sent again when asked for. `number` and `sent` (Unix ms) are None until it is first sent."""

    __tablename__ = "fix_message"
    __table_args__ = (UniqueConstraint("session", "number"),)
    id: int | None = Field(default=None, primary_key=True)
    session: str = Field(index=True)
    type: str
    body: str = Field(sa_column=Column(Text, nullable=False))
    number: int | None = big(default=None)
    sent: int | None = big(default=None)


class FixOrder(SQLModel, table=True):
    """An order as its session named it; `reported` is the last state of the desk's that it was told.

    `cancel` is the ClOrdID of a cancel request that is not decided; "" if none.
    """

    __tablename__ = "fix_order"
    session: str = Field(primary_key=True)
    cl_ord_id: str = Field(primary_key=True)
    symbol: str
    account: str = ""
    reported: str = ""
    cancel: str = ""


class FixCancel(SQLModel, table=True):
    """The ClOrdID of a cancel request, which no other order or request of the session may have."""

    __tablename__ = "fix_cancel"
    session: str = Field(primary_key=True)
    cl_ord_id: str = Field(primary_key=True)
    order: str


class FixCursor(SQLModel, table=True):
    """The last of the desk's events that was reported. One row."""

    __tablename__ = "fix_cursor"
    id: int = Field(default=1, primary_key=True)
    sequence: int = big(default=0)


TABLES = [kind.__table__ for kind in (FixSession, FixMessage, FixOrder, FixCancel, FixCursor)]


@dataclass(frozen=True)
class Outgoing:
    """A message without its header."""

    type: str
    body: Pairs


@dataclass(frozen=True)
class Numbered:
    """A message that has its number, and was first sent at `sent` (Unix ms)."""

    number: int
    sent: int
    message: Outgoing


class FixStore(Store):
    """Each method is one short transaction."""

    def __init__(self, engine: Engine):
        super().__init__(engine)
        SQLModel.metadata.create_all(engine, tables=TABLES)

    # --- Numbers ---

    def numbers(self, name: str) -> tuple[int, int]:
        """(number of the next message in, of the next out)"""
        with self.reading() as session:
            row = session.get(FixSession, name)
            return (row.next_in, row.next_out) if row else (1, 1)

    def take(self, name: str, next_in: int, replies: Iterable[Outgoing] = ()) -> None:
        """A message was dealt with: the next in is `next_in`, and these answers are to be sent."""
        with self.session() as session:
            _session(session, name).next_in = next_in
            queue(session, name, replies)

    def next_out(self, name: str) -> int:
        """Take the number of a message that is never sent again."""
        with self.session() as session:
            row = _session(session, name)
            row.next_out += 1
            return row.next_out - 1

    def reset(self, name: str) -> None:
        """Both count from 1 again. What was sent under old numbers is forgotten; what waits is sent under new ones."""
        with self.session() as session:
            row = _session(session, name)
            row.next_in = row.next_out = 1
            session.exec(delete(FixMessage).where(FixMessage.session == name, col(FixMessage.number).is_not(None)))

    # --- Messages ---

    def send_waiting(self, name: str, now: int, limit: int = 500) -> list[Numbered]:
        """Number what waits, in the order in which it came; `now` is written down as the time of sending."""
        with self.session() as session:
            mine = (FixMessage.session == name, col(FixMessage.number).is_(None))
            waiting = session.exec(select(FixMessage).where(*mine).order_by(FixMessage.id).limit(limit)).all()
            if not waiting:
                return []
            row = _session(session, name)
            for message in waiting:
                message.number, message.sent = row.next_out, now
                row.next_out += 1
            return [_numbered(message) for message in waiting]

    def sent(self, name: str, first: int, last: int) -> list[Numbered]:
        """What is to be sent again of numbers `first` to `last`."""
        with self.reading() as session:
            mine = (FixMessage.session == name, col(FixMessage.number).between(first, last))
            return [_numbered(row) for row in session.exec(select(FixMessage).where(*mine).order_by(FixMessage.number))]

    # --- Orders ---

    def order(self, name: str, cl_ord_id: str) -> FixOrder | None:
        with self.reading() as session:
            return session.get(FixOrder, (name, cl_ord_id))

    def keep_order(self, order: FixOrder) -> None:
        """Write an order down, before the desk is asked; what is there of it already is left as it is."""
        with self.session() as session:
            if session.get(FixOrder, (order.session, order.cl_ord_id)) is None:
                session.add(order)

    def canceled(self, name: str, cl_ord_id: str) -> str | None:
        """The order that a cancel request of this ClOrdID was about."""
        with self.reading() as session:
            row = session.get(FixCancel, (name, cl_ord_id))
            return row and row.order

    def begin_cancel(self, name: str, cl_ord_id: str, order: str, replies: Iterable[Outgoing]) -> bool:
        """Write a cancel request down, before the desk is asked; False if the order's end was reported, or
        another request is not decided."""
        with self.session() as session:
            row = lock_order(session, name, order)
            if row is None or row.cancel or row.reported in ENDED:
                return False
            row.cancel = cl_ord_id
            session.add(FixCancel(session=name, cl_ord_id=cl_ord_id, order=order))
            queue(session, name, replies)
            return True

    def refuse_cancel(self, name: str, cl_ord_id: str, order: str, reply: Outgoing) -> None:
        """The desk refused; unless the end of the order was reported meanwhile, which said so already."""
        with self.session() as session:
            row = lock_order(session, name, order)
            if row is not None and row.cancel == cl_ord_id:
                row.cancel = ""
                queue(session, name, [reply])

    def undecided(self) -> list[FixOrder]:
        """Orders with a cancel request that is not decided."""
        with self.reading() as session:
            return list(session.exec(select(FixOrder).where(FixOrder.cancel != "")))

    def cursor(self) -> int:
        with self.reading() as session:
            row = session.get(FixCursor, 1)
            return row.sequence if row else 0


def queue(session: Session, name: str, messages: Iterable[Outgoing]) -> None:
    """Messages that wait for their number."""
    session.add_all(FixMessage(session=name, type=one.type, body=json.dumps(one.body)) for one in messages)


def lock_order(session: Session, name: str, cl_ord_id: str) -> FixOrder | None:
    """An order, that nobody else changes until the transaction ends."""
    return session.get(FixOrder, (name, cl_ord_id), with_for_update=True)


def move_cursor(session: Session, sequence: int) -> None:
    session.merge(FixCursor(id=1, sequence=sequence))


def _session(session: Session, name: str) -> FixSession:
    row = session.get(FixSession, name)
    if row is None:
        row = FixSession(name=name, next_in=1, next_out=1)
        session.add(row)
    return row


def _numbered(row: FixMessage) -> Numbered:
    return Numbered(row.number, row.sent, Outgoing(row.type, [(tag, value) for tag, value in json.loads(row.body)]))
