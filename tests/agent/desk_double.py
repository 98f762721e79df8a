"""A desk in memory, for unit tests of those who call one; a test says itself what becomes of an order."""

import threading
from dataclasses import replace

from offchain.agent.desk import (
    AgentStatus,
    Balance,
    Check,
    Desk,
    DeskEvent,
    DeskOrder,
    Lock,
    MarketView,
    Movement,
    MovementState,
    OrderState,
    Snapshot,
    Ticket,
    TicketRefused,
    UnknownOrder,
    worst_case,
)
from offchain.clock import unix_ms
from offchain.holdings import OwnedNote
from offchain.notes import Side
from offchain.records import Windows

BTC, USD = "0x" + "B7" * 20, "0x" + "5D" * 20
MARKET = MarketView(
    id=0, base=BTC, quote=USD, base_symbol="BTC", quote_symbol="USD", lot=1_000, min_quantity=1, fee_bps=10, bond_bps=500,
    quota=2, capacity=8, commit_blocks=60, epoch=3, windows=Windows(280, 340, 343, 363, 383), head=300,
    block_seconds=1.0, reference=500, printed=None,
)  # fmt: skip
BALANCES = [Balance(BTC, "BTC", 8, 2, 10**12, 0, 10**12), Balance(USD, "USD", 6, 2, 10**12, 0, 10**12)]


class DeskDouble(Desk):
    """`commit`, `reveal`, `fill`, `fail`, `give_back` move an order on; `set_market` changes what checks see."""

    def __init__(self, *checks: Check):
        self.checks = list(checks)
        self.cancels = []
        self.market_views = {0: MARKET}
        self.balance_rows = list(BALANCES)
        self.killed: str | None = None
        self.problems: tuple[str, ...] = ()
        self._orders: dict[str, DeskOrder] = {}
        self._tickets: dict[str, Ticket] = {}
        self._events: list[DeskEvent] = []
        self._movements: dict[str, Movement] = {}
        self._changed = threading.Condition(threading.RLock())

    # --- What a test says ---

    def commit(self, client_id: str, epoch: int | None = None) -> DeskOrder:
        epoch = self.order(client_id).epoch if epoch is None else epoch
        epoch = self.market_views[self.order(client_id).market].epoch if epoch is None else epoch
        number = len(self._events) + 1
        return self.change(
            client_id, state=OrderState.COMMITTED, epoch=epoch, quota_nullifier=number, commit_tx=f"0x{number:064x}"
        )

    def reveal(self, client_id: str) -> DeskOrder:
        return self.change(client_id, state=OrderState.REVEALED, reveal_tx=f"0x{len(self._events) + 1:064x}")

    def fill(self, client_id: str, lots: int, price: int) -> DeskOrder:
        return self.change(
            client_id, state=OrderState.FILLED, fill=lots, fill_price=price if lots else 0, reference=price
        )

    def fail(self, client_id: str, reason: str = "no window could be made") -> DeskOrder:
        return self.change(client_id, state=OrderState.FAILED, code="failed", reason=reason)

    def give_back(self, client_id: str, forfeited: int = 0) -> DeskOrder:
        return self.change(client_id, state=OrderState.RETURNED, forfeited=forfeited)

    def change(self, client_id: str, **changes) -> DeskOrder:
        with self._changed:
            return self._tell(replace(self.order(client_id), **changes))

    def set_market(self, market: int = 0, **changes) -> None:
        self.market_views[market] = replace(self.market_views.get(market, MARKET), id=market, **changes)

    def say(self, kind: str, **data) -> DeskEvent:
        """An event about no order."""
        with self._changed:
            event = DeskEvent(len(self._events) + 1, unix_ms(), kind, None, data)
            self._events.append(event)
            self._changed.notify_all()
            return event

    # --- The desk ---

    def place(self, ticket: Ticket) -> DeskOrder:
        with self._changed:
            if (known := self._orders.get(ticket.client_id)) is not None:
                return self._again(ticket, known)
            order = DeskOrder(
                ticket.client_id, ticket.market, ticket.epoch, ticket.side, ticket.quantity, ticket.price, ticket.source,
                ticket.account, OrderState.ACCEPTED, created=unix_ms(),
            )  # fmt: skip
            self._tickets[ticket.client_id] = ticket
            try:
                self._check(ticket)
            except TicketRefused as refused:
                self._tell(replace(order, state=OrderState.REFUSED, code=refused.code, reason=refused.reason))
                raise
            return self._tell(order)

    def _again(self, ticket: Ticket, known: DeskOrder) -> DeskOrder:
        first = self._tickets[ticket.client_id]
        if replace(ticket, source=first.source, account=first.account) != first:
            raise TicketRefused("duplicate_id", f"{ticket.client_id} is another order's: choose a new client_id")
        if known.state == OrderState.REFUSED:
            raise TicketRefused(known.code, known.reason)
        return known

    def _check(self, ticket: Ticket) -> None:
        if self.killed is not None:
            raise TicketRefused("killed", f"the kill switch is on: {self.killed}")
        snapshot = self.snapshot()
        snapshot.lock(ticket.market, ticket.side, ticket.quantity, ticket.price)
        for check in self.checks:
            check(ticket, snapshot)

    def cancel(self, client_id: str, by: str = "python:") -> DeskOrder:
        with self._changed:
            order = self.order(client_id)
            if order.state == OrderState.CANCELLED:
                return order
            refused = None
            if order.state not in (OrderState.ACCEPTED, OrderState.COMMITTED):
                refused = TicketRefused("too_late", f"the order is {order.state}: it cannot be cancelled any more")
            for tell in self.cancels:
                tell(client_id, by, refused)
            if refused is not None:
                raise refused
            return self._tell(replace(order, state=OrderState.CANCELLED))

    def order(self, client_id: str) -> DeskOrder:
        with self._changed:
            if client_id not in self._orders:
                raise UnknownOrder(f"no order {client_id}")
            return self._orders[client_id]

    def orders(
        self, after: int = 0, limit: int = 100, state: OrderState | None = None, account: str | None = None
    ) -> list[DeskOrder]:
        with self._changed:
            found = sorted(self._orders.values(), key=lambda order: order.sequence)
        return [
            order for order in found
            if order.sequence > after and state in (None, order.state) and account in (None, order.account)
        ][:limit]  # fmt: skip

    def events(self, after: int, limit: int = 500) -> list[DeskEvent]:
        with self._changed:
            return self._events[after : after + limit]

    def wait_events(self, after: int, timeout: float) -> list[DeskEvent]:
        with self._changed:
            self._changed.wait_for(lambda: len(self._events) > after, timeout)
            return self.events(after)

    def balances(self) -> list[Balance]:
        return list(self.balance_rows)

    def notes(self) -> list[OwnedNote]:
        return []

    def markets(self) -> list[MarketView]:
        return list(self.market_views.values())

    def worst_case(self, market: int, side: Side, quantity: int, price: int) -> Lock:
        if market not in self.market_views:
            raise TicketRefused("unknown_market", f"no market {market}")
        return worst_case(self.market_views[market], side, quantity, price)

    def snapshot(self) -> Snapshot:
        with self._changed:
            opened = tuple(order for order in self._orders.values() if not order.ended)
            return Snapshot(opened, tuple(self.balance_rows), dict(self.market_views))

    def deposit(self, key: str, asset: str, amount: int) -> Movement:
        return self._move(key, "deposit", asset, amount, None)

    def withdraw(self, key: str, asset: str, amount: int, recipient: str) -> Movement:
        return self._move(key, "withdrawal", asset, amount, recipient)

    def consolidate(self, key: str, asset: str) -> Movement:
        return self._move(key, "consolidation", asset, 0, None)

    def movements(self, limit: int = 100) -> list[Movement]:
        return list(reversed(self._movements.values()))[:limit]

    def kill(self, on: bool, reason: str) -> None:
        with self._changed:
            self.killed = reason if on else None
            self.say("control", killed=on, reason=reason)
            waiting = [order for order in self._orders.values() if order.state == OrderState.ACCEPTED]
            for order in waiting if on else ():
                self._tell(replace(order, state=OrderState.CANCELLED, code="killed", reason=reason))

    def status(self) -> AgentStatus:
        view = self.market_views[0]
        return AgentStatus(
            31337, "0x" + "AA" * 20, None, "address", view.head, view.head - 2, 1.0, unix_ms(), len(self._events),
            self.problems, self.killed is not None, self.killed,
        )  # fmt: skip

    def _move(self, key: str, kind: str, asset: str, amount: int, recipient: str | None) -> Movement:
        with self._changed:
            made = Movement(key, kind, asset, amount, recipient, MovementState.ACCEPTED, created=unix_ms())
            known = self._movements.setdefault(key, made)
            if (known.kind, known.asset, known.amount, known.recipient) != (kind, asset, amount, recipient):
                raise TicketRefused("duplicate_id", f"{key} is another movement's: choose a new key")
            return known

    def _tell(self, order: DeskOrder) -> DeskOrder:
        order = replace(order, sequence=len(self._events) + 1)
        self._orders[order.client_id] = order
        self._events.append(DeskEvent(order.sequence, unix_ms(), "order", order))
        self._changed.notify_all()
        return order
