"""What a parent order is, to those who start, steer and read one. Quantities are lots, prices quote units a lot."""

import re
from dataclasses import dataclass
from enum import StrEnum

from offchain.agent.desk import OrderState, TicketRefused, UnknownOrder
from offchain.notes import BPS, QUANTITY_BITS, Side

PARENT_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,31}")
"""It is part of a URL's path, where names of dots alone lead elsewhere."""

MAX_EPOCHS = 4_096
MAX_JITTER_BPS = 5_000
MAX_URGENCY_BPS = 100 * BPS


class Strategy(StrEnum):
    TWAP = "twap"                       # the same in every epoch
    PARTICIPATION = "participation"     # a share of the volume that the market prints
    SHORTFALL = "shortfall"             # more at first, by urgency: Almgren and Chriss's trajectory


class ParentState(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"           # no new children; those on their way go on
    CANCELLED = "cancelled"     # no new children ever; those not frozen are taken back
    DONE = "done"               # filled, or past its last epoch, and nothing open; until the chain takes a fill back


class Action(StrEnum):
    PAUSE = "pause"         # place no new children until it is resumed
    RESUME = "resume"       # go on after a pause
    CANCEL = "cancel"       # place no more, and take back the children that are not frozen yet


class ParentRefused(TicketRefused):
    """A parent that cannot be, or not be changed so. Codes: bad_parent, duplicate_id, unknown_market, closed."""


class UnknownParent(UnknownOrder):
    """No parent order has this id."""


@dataclass(frozen=True, kw_only=True)
class ParentOrder:
    """An order of `quantity` lots to be worked from epoch `start` to epoch `end`, both included.

    No child is smaller than `minimum` or limited at anything but `price`. Sizes are drawn within `jitter_bps`
    of the schedule. `rate_bps` is participation's alone: its share of all that prints, its own fills
    included; `urgency_bps` shortfall's: 10⁴·κ̃²τ², see `schedule`. ParentRefused bad_parent.
    """

    id: str
    market: int
    side: Side
    quantity: int
    price: int
    strategy: Strategy
    start: int
    end: int
    minimum: int = 1
    jitter_bps: int = 2_000
    rate_bps: int | None = None
    urgency_bps: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.id, str) or not PARENT_ID.fullmatch(self.id):
            raise _bad("id must be 1 to 32 letters, digits, or any of . _ -, and not begin with a dot")
        if self.side not in (Side.BUY, Side.SELL):
            raise _bad("side must be 0 (buy) or 1 (sell)")
        _whole(self.market, 0, 1 << 63, "market")
        _whole(self.quantity, 1, 1 << QUANTITY_BITS, "quantity")
        _whole(self.price, 1, 1 << QUANTITY_BITS, "price")
        _whole(self.start, 0, 1 << 62, "start")
        _whole(self.end, self.start, self.start + MAX_EPOCHS, "end")
        _whole(self.minimum, 1, self.quantity + 1, "minimum")
        _whole(self.jitter_bps, 0, MAX_JITTER_BPS + 1, "jitter_bps")
        _only(self.strategy == Strategy.PARTICIPATION, self.rate_bps, BPS, "rate_bps")
        _only(self.strategy == Strategy.SHORTFALL, self.urgency_bps, MAX_URGENCY_BPS, "urgency_bps")


@dataclass(frozen=True, kw_only=True)
class Parent(ParentOrder):
    """A parent order and where it stands: `filled` lots, and `open` ones that children not yet ended may fill.

    `arrival` is the market's reference when it began, None until there is one; `reason` why the last
    child came to nothing. `created` is Unix milliseconds.
    """

    state: ParentState
    filled: int
    open: int
    arrival: int | None
    reason: str | None
    created: int


@dataclass(frozen=True)
class Child:
    """The order of one epoch, the parent's number `n`; `state` None until the desk has it."""

    n: int
    epoch: int
    client_id: str
    quantity: int
    state: OrderState | None
    fill: int | None
    fill_price: int | None
    reason: str | None


@dataclass(frozen=True)
class Report:
    """A parent against its arrival price. The average price is `notional` / filled: `average_price` quote units a lot
    and `average_remainder` / filled more, exactly.

    `slippage_bps` is what was lost against arrival, in hundredths of a percent rounded against us: negative is a gain.
    `participation_bps` is the share, rounded down, of `market_volume`: all lots printed of the epochs that
    it was worked in, of which `printed_fill` are its own. None where there is nothing to divide by.
    """

    parent: Parent
    children: tuple[Child, ...]
    unfilled: int
    notional: int
    average_price: int | None
    average_remainder: int | None
    slippage_bps: int | None
    market_volume: int
    printed_fill: int
    participation_bps: int | None


def _bad(reason: str) -> ParentRefused:
    return ParentRefused("bad_parent", reason)


def _whole(value: int, low: int, high: int, what: str) -> None:
    if type(value) is not int or not low <= value < high:
        raise _bad(f"{what} must be a whole number of at least {low} and below {high}")


def _only(wanted: bool, value: int | None, most: int, what: str) -> None:
    if wanted:
        _whole(value, 1, most + 1, what)
    elif value is not None:
        raise _bad(f"{what} does not belong to this strategy: leave it out")
