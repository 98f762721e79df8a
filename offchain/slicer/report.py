"""A parent order against the price when it arrived."""

from collections.abc import Mapping, Sequence

from offchain.notes import BPS, Side
from offchain.slicer.parents import Child, Parent, Report


def report(parent: Parent, children: Sequence[Child], volumes: Mapping[int, int]) -> Report:
    """`volumes` are the lots printed by epoch, from a tape."""
    filled = parent.filled
    notional = sum(child.fill * child.fill_price for child in children if child.fill)
    worked = range(parent.start, max((child.epoch for child in children), default=parent.start - 1) + 1)
    printed = {epoch: volumes[epoch] for epoch in worked if epoch in volumes}
    volume = sum(printed.values())
    own = sum(child.fill or 0 for child in children if child.epoch in printed)
    return Report(
        parent=parent,
        children=tuple(children),
        unfilled=max(0, parent.quantity - filled),
        notional=notional,
        average_price=notional // filled if filled else None,
        average_remainder=notional % filled if filled else None,
        slippage_bps=_slippage(parent, notional),
        market_volume=volume,
        printed_fill=own,
        participation_bps=own * BPS // volume if volume else None,
    )


def _slippage(parent: Parent, notional: int) -> int | None:
    """What was paid beyond arrival, or what a sale fell short of it, in bps, rounded up."""
    if not parent.filled or not parent.arrival:
        return None
    fair = parent.filled * parent.arrival
    lost = notional - fair if parent.side == Side.BUY else fair - notional
    return -(-lost * BPS // fair)
