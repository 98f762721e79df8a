"""The agent: round by round, each about one new head, whatever its key's orders and notes need; and its desk.

Nothing is remembered but what the book holds, and the ledger alone says what is done: so it may be killed
at any instant, and goes on from there.
"""

import threading
from collections.abc import Callable
from dataclasses import replace

import structlog
from web3.exceptions import Web3Exception

from offchain.agent import desk, moves
from offchain.agent.book import Entry, Transfer
from offchain.agent.closing import Closing
from offchain.agent.commits import Commits
from offchain.agent.core import Core, View, choose_epoch
from offchain.agent.desk import (
    AgentStatus,
    Balance,
    CancelTold,
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
)
from offchain.agent.health import Health
from offchain.agent.moves import Moves
from offchain.agent.purse import Look
from offchain.agent.reconcile import Reconcile
from offchain.chain import ChainError, as_address
from offchain.clock import unix_ms
from offchain.field import check_range
from offchain.holdings import OwnedNote
from offchain.notes import AMOUNT_BITS, Side
from offchain.store import Busy

KILLED = "killed"
PAUSE = 8
"""Polls to sit out after a round that failed."""

SILENT_MS = 60_000
log = structlog.get_logger()


class Agent(Desk):
    """`holds` raises Busy once another process has the key's lease; the agent then ends, as with a torn book."""

    def __init__(self, core: Core, holds: Callable[[], None] = lambda: None):
        self.core, self.book, self.purse, self.chain = core, core.book, core.purse, core.chain
        self.checks: list[Check] = []
        self.cancels: list[CancelTold] = []
        self._holds = holds
        self._commits, self._closing = Commits(core), Closing(core)
        self._moves, self._reconcile, self._health = Moves(core), Reconcile(core), Health(core)
        self._told: dict[str, str] = {}
        self._wake = threading.Event()
        self.purse.hold(self.book.opened.values(), self._open_transfers(), list(self.book.parcels.values()))

    # --- The loop ---

    def run(self, stop: threading.Event) -> None:
        """Round after round, one for every new head, ended duty or order taken, until `stop`; an error costs one."""
        log.info("agent started", chain_id=self.chain.chain_id)
        last: tuple | None = None
        while not stop.is_set():
            try:
                self.book.check()
                seen = self.chain.head(), len(self.core.at_work())
                if seen != last or self._wake.is_set():
                    self._wake.clear()
                    self.round(seen[0])
                last = seen
                self._wake.wait(self.core.settings.poll_seconds)
            except Busy:
                self.core.close()
                raise
            except Exception as error:      # a service outlives what nobody thought of
                self._failed(error)
                stop.wait(PAUSE * self.core.settings.poll_seconds)
        self.core.close()
        log.info("agent stopped")

    def round(self, head: int) -> None:
        """One round as of block `head`; ChainError if that is before what the ledger has taken in.

        A node that is behind shows the same as a deep reorganisation: what hangs on blocks that it lacks is not undone.
        """
        if head < (taken := self.purse.ledger.block):
            raise ChainError(f"the node is at block {head} and was at {taken} before: it is behind, and is waited for")
        self.book.check()
        self._holds()
        with self.purse.ledger.lock:    # other threads sync it too, and these must be of one block
            look = self.purse.look()
            self.core.courier.settle(look.block)
            self._moves.settle()
        self.core.courier.round(head)
        self._closing.round(look.sights, head, look.block)
        self._commits.round(head, look.block)
        self._moves.round(list(self._commits.wanting.values()), head)
        self._reconcile.round(look)
        self._publish(head, look)

    def _failed(self, error: Exception) -> None:
        expected = isinstance(error, ChainError | Web3Exception)
        log.warning("round failed", error=type(error).__name__)
        self.core.problems["round"] = str(error) if expected else type(error).__name__
        try:
            self._tell_problems()
        except Exception as also:       # the database, most likely: `status` says it all the same
            log.error("problems not written down", error=type(also).__name__)

    def _publish(self, head: int, look: Look) -> None:
        """What others see between rounds, and an event for everything in it that is news."""
        self.core.problems.pop("round", None)
        self.core.forget(head)
        self._health.round(head)
        if count := self.purse.unreadable():
            why = f"{count} orders of this key were made by other software, which must end them"
            self.core.problems["unreadable"] = why
        balances = tuple(self.purse.balances(look))
        before = {one.asset: one for one in self.core.view.balances}
        markets = {number: self._market(number, head) for number in sorted(self.purse.ledger.markets)}
        self.core.view = View(head, look.block, self.core.block_seconds(head), unix_ms(), markets, balances)
        for one in balances:
            if before and before.get(one.asset) != one:
                self.book.write(tell="balance", **_amounts(one))
        self._tell_problems()

    def _tell_problems(self) -> None:
        problems = dict(self.core.problems)
        for name in problems.keys() - self._told.keys():
            self.book.write(tell="agent", problem=problems[name])
        for name in self._told.keys() - problems.keys():
            self.book.write(tell="agent", solved=self._told[name])
        self._told = problems

    def _market(self, number: int, head: int) -> MarketView:
        terms, settings = self.purse.ledger.markets[number], self.core.settings
        need = self.core.blocks_for("commit", head, settings.commit_seconds)
        epoch, _ = choose_epoch(terms, head, need)
        symbols = [self.purse.symbols.get(int(asset, 16), (asset, 0))[0] for asset in (terms.base, terms.quote)]
        reference, printed = self._prices(number)
        return MarketView(
            number, terms.base, terms.quote, *symbols, terms.lot, terms.min_quantity, terms.fee_bps, terms.bond_bps,
            terms.quota, terms.capacity, terms.commit_blocks, epoch, terms.windows(epoch), head,
            self.core.block_seconds(head), reference, printed,
        )  # fmt: skip

    def _prices(self, number: int) -> tuple[int | None, int | None]:
        """(the source's price now, else the last epoch's reference; the last print)."""
        ledger = self.purse.ledger
        mine = [epoch for (market, _), epoch in ledger.epochs.items() if market == number]
        printed = next((epoch.printed[0] for epoch in reversed(mine) if epoch.printed and epoch.printed[0]), None)
        fixed = next((epoch.reference for epoch in reversed(mine) if epoch.reference), None)
        try:
            latest = self.chain.at("Oracle", ledger.markets[number].source).functions.latest()
            price = self.chain.call(latest)[0]
        except (ChainError, Web3Exception, ValueError):     # another kind of source
            price = 0
        return price or fixed, printed

    # --- The desk: orders ---

    def place(self, ticket: Ticket) -> DeskOrder:
        with self.book.lock:
            if (known := self.book.entries.get(ticket.client_id)) is not None:
                return self._again(ticket, known)
            if ticket.client_id in self.book.transfers:
                raise TicketRefused("duplicate_id", f"{ticket.client_id} is a movement's: choose a new client_id")
            order = DeskOrder(
                ticket.client_id, ticket.market, ticket.epoch, Side(ticket.side), ticket.quantity, ticket.price,
                ticket.source, ticket.account, OrderState.ACCEPTED, created=unix_ms(),
            )  # fmt: skip
            try:
                self._check(ticket)
            except TicketRefused as refused:
                order = replace(order, state=OrderState.REFUSED, code=refused.code, reason=refused.reason)
                self.book.write(Entry(order, ticket.epoch, booked=True), tell="order")
                raise
            self.book.write(Entry(order, ticket.epoch), tell="order")
            self._wake.set()
            return self.book.entries[ticket.client_id].order

    def _again(self, ticket: Ticket, known: Entry) -> DeskOrder:
        order = known.order
        asked = ticket.market, ticket.side, ticket.quantity, ticket.price, ticket.epoch
        if asked != (order.market, order.side, order.quantity, order.price, known.wanted):
            raise TicketRefused("duplicate_id", f"{ticket.client_id} is another order's: choose a new client_id")
        if order.state == OrderState.REFUSED:
            raise TicketRefused(order.code, order.reason)
        return order

    def _check(self, ticket: Ticket) -> None:
        snapshot = self.snapshot()
        snapshot.lock(ticket.market, ticket.side, ticket.quantity, ticket.price)
        if (reason := self.book.fact(KILLED)) is not None:
            raise TicketRefused("killed", f"the kill switch is on: {reason}")
        market = snapshot.markets[ticket.market]
        if ticket.epoch is not None and ticket.epoch < market.epoch:
            reason = f"epoch {ticket.epoch} closes too soon: the first to be made is {market.epoch}"
            raise TicketRefused("closed", reason)
        if ticket.quantity < market.min_quantity:
            raise TicketRefused("bad_ticket", f"the market's smallest order is {market.min_quantity} lots")
        if snapshot.lock(ticket.market, ticket.side, ticket.quantity, ticket.price).lock >= 1 << AMOUNT_BITS:
            raise TicketRefused("bad_ticket", "the order locks more than a note can hold: ask for less")
        for check in self.checks:
            check(ticket, snapshot)

    def cancel(self, client_id: str, by: str = "python:") -> DeskOrder:
        with self.book.lock:
            entry = self._entry(client_id)
            order = entry.order
            if order.state == OrderState.CANCELLED or entry.cancelling:
                return order
            unsent = order.state == OrderState.ACCEPTED and entry.index is None
            refused = None if unsent else self._no_cancel(order)
            for tell in self.cancels:
                tell(client_id, by, refused)
            if refused is not None:
                raise refused
            if unsent:
                self.purse.release(client_id)
                ended = {"state": OrderState.CANCELLED, "code": None, "reason": None}
                return self.book.amend(client_id, "order", ended, booked=True).order
            self._wake.set()
            return self.book.amend(client_id, cancelling=True).order

    def _no_cancel(self, order: DeskOrder) -> TicketRefused | None:
        if order.state not in (OrderState.ACCEPTED, OrderState.COMMITTED):
            return TicketRefused("too_late", f"the order is {order.state}: it cannot be cancelled any more")
        freeze = self.purse.ledger.markets[order.market].windows(order.epoch).freeze
        if self.core.view.head + 1 < freeze:
            return None
        return TicketRefused("too_late", f"the window froze before block {freeze}: the order stands")

    def order(self, client_id: str) -> DeskOrder:
        with self.book.lock:
            return self._entry(client_id).order

    def _entry(self, client_id: str) -> Entry:
        if client_id not in self.book.entries:
            raise UnknownOrder(f"no order {client_id}")
        return self.book.entries[client_id]

    def orders(
        self, after: int = 0, limit: int = 100, state: OrderState | None = None, account: str | None = None
    ) -> list[DeskOrder]:
        with self.book.lock:
            changed = [entry.order for entry in self.book.entries.values() if entry.order.sequence > after]
        found = (one for one in changed if state in (None, one.state) and account in (None, one.account))
        return sorted(found, key=lambda order: order.sequence)[:limit]

    def events(self, after: int, limit: int = 500) -> list[DeskEvent]:
        return self.book.events(after, limit)

    def wait_events(self, after: int, timeout: float) -> list[DeskEvent]:
        with self.book.changed:
            self.book.changed.wait_for(lambda: self.book.sequence > after, timeout)
        return self.events(after)

    # --- The desk: what there is ---

    def balances(self) -> list[Balance]:
        return list(self.core.view.balances)

    def notes(self) -> list[OwnedNote]:
        return self.purse.notes()

    def markets(self) -> list[MarketView]:
        return list(self.core.view.markets.values())

    def worst_case(self, market: int, side: Side, quantity: int, price: int) -> Lock:
        Ticket("quote", market, side, quantity, price)      # checks every range
        return self.snapshot().lock(market, side, quantity, price)

    def snapshot(self) -> Snapshot:
        with self.book.lock:
            orders = tuple(entry.order for entry in self.book.opened.values())
        return Snapshot(orders, self.core.view.balances, self.core.view.markets)

    def status(self) -> AgentStatus:
        view, reason, own = self.core.view, self.book.fact(KILLED), self.core.courier.own
        problems = list(self.core.problems.values())
        if view.last_round and unix_ms() - view.last_round > SILENT_MS:
            problems.append("no round has ended for a minute: does the chain's node answer, does the chain go on?")
        return AgentStatus(
            self.chain.chain_id, self.chain.deployment.contracts["Pool"], own.name if own else None,
            _text(self.purse.key), view.head, view.block, view.block_seconds, view.last_round, self.book.sequence,
            tuple(problems), reason is not None, reason,
        )  # fmt: skip

    # --- The desk: movements and control ---

    def deposit(self, key: str, asset: str, amount: int) -> Movement:
        if self.core.courier.own is None:
            raise ValueError("no account is configured to deposit from: name one in agent.account")
        return self._move(key, "deposit", asset, check_range(amount, 1, 1 << AMOUNT_BITS, "amount"), None)

    def withdraw(self, key: str, asset: str, amount: int, recipient: str) -> Movement:
        address = as_address(check_range(int(recipient, 16), 1, 1 << 160, "recipient"))
        return self._move(key, "withdrawal", asset, check_range(amount, 1, 1 << AMOUNT_BITS, "amount"), address)

    def consolidate(self, key: str, asset: str) -> Movement:
        return self._move(key, "consolidation", asset, 0, None)

    def movements(self, limit: int = 100) -> list[Movement]:
        found = [one.movement for one in list(self.book.transfers.values())]
        return sorted(found, key=lambda one: one.created, reverse=True)[:limit]

    def _move(self, key: str, kind: str, asset: str, amount: int, recipient: str | None) -> Movement:
        desk.check_name(key, "key")
        word = int(asset, 16)
        if word not in self.purse.symbols:
            raise TicketRefused("bad_ticket", f"{asset} is no token of this deployment")
        asked = Movement(key, kind, as_address(word), amount, recipient, MovementState.ACCEPTED, created=unix_ms())
        with self.book.lock:
            if (known := self.book.transfers.get(key)) is not None:
                made = known.movement
                if (made.kind, made.asset, made.amount, made.recipient) != (kind, asked.asset, amount, recipient):
                    raise TicketRefused("duplicate_id", f"{key} is another movement's: choose a new key")
                return made
            if key in self.book.entries:
                raise TicketRefused("duplicate_id", f"{key} is an order's: choose a new key")
            self.book.write(Transfer(asked))
            self._wake.set()
            return asked

    def kill(self, on: bool, reason: str) -> None:
        with self.book.lock:
            self.book.write(facts={KILLED: reason if on else None}, tell="control", killed=on, reason=reason)
            for entry in list(self.book.opened.values()) if on else ():
                if entry.order.state == OrderState.ACCEPTED and entry.index is None:
                    order = {"state": OrderState.CANCELLED, "code": "killed", "reason": reason}
                    self.book.amend(entry.order.client_id, "order", order, booked=True)
                    self.purse.release(entry.order.client_id)

    def _open_transfers(self) -> list[Transfer]:
        return [one for one in self.book.transfers.values() if one.movement.state in moves.OPEN]


def _text(key) -> str:
    """A shielded address as one word: owner and viewing key."""
    return ".".join(f"{word:064x}" for word in (key.address.owner, *key.address.viewing))


def _amounts(balance: Balance) -> dict:
    names = ("available", "locked", "largest_pair")
    return {"asset": balance.asset, "symbol": balance.symbol} | {name: str(getattr(balance, name)) for name in names}
