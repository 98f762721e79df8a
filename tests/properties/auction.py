"""The clearing rule of protocol §4 by brute force, and what each order is paid."""

from dataclasses import dataclass

TOP = 2**64 - 1


@dataclass(frozen=True)
class Fill:
    lots: int
    base: int
    """Base units that the order's owner gets."""
    quote: int
    fee: int


@dataclass(frozen=True)
class Cleared:
    price: int
    volume: int
    fills: tuple[Fill, ...]


def demand(orders, p: int, strictly: bool = False) -> int:
    """Lots wanted at `p` or more; beyond it if `strictly`."""
    return sum(o.qty for o in orders if o.side == 0 and (o.price > p if strictly else o.price >= p))


def supply(orders, p: int, strictly: bool = False) -> int:
    """Lots offered at `p` or less; below it if `strictly`."""
    return sum(o.qty for o in orders if o.side == 1 and (o.price < p if strictly else o.price <= p))


def candidates(orders, reference: int) -> list[int]:
    """Prices among which the ends of every interval of the rule are: it changes at limits alone."""
    found = {1, TOP, reference} | {o.price + d for o in orders for d in (-1, 0, 1)}
    return sorted(p for p in found if 1 <= p <= TOP)


def clear(orders, reference: int, lot: int, fee_bps: int, collar_bps: int, offset: int) -> Cleared:
    """`orders` have side, qty, price and lock; `offset` in [0, 2^128) places the margin's rounding."""
    allowed = [
        p
        for p in candidates(orders, reference)
        if demand(orders, p, True) <= supply(orders, p) and supply(orders, p, True) <= demand(orders, p)
    ]
    price = min(max(reference, allowed[0]), allowed[-1])
    volume = min(demand(orders, price), supply(orders, price))
    if abs(price - reference) * 10_000 > reference * collar_bps:
        volume = 0
    if volume == 0:
        price = 0
    lots = [0] * len(orders)
    for side, better in ((0, demand(orders, price, True)), (1, supply(orders, price, True))):
        _share(orders, side, price, volume, better, offset, lots)
    fills = tuple(_paid(o, n, price, lot, fee_bps) for o, n in zip(orders, lots, strict=True))
    return Cleared(price, volume, fills)


def _share(orders, side: int, price: int, volume: int, better: int, offset: int, lots: list[int]) -> None:
    if volume == 0:
        return
    total = sum(o.qty for o in orders if o.side == side and o.price == price) or 1
    left, start, running = min(volume - better, total), offset * total >> 128, 0
    for place, o in enumerate(orders):
        if o.side != side:
            continue
        if o.price == price:
            before, running = running, running + o.qty
            lots[place] = (left * running + start) // total - (left * before + start) // total
        elif (o.price > price) == (side == 0):
            lots[place] = o.qty


def _paid(order, lots: int, price: int, lot: int, fee_bps: int) -> Fill:
    worth = lots * price
    fee = worth * fee_bps // 10_000
    if order.side == 0:
        return Fill(lots, lots * lot, order.lock - worth - fee, fee)
    return Fill(lots, (order.qty - lots) * lot, worth - fee, fee)
