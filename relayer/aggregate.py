"""What a relayer's own metrics may say of a batch: three coarse shares, once its print is out.

Before the print nobody but leader and auditor may learn anything of a batch (protocol P1, P2), so
`aggregate` wants the print that the chain shows and takes no other: a batch without one has no
aggregate. Afterwards price and volume are public; what is added is how large the batch was beside them
and how lopsided, each as one of a few bounds, without saying which side was the larger, and only for
batches in which no trader can take its own order away and be left with another's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from offchain.clearing import Clearing
from offchain.notes import BPS, Side, Terms

FEWEST = 5
"""Valid orders below which nothing is said."""

BOUNDS = (500, 2_000, 5_000, BPS)
"""Upper bounds, in basis points, of the shares that are told apart."""


@dataclass(frozen=True)
class Aggregate:
    """Each the upper bound, in basis points, of the range that holds the true share."""

    matched_bps: int        # lots filled, of all lots of both sides
    imbalance_bps: int      # lots that one side has more at the price, of both sides' there
    width_bps: int          # of the interval of clearing prices, of its upper end


def aggregate(
    clearing: Clearing, orders: Sequence[Terms | None], printed: tuple[int, int] | None
) -> Aggregate | None:
    """Of a batch whose (price, volume) the chain shows as `printed`; None for a batch of few orders.

    Raises ValueError unless `printed` is the clearing's own.
    """
    if printed != (clearing.price, clearing.volume):
        raise ValueError("nothing may be said of a batch before the chain shows its print")
    valid = [order for order in orders if order is not None]
    if len(valid) < FEWEST:
        return None
    price = clearing.clamped
    lots = sum(order.quantity for order in valid)
    demand = sum(order.quantity for order in valid if order.side == Side.BUY and order.price >= price)
    supply = sum(order.quantity for order in valid if order.side == Side.SELL and order.price <= price)
    return Aggregate(
        _bound(2 * clearing.volume, lots),
        _bound(abs(demand - supply), demand + supply),
        _bound(clearing.hi - clearing.lo, clearing.hi),
    )


def _bound(part: int, whole: int) -> int:
    """The first bound that part / whole does not exceed; the lowest if the whole is nothing."""
    return next(bound for bound in BOUNDS if part * BPS <= bound * whole)
