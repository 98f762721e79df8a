"""What everyone who trades through an agent sees of it: tickets in, orders and events out.

REST, FIX, the slicer and Python all call one `Desk`, whose methods any thread may call. Amounts are
base units, quantities lots, prices quote units a lot; times are Unix milliseconds.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from offchain.holdings import OwnedNote
from offchain.notes import QUANTITY_BITS, Side
from offchain.records import Windows

# Not a dot first: a client of HTTP folds `/v1/orders/..` away.
CLIENT_ID = re.compile(r"[A-Za-z0-9_:-][A-Za-z0-9._:-]{0,63}")
CLIENT_ID_IS = "letters, digits, or any of . _ : -, and not begin with a dot"
CHAIN_PREFIX = "chain:"
"""How orders are named that the agent found on the chain; no client may choose such a name."""

AUTO = "auto:"
"""How the agent names movements of its own; no client may choose such a name."""

RESERVED = {"fix:": "fix", "parent:": "slicer"}
"""Beginnings of a client_id that only orders of that source have, and no movement."""


class OrderState(StrEnum):
    ACCEPTED = "accepted"       # written down; not on chain yet
    COMMITTED = "committed"     # on chain, sealed
    REVEALED = "revealed"       # opened to the leader
    FILLED = "filled"           # settled; `fill` in lots may be 0 .. quantity
    RETURNED = "returned"       # not settled, and reclaimed: the funds are back, less `forfeited`
    CANCELLED = "cancelled"     # by the owner, before the freeze
    REFUSED = "refused"         # by a pre-trade check; nothing was sent
    FAILED = "failed"           # could not be committed; nothing is locked


ENDED = frozenset(
    {OrderState.FILLED, OrderState.RETURNED, OrderState.CANCELLED, OrderState.REFUSED, OrderState.FAILED}
)


class TicketRefused(ValueError):
    """A ticket, or a cancel, that is not taken. `code` is for programs, `reason` says what to do.

    Codes of the desk: bad_ticket, duplicate_id, unknown_market, closed, killed, too_late; and those of
    the pre-trade checks.
    """

    def __init__(self, code: str, reason: str):
        super().__init__(reason)
        self.code, self.reason = code, reason


class UnknownOrder(LookupError):
    """No order has this client_id."""


@dataclass(frozen=True)
class Ticket:
    """An order as its client asks for it. The same `client_id` is the same order, for ever.

    `epoch` None: the first whose window it can still make. `source` (rest, fix, slicer, cli, web,
    python) and `account` (an API key's name, a CompID) are for the log. TicketRefused bad_ticket.
    """

    client_id: str
    market: int
    side: Side
    quantity: int
    price: int
    epoch: int | None = None
    source: str = "python"
    account: str = ""

    def __post_init__(self) -> None:
        check_name(self.client_id, "client_id", self.source)
        if self.side not in (Side.BUY, Side.SELL):
            raise TicketRefused("bad_ticket", "side must be 0 (buy) or 1 (sell)")
        _whole(self.market, 0, 1 << 63, "market")
        _whole(self.quantity, 1, 1 << QUANTITY_BITS, "quantity")
        _whole(self.price, 1, 1 << QUANTITY_BITS, "price")
        if self.epoch is not None:
            _whole(self.epoch, 0, 1 << 63, "epoch")


def check_name(name: str, what: str, source: str | None = None) -> None:
    """TicketRefused bad_ticket unless a client may so name an order of that source, or a movement."""
    if not isinstance(name, str) or not CLIENT_ID.fullmatch(name):
        raise TicketRefused("bad_ticket", f"{what} must be 1 to 64 {CLIENT_ID_IS}")
    for prefix, owner in {CHAIN_PREFIX: "agent", AUTO: "agent", **RESERVED}.items():
        if name.startswith(prefix) and (owner == "agent" or source != owner):
            reason = f"{what} must not begin with {prefix}: what the {owner} makes is named so"
            raise TicketRefused("bad_ticket", reason)


def _whole(value: int, low: int, high: int, what: str) -> None:
    if type(value) is not int or not low <= value < high:
        raise TicketRefused("bad_ticket", f"{what} must be a whole number of at least {low} and below {high}")


@dataclass(frozen=True)
class DeskOrder:
    """What is known of an order, as of event `sequence`; None where there is nothing to know yet.

    `fill` in lots at `fill_price`; `reference` is the epoch's; `forfeited` in units of the asset
    locked. `reason` and its `code` say why it was refused, failed or returned.
    """

    client_id: str
    market: int
    epoch: int | None
    side: Side
    quantity: int
    price: int
    source: str
    account: str
    state: OrderState
    code: str | None = None
    reason: str | None = None
    fill: int | None = None
    fill_price: int | None = None
    reference: int | None = None
    forfeited: int | None = None
    quota_nullifier: int | None = None
    commit_tx: str | None = None
    reveal_tx: str | None = None
    created: int = 0
    sequence: int = 0

    @property
    def ended(self) -> bool:
        return self.state in ENDED


@dataclass(frozen=True)
class DeskEvent:
    """Something that happened. Sequence numbers begin at 1 and have no gap, whatever dies meanwhile.

    `kind` is order (then `order` is it), balance, agent or control.
    """

    sequence: int
    time: int
    kind: str
    order: DeskOrder | None = None
    data: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Balance:
    """Of one asset: `available` in unspent `notes`, `locked` in orders on chain, and the most that one
    order may lock now: the `largest_pair` of spendable notes."""

    asset: str
    symbol: str
    decimals: int
    notes: int
    available: int
    locked: int
    largest_pair: int


@dataclass(frozen=True)
class MarketView:
    """A market as of block `head`. `windows` are those of `epoch`, whose window a ticket would make now;
    `reference` and `printed` (price of the last print) are None before the first."""

    id: int
    base: str
    quote: str
    base_symbol: str
    quote_symbol: str
    lot: int
    min_quantity: int
    fee_bps: int
    bond_bps: int
    quota: int
    capacity: int
    commit_blocks: int
    epoch: int
    windows: Windows
    head: int
    block_seconds: float
    reference: int | None
    printed: int | None


@dataclass(frozen=True)
class Lock:
    """What a ticket locks at worst: `lock` units of `asset`, of which `fee` may be paid and `bond` forfeited."""

    asset: str
    symbol: str
    lock: int
    fee: int
    bond: int


class MovementState(StrEnum):
    ACCEPTED = "accepted"
    SENT = "sent"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Movement:
    """A deposit, withdrawal or consolidation. The same `key` is the same movement, for ever; no order has it."""

    key: str
    kind: str
    asset: str
    amount: int
    recipient: str | None
    state: MovementState
    reason: str | None = None
    tx: str | None = None
    created: int = 0


@dataclass(frozen=True)
class AgentStatus:
    """The agent at block `block` of its ledger. `problems` are sentences for an operator, none if all is well."""

    chain_id: int
    pool: str
    account: str | None
    address: str
    head: int
    block: int
    block_seconds: float
    last_round: int
    sequence: int
    problems: tuple[str, ...]
    killed: bool
    kill_reason: str | None


@dataclass(frozen=True)
class Snapshot:
    """What a pre-trade check may weigh: taken under the desk's lock, so that no two tickets pass on the same room.

    `orders` are the open ones, this ticket not among them.
    """

    orders: tuple[DeskOrder, ...]
    balances: tuple[Balance, ...]
    markets: dict[int, MarketView]

    def lock(self, market: int, side: Side, quantity: int, price: int) -> Lock:
        """What such a ticket would lock; TicketRefused unknown_market."""
        if market not in self.markets:
            raise TicketRefused("unknown_market", f"no market {market}; known: {sorted(self.markets)}")
        return worst_case(self.markets[market], side, quantity, price)


Check = Callable[[Ticket, Snapshot], None]
"""A pre-trade check: TicketRefused(code, reason) to refuse."""

CancelTold = Callable[[str, str, TicketRefused | None], None]
"""Is told of a cancel: client_id, who asks, as source:account, and why it is refused, if it is."""


def worst_case(market: MarketView, side: Side, quantity: int, price: int) -> Lock:
    """Lock, fee and bond of protocol §4."""
    if side == Side.SELL:
        locked = quantity * market.lot
        return Lock(market.base, market.base_symbol, locked, 0, locked * market.bond_bps // 10_000)
    paid = quantity * price * market.fee_bps // 10_000
    locked = quantity * price + paid
    return Lock(market.quote, market.quote_symbol, locked, paid, locked * market.bond_bps // 10_000)


class Desk(ABC):
    """The agent, to whoever trades through it."""

    checks: list[Check]
    """Called in order by `place`, under the desk's lock."""

    cancels: list[CancelTold]
    """Called by `cancel` before it takes an order back or refuses to, under the same lock."""

    @abstractmethod
    def place(self, ticket: Ticket) -> DeskOrder:
        """Take a ticket, and return at once: ACCEPTED is a promise that survives any death.

        The same id with the same terms gives the same order, or the same refusal. A refusal by a check is
        kept as an order in state REFUSED, and raised as TicketRefused.
        """

    @abstractmethod
    def cancel(self, client_id: str, by: str = "python:") -> DeskOrder:
        """Ask that an order be taken back, in the name of `by` (source:account); again is the same. ACCEPTED: at once,
        unless it is being sent, where the cancel follows by itself; COMMITTED before the freeze: by a reclaim that
        follows.

        CANCELLED comes as an event where it is not the answer. TicketRefused too_late after the freeze or
        the end; UnknownOrder.
        """

    @abstractmethod
    def order(self, client_id: str) -> DeskOrder:
        """UnknownOrder if there is none."""

    @abstractmethod
    def orders(
        self, after: int = 0, limit: int = 100, state: OrderState | None = None, account: str | None = None
    ) -> list[DeskOrder]:
        """Orders whose last event is after number `after`, by that number: an order that changes comes again."""

    @abstractmethod
    def events(self, after: int, limit: int = 500) -> list[DeskEvent]:
        """Events after number `after`, in order."""

    @abstractmethod
    def wait_events(self, after: int, timeout: float) -> list[DeskEvent]:
        """The same, waiting until there is one, or [] after `timeout` seconds."""

    @abstractmethod
    def balances(self) -> list[Balance]: ...

    @abstractmethod
    def notes(self) -> list[OwnedNote]:
        """Unspent notes, those not spendable yet included."""

    @abstractmethod
    def markets(self) -> list[MarketView]: ...

    @abstractmethod
    def worst_case(self, market: int, side: Side, quantity: int, price: int) -> Lock:
        """What such a ticket would lock; TicketRefused unknown_market or bad_ticket."""

    @abstractmethod
    def snapshot(self) -> Snapshot:
        """As the checks would see it now."""

    @abstractmethod
    def deposit(self, key: str, asset: str, amount: int) -> Movement:
        """Bring tokens of the agent's account into the pool; ValueError without an account."""

    @abstractmethod
    def withdraw(self, key: str, asset: str, amount: int, recipient: str) -> Movement:
        """Pay tokens to an EVM address."""

    @abstractmethod
    def consolidate(self, key: str, asset: str) -> Movement:
        """Join the smallest spendable notes of an asset."""

    @abstractmethod
    def movements(self, limit: int = 100) -> list[Movement]:
        """The newest first."""

    @abstractmethod
    def kill(self, on: bool, reason: str) -> None:
        """The kill switch, which outlives restarts: while on, tickets are refused (`killed`) and accepted ones that
        nothing was sent of are cancelled. Reveals, reclaims and cancels go on, or bonds would be lost."""

    @abstractmethod
    def status(self) -> AgentStatus: ...
