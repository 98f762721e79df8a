"""What became of an order, from what the chain says of it and of its epoch (protocol §5)."""

from dataclasses import dataclass
from enum import StrEnum

from offchain.holdings import Fill, PlacedOrder
from offchain.records import EpochState, OrderRecord

FORFEITS = (EpochState.SETTLED, EpochState.EMPTY)
"""Ends of an epoch in which an order that it did not take in forfeits its bond."""

ENDED = (*FORFEITS, EpochState.FAILED, EpochState.VOID)


class Fate(StrEnum):
    """What became of an order."""

    COMMITTED = "committed"
    CANCELLED = "cancelled"
    REVEALED = "revealed"
    FILLED = "filled"           # settled, even if with no lots
    INVALID = "invalid"         # settled, but shown not to open its commitment
    UNREVEALED = "unrevealed"   # the epoch ended without it
    REFUNDABLE = "refundable"   # the epoch failed or is void
    RECLAIMED = "reclaimed"


@dataclass(frozen=True)
class OrderStatus:
    """An order and its fate. `fill` in lots, `price` in quote units a lot; `forfeited`, in units
    of the asset locked, where it was cancelled or reclaimed."""

    placed: PlacedOrder
    epoch_state: EpochState
    fate: Fate
    fill: int | None = None
    price: int | None = None
    forfeited: int | None = None
    reclaimable: bool = False


def order_status(
    placed: PlacedOrder, record: OrderRecord, state: EpochState, fill: Fill | None, bond: int
) -> OrderStatus:
    """The status of an order whose epoch is in `state`; `bond` is what it would forfeit."""
    if record.reclaim:
        fate = Fate.CANCELLED if record.reclaim.cancelled else Fate.RECLAIMED
        return OrderStatus(placed, state, fate, forfeited=bond if record.reclaim.forfeit else 0)
    if fill:
        return OrderStatus(placed, state, Fate.FILLED, fill.fill, fill.price)
    reclaimable = state in ENDED or state == EpochState.COMMIT
    return OrderStatus(placed, state, _fate(record, state), reclaimable=reclaimable)


def _fate(record: OrderRecord, state: EpochState) -> Fate:
    """The fate of an order neither reclaimed nor filled."""
    if state in FORFEITS:
        return Fate.INVALID if record.reveal else Fate.UNREVEALED
    if state in ENDED:
        return Fate.REFUNDABLE
    return Fate.REVEALED if record.reveal else Fate.COMMITTED
