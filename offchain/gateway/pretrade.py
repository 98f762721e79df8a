"""Pre-trade checks: what an order may be, and with those before it may come to; each refusal says which limit, and by how much.

A limit that is not set does not hold. Notional is quantity · price, in units of the quote asset, before fees. The
position in an asset is what settled fills brought less what they took, before fees; an order counts with its whole
quantity at its limit price until it ends.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from offchain.agent.desk import DeskOrder, MarketView, Snapshot, Ticket, TicketRefused
from offchain.gateway.shapes import Digits
from offchain.notes import BPS, Side

MARKETS, ASSETS = 1_000, 1_000
MAX_BAND = 100 * BPS
MAX_RATE = 10**6

MarketKey = Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]{0,17})$")]
AssetKey = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-fA-F]{40}$"), AfterValidator(str.lower)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class MarketLimits(_Strict):
    """Of one order: lots, notional, distance from the reference or the last print in basis points; of all open orders
    of the market: notional."""

    order_quantity: Digits | None = None
    order_notional: Digits | None = None
    open_notional: Digits | None = None
    band_bps: int | None = Field(default=None, ge=0, le=MAX_BAND)


class Limits(_Strict):
    """By market; notional of all open orders by quote asset; positions by asset, in base units, either way; orders
    allowed in any minute."""

    markets: dict[MarketKey, MarketLimits] = Field(default={}, max_length=MARKETS)
    open_notional: dict[AssetKey, Digits] = Field(default={}, max_length=ASSETS)
    position: dict[AssetKey, Digits] = Field(default={}, max_length=ASSETS)
    orders_per_minute: int | None = Field(default=None, ge=0, le=MAX_RATE)


class Restricted(_Strict):
    """Markets and assets that nothing may be ordered in."""

    markets: list[Annotated[int, Field(ge=0, lt=1 << 53)]] = Field(default=[], max_length=MARKETS)
    assets: list[AssetKey] = Field(default=[], max_length=ASSETS)


@dataclass(frozen=True)
class Case:
    """A ticket, and all that it is weighed by. `settled` is the position of each asset; `recent` counts the orders
    allowed in the last minute."""

    ticket: Ticket
    snapshot: Snapshot
    limits: Limits
    restricted: Restricted
    settled: dict[str, int]
    recent: int

    @property
    def view(self) -> MarketView:
        if self.ticket.market not in self.snapshot.markets:
            raise TicketRefused("unknown_market", f"no market {self.ticket.market}; known: {sorted(self.snapshot.markets)}")
        return self.snapshot.markets[self.ticket.market]

    @property
    def of_market(self) -> MarketLimits:
        return self.limits.markets.get(str(self.ticket.market), MarketLimits())


def assets(view: MarketView) -> tuple[str, str]:
    """(base, quote) as limits name them."""
    return view.base.lower(), view.quote.lower()


def notional(order: Ticket | DeskOrder) -> int:
    return order.quantity * order.price


# --- The checks ---


def restricted_market(case: Case) -> None:
    if case.ticket.market in case.restricted.markets:
        raise TicketRefused("market_restricted", f"market {case.ticket.market} is restricted: nothing may be ordered in it")


def restricted_asset(case: Case) -> None:
    if found := [asset for asset in assets(case.view) if asset in case.restricted.assets]:
        raise TicketRefused("asset_restricted", f"asset {found[0]} is restricted: nothing may be ordered in it")


def order_quantity(case: Case) -> None:
    _within("order_quantity", "the order's quantity", case.ticket.quantity, case.of_market.order_quantity, "lots")


def order_notional(case: Case) -> None:
    _within("order_notional", "the order's notional", notional(case.ticket), case.of_market.order_notional, "quote units")


def open_notional(case: Case) -> None:
    same = (order for order in case.snapshot.orders if order.market == case.ticket.market)
    total = notional(case.ticket) + sum(map(notional, same))
    what = f"with this order, the open notional of market {case.ticket.market}"
    _within("open_notional", what, total, case.of_market.open_notional, "quote units")


def total_notional(case: Case) -> None:
    quote = assets(case.view)[1]
    if (limit := case.limits.open_notional.get(quote)) is None:
        return
    markets = case.snapshot.markets
    same = (order for order in case.snapshot.orders if order.market in markets and assets(markets[order.market])[1] == quote)
    total = notional(case.ticket) + sum(map(notional, same))
    _within("total_notional", f"with this order, the open notional in {quote} of all markets", total, limit, "units")


def position(case: Case) -> None:
    """What comes in may not take its asset beyond the limit, nor what goes out beyond it the other way: an order that
    brings a position back is not held up."""
    moves = [_moves(order, case.snapshot.markets) for order in case.snapshot.orders]
    own = _moves(case.ticket, case.snapshot.markets)
    for way, words in ((1, "long"), (-1, "short")):
        for asset, amount in own.items():
            limit = case.limits.position.get(asset)
            if limit is None or amount * way <= 0:
                continue
            opened = sum(max(0, one.get(asset, 0) * way) for one in moves)
            reached = case.settled.get(asset, 0) * way + opened + amount * way
            what = f"with all open orders and this one filled, the {words} position in {asset}"
            _within("position", what, reached, limit, "units")


def band(case: Case) -> None:
    if (bps := case.of_market.band_bps) is None:
        return
    anchor, name = case.view.reference, "the reference"
    if anchor is None:
        anchor, name = case.view.printed, "the last print"
    if anchor is None:
        raise TicketRefused("no_reference", f"market {case.ticket.market} has no price yet to hold the order's to, and a band is set")
    price = case.ticket.price
    if abs(price - anchor) * BPS > bps * anchor:
        off = abs(price - anchor) * BPS // anchor
        raise TicketRefused("band", f"the price {price} is {off} bps from {name}, {anchor}; the limit is {bps} bps: is it mistyped?")


def rate_orders(case: Case) -> None:
    what = "with this one, the orders of the last minute"
    _within("rate_orders", what, case.recent + 1, case.limits.orders_per_minute, "")


CHECKS: dict[str, Callable[[Case], None]] = {
    check.__name__: check
    for check in (
        restricted_market, restricted_asset, order_quantity, order_notional, band, open_notional, total_notional, position, rate_orders,
    )
}  # fmt: skip
"""In the order in which they are made, by name."""


def _moves(order: Ticket | DeskOrder, markets: dict[int, MarketView]) -> dict[str, int]:
    """What a whole fill at the limit price adds to each asset."""
    if order.market not in markets:
        return {}
    return moved(markets[order.market], order.side, order.quantity, notional(order))


def moved(view: MarketView, side: Side, lots: int, paid: int) -> dict[str, int]:
    """What a fill of so many lots, for `paid` quote units, adds to each asset."""
    base, quote = assets(view)
    way = 1 if side == Side.BUY else -1
    return {base: way * lots * view.lot, quote: -way * paid}


def _within(code: str, what: str, value: int, limit: int | None, unit: str) -> None:
    if limit is not None and value > limit:
        raise TicketRefused(code, f"{what} would be {value} {unit}".rstrip() + f"; the limit is {limit}")
