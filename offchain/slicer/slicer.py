"""Works parent orders through a desk: one child an epoch, its size drawn once and written down before it is placed.

A child's name follows from its parent's and its epoch, and the desk takes a name once: so a slicer that
died anywhere places what it had drawn and nothing twice. What its children might still fill counts as
filled, so that no parent is ever overfilled.
"""

import secrets
import threading
from dataclasses import asdict
from typing import NamedTuple

import structlog
from sqlalchemy import Engine
from sqlmodel import Session, SQLModel, col, exists, or_, select

from offchain.agent.desk import Desk, DeskOrder, MarketView, OrderState, Ticket, TicketRefused, UnknownOrder
from offchain.clock import unix_ms
from offchain.notes import Side
from offchain.slicer import schedule
from offchain.slicer.parents import (
    Action,
    Parent,
    ParentOrder,
    ParentRefused,
    ParentState,
    Report,
    Strategy,
    UnknownParent,
)
from offchain.slicer.report import report
from offchain.slicer.schedule import LOOKBACK, Randbelow
from offchain.slicer.tables import STILL_OPEN, TABLES, ChildRow, ParentRow
from offchain.slicer.tape import Tape
from offchain.store import Store

WAKE_SECONDS = 1.0
"""At the latest, when no event comes: an epoch begins without one."""

PAGE = 1_000
SOURCE = "slicer"
STOPPED = "its parent stopped before it was placed"
WORKED = (ParentState.RUNNING, ParentState.PAUSED)
TURNS = {
    Action.PAUSE: ((ParentState.RUNNING,), ParentState.PAUSED),
    Action.RESUME: ((ParentState.PAUSED,), ParentState.RUNNING),
    Action.CANCEL: (WORKED, ParentState.CANCELLED),
}
"""From which states to which."""

log = structlog.get_logger("slicer")


class _Parent(NamedTuple):
    """A parent with its children, as one transaction read them."""

    row: ParentRow
    children: list[ChildRow]

    @property
    def filled(self) -> int:
        return sum(child.filled for child in self.children)

    @property
    def opened(self) -> int:
        return sum(child.lots for child in self.children if not child.ended)

    @property
    def remaining(self) -> int:
        """Lots that may still be placed, even if all that is open fills."""
        return int(self.row.quantity) - self.filled - self.opened

    @property
    def shown(self) -> Parent:
        row = self.row
        return Parent(
            **asdict(row.order), state=ParentState(row.state), filled=self.filled, open=self.opened,
            arrival=None if row.arrival is None else int(row.arrival), reason=row.reason, created=row.created,
        )  # fmt: skip


class Slicer:
    """The parents of one agent. `engine` is its database, `tape` what its markets printed.

    `tick` does what is due, and may be called at any time; `start` has a thread call it when the desk
    tells something. Every method may be called from any thread.
    """

    def __init__(self, desk: Desk, engine: Engine, tape: Tape, randbelow: Randbelow = secrets.randbelow):
        self.desk, self._store, self.tape, self._randbelow = desk, Store(engine), tape, randbelow
        self._heard = 0     # the last order event taken in: after a start, all of them once more
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        SQLModel.metadata.create_all(engine, tables=TABLES)

    # --- What clients ask ---

    def begin(
        self, *, id: str, market: int, side: Side, quantity: int, price: int, strategy: Strategy, epochs: int,
        start: int | None = None, minimum: int | None = None, **tuning: int,
    ) -> Parent:  # fmt: skip
        """Start a parent over so many epochs, from `start` or the present one; again with the same terms is the same.

        `minimum` is the market's smallest order if not given; `tuning` are jitter_bps, rate_bps, urgency_bps.
        ParentRefused says what is wrong.
        """
        with self._lock:
            view, known = self._view(market), self._find(id)
            if start is None:
                start = known.row.start if known else view.epoch
            if type(start) is not int or type(epochs) is not int:
                raise ParentRefused("bad_parent", "start and epochs must be whole numbers")
            order = ParentOrder(
                id=id, market=market, side=side, quantity=quantity, price=price, strategy=strategy, start=start,
                end=start + epochs - 1, minimum=view.min_quantity if minimum is None else minimum, **tuning,
            )  # fmt: skip
            if known is not None:
                if known.row.order != order:
                    raise ParentRefused("duplicate_id", f"{id} is another parent's: choose a new id")
                return known.shown
            if start < view.epoch:
                raise ParentRefused("closed", f"epoch {start} takes no orders any more: start at {view.epoch} or later")
            if order.minimum < view.min_quantity:
                least = f"the market's smallest order is {view.min_quantity} lots: so is a child's"
                raise ParentRefused("bad_parent", least)
            self._write(_row(order, view))
            return self.parent(id)

    def parent(self, id: str) -> Parent:
        """UnknownParent if there is none."""
        return self._known(id).shown

    def parents(self, state: ParentState | None = None) -> list[Parent]:
        """The newest first."""
        with self._store.reading() as session:
            query = select(ParentRow).order_by(ParentRow.created.desc(), ParentRow.id)
            rows = session.exec(query if state is None else query.where(ParentRow.state == state)).all()
            return [_gather(session, row).shown for row in rows]

    def steer(self, id: str, action: Action) -> Parent:
        """Pause, resume or cancel it; again is the same. ParentRefused closed where it is too late for that."""
        before, after = TURNS[action]
        with self._lock:
            found = self._known(id)
            if found.row.state not in (*before, after):
                raise ParentRefused("closed", f"{id} is {found.row.state}: it cannot be {after} any more")
            if found.row.state != after:
                found.row.state = after
                self._write(found.row)
            self._take_back(found)
            return self.parent(id)

    def report(self, id: str) -> Report:
        """What it did, against the price at its arrival."""
        found = self._known(id)
        children = [row.child for row in found.children if row.lots]
        return report(found.shown, children, self.tape(found.row.market, found.row.start))

    # --- Working ---

    def tick(self) -> None:
        """Follow what is open, and place what is due. One parent's trouble holds up no other."""
        with self._lock:
            self._hear()
            parents = self._working()
            views = {view.id: view for view in self.desk.markets()} if parents else {}
            for found in parents:
                if (view := views.get(found.row.market)) is None:
                    continue    # the desk has not seen the chain yet
                try:
                    self._work(found, view)
                except Exception as error:      # it is tried again at the next tick: everything is written down
                    log.warning("parent", id=found.row.id, error=type(error).__name__)

    def start(self) -> None:
        """Tick in a thread of its own until `stop`."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="slicer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        after = 0
        while not self._stopping.is_set():
            try:
                self.tick()
                after = after or self.desk.status().sequence
                if told := self.desk.wait_events(after, WAKE_SECONDS):
                    after = told[-1].sequence
            except Exception as error:      # the database or the chain is away: parents wait for it
                log.warning("slicer", error=type(error).__name__)
                self._stopping.wait(WAKE_SECONDS)

    def _hear(self) -> None:
        """Write down what became of children, however late: a deep reorganisation changes even what has ended."""
        while told := self.desk.orders(self._heard, PAGE):
            mine = {order.client_id: order for order in told if order.source == SOURCE}
            parents = {order.account for order in mine.values()}
            with self._store.session() as session:
                for child in session.exec(select(ChildRow).where(col(ChildRow.parent).in_(parents))).all():
                    if (order := mine.get(child.client_id)) is not None:
                        _note(session.get(ParentRow, child.parent), child, order)
            self._heard = told[-1].sequence

    def _work(self, found: _Parent, view: MarketView) -> None:
        row = found.row
        if row.arrival is None and view.reference is not None:
            row.arrival = str(view.reference)
            self._write(row)
        for child in found.children:
            self._place(row, child)
        if row.state == ParentState.RUNNING and self._is_due(found, view.epoch):
            number, lots = view.epoch - row.start + 1, self._draw(found, view.epoch)
            child = ChildRow(parent=row.id, epoch=view.epoch, n=number, quantity=str(lots))
            self._write(child)
            found.children.append(child)
            self._place(row, child)
        self._take_back(found)
        over = view.epoch > row.end or found.remaining < int(row.minimum)
        if row.state == ParentState.RUNNING and over and not found.opened:
            row.state = ParentState.DONE
            self._write(row)

    def _is_due(self, found: _Parent, epoch: int) -> bool:
        return found.row.start <= epoch <= found.row.end and all(child.epoch != epoch for child in found.children)

    def _draw(self, found: _Parent, epoch: int) -> int:
        order, remaining = found.row.order, found.remaining
        if order.strategy == Strategy.PARTICIPATION:
            volumes = self.tape(order.market, max(0, order.start - LOOKBACK))
            due = schedule.participation(order.rate_bps, volumes, order.start, epoch, order.quantity - remaining)
        else:
            due = remaining * schedule.share(order.end - epoch + 1, order.urgency_bps or 0)
        return schedule.draw(due, remaining, order.minimum, order.jitter_bps, self._randbelow)

    def _place(self, row: ParentRow, child: ChildRow) -> None:
        """Place a child that the desk may not have yet, unless its parent has stopped."""
        if child.ended or child.state is not None:
            return
        try:
            if row.state == ParentState.RUNNING:
                _note(row, child, self.desk.place(_ticket(row.order, child)))
            else:
                _note(row, child, self.desk.order(child.client_id))
        except TicketRefused as refused:
            _bring(row, child, OrderState.REFUSED, f"{refused.code}: {refused.reason}")
        except UnknownOrder:
            _bring(row, child, OrderState.CANCELLED, STOPPED)
        self._write(row, child)

    def _take_back(self, found: _Parent) -> None:
        """Take back what is open of a cancelled parent; of another what is too much, the newest first.

        That is where a reorganisation brought back a child that had ended, after others took over its lots.
        """
        row = found.row
        excess = found.opened if row.state == ParentState.CANCELLED else -found.remaining
        for child in reversed(found.children):
            if excess <= 0:
                return
            if not child.ended and self._cancel(row, child):
                excess -= child.lots

    def _cancel(self, row: ParentRow, child: ChildRow) -> bool:
        """Whether it comes back; what is frozen does not, and is followed to its end."""
        try:
            _note(row, child, self.desk.cancel(child.client_id, f"{SOURCE}:{row.id}"))
        except TicketRefused:
            return False
        except UnknownOrder:
            _bring(row, child, OrderState.CANCELLED, STOPPED)
        self._write(row, child)
        return True

    # --- The database ---

    def _view(self, market: int) -> MarketView:
        found = {view.id: view for view in self.desk.markets()}
        if market not in found:
            raise ParentRefused("unknown_market", f"no market {market}; known: {sorted(found)}")
        return found[market]

    def _working(self) -> list[_Parent]:
        """Parents that may place children or have some open, the oldest first."""
        opened = exists().where(ChildRow.parent == ParentRow.id, STILL_OPEN)
        with self._store.reading() as session:
            query = select(ParentRow).where(or_(col(ParentRow.state).in_(WORKED), opened)).order_by(ParentRow.created)
            return [_gather(session, row) for row in session.exec(query)]

    def _known(self, id: str) -> _Parent:
        found = self._find(id)
        if found is None:
            raise UnknownParent(f"no parent order {id}")
        return found

    def _find(self, id: str) -> _Parent | None:
        with self._store.reading() as session:
            row = session.get(ParentRow, id)
            return None if row is None else _gather(session, row)

    def _write(self, *rows: ParentRow | ChildRow) -> None:
        """On disk before anyone is told."""
        with self._store.session() as session:
            session.add_all(rows)


def _gather(session: Session, row: ParentRow) -> _Parent:
    children = select(ChildRow).where(ChildRow.parent == row.id).order_by(ChildRow.epoch)
    return _Parent(row, list(session.exec(children)))


def _note(row: ParentRow, child: ChildRow, order: DeskOrder) -> None:
    """What the desk says of a child."""
    if order.state == OrderState.FILLED:
        return _bring(row, child, order.state, None, str(order.fill), str(order.fill_price))
    _bring(row, child, order.state, ": ".join(word for word in (order.code, order.reason) if word) or None)


def _bring(row: ParentRow, child: ChildRow, state: OrderState, reason: str | None, *filled: str) -> None:
    """Bring a child into a state; `filled` are lots and price, of one that is. A parent that was done is running again,
    until it is seen to be done."""
    now = state, reason, *(filled or (None, None))
    if now == (child.state, child.reason, child.fill, child.fill_price):
        return
    child.state, child.reason, child.fill, child.fill_price = now
    if row.state == ParentState.DONE:
        row.state = ParentState.RUNNING
    if child.ended and reason:
        row.reason = reason


def _row(order: ParentOrder, view: MarketView) -> ParentRow:
    words = {name: str(getattr(order, name)) for name in ("quantity", "price", "minimum")}
    arrival = None if view.reference is None else str(view.reference)
    created = unix_ms()
    return ParentRow(**asdict(order) | words, state=ParentState.RUNNING, arrival=arrival, created=created)


def _ticket(order: ParentOrder, child: ChildRow) -> Ticket:
    terms = order.market, order.side, child.lots, order.price, child.epoch
    return Ticket(child.client_id, *terms, source=SOURCE, account=order.id)
