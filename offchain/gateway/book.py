"""What became of the desk's orders, followed through its events: fills, positions, and decisions that the desk took.

Followed from the last event that left something here, so that a death in between repeats nothing and loses nothing.
"""

from dataclasses import dataclass
from threading import Lock

from sqlalchemy import Engine
from sqlmodel import Session, select

from offchain.agent.desk import Desk, DeskEvent, DeskOrder, MarketView, OrderState
from offchain.gateway.decisions import append
from offchain.gateway.pretrade import moved
from offchain.gateway.tables import FillRow, Setting, reading, transaction
from offchain.notes import Side

FOLLOWED = "followed"
BATCH = 500
OUTCOMES = {OrderState.REFUSED: ("place", "refused"), OrderState.CANCELLED: ("cancel", "cancelled")}
"""(kind, outcome) of the decisions that an order's state tells of."""

AGENT = "agent:"
"""Who did what was asked: a cancel's own row, or the kill switch's, says by whom."""


@dataclass(frozen=True)
class Fill:
    market: int
    side: Side
    lots: int
    price: int


class Book:
    """The fills of `desk` and the decisions that it took, kept by `engine`; thread-safe."""

    def __init__(self, desk: Desk, engine: Engine):
        self._desk, self._engine, self._lock = desk, engine, Lock()
        with reading(engine) as session:
            kept = session.get(Setting, FOLLOWED)
            self.followed = kept.version if kept else 0
            rows = session.exec(select(FillRow)).all()
        self._fills: dict[str, Fill] = {}
        self._net: dict[int, tuple[int, int]] = {}
        for row in rows:
            self._put(row.client_id, Fill(row.market, Side(row.side), int(row.lots), int(row.price)))

    def catch_up(self) -> int:
        """Take in what happened; the number of the last event. Not under a lock of ours while the desk is asked."""
        more = True
        while more:
            events = self._desk.events(self.followed, BATCH)
            more = len(events) == BATCH
            with self._lock:
                self._take([event for event in events if event.sequence > self.followed])
        return self.followed

    def settled(self, markets: dict[int, MarketView]) -> dict[str, int]:
        """What settled fills added to each asset, before fees."""
        found: dict[str, int] = {}
        with self._lock:
            net = dict(self._net)
        for market, (lots, paid) in net.items():
            if market in markets:
                for asset, amount in moved(markets[market], Side.BUY, lots, paid).items():
                    found[asset] = found.get(asset, 0) + amount
        return found

    def fills(self, after: int, limit: int) -> list[FillRow]:
        """Filled orders, by their last event that is known here."""
        self.catch_up()
        with reading(self._engine) as session:
            found = select(FillRow).where(FillRow.sequence > after).order_by(FillRow.sequence).limit(limit)
            return list(session.exec(found))

    def _take(self, events: list[DeskEvent]) -> None:
        told = [event.order for event in events if event.order is not None and self._matters(event.order)]
        if told:
            with transaction(self._engine) as session:
                for order in told:
                    self._keep(session, order)
                session.merge(Setting(name=FOLLOWED, version=events[-1].sequence, value=""))
            for order in told:
                self._put(order.client_id, _fill(order))
        if events:
            self.followed = events[-1].sequence

    def _put(self, client_id: str, fill: Fill | None) -> None:
        """Have a fill, or none, in the place of the one before; by market: lots bought, and paid for them, net."""
        for one, way in ((self._fills.pop(client_id, None), -1), (fill, 1)):
            if one is not None:
                way = way if one.side == Side.BUY else -way
                lots, paid = self._net.get(one.market, (0, 0))
                self._net[one.market] = lots + way * one.lots, paid + way * one.lots * one.price
        if fill is not None:
            self._fills[client_id] = fill

    def _matters(self, order: DeskOrder) -> bool:
        return order.state in OUTCOMES or _fill(order) is not None or order.client_id in self._fills

    def _keep(self, session: Session, order: DeskOrder) -> None:
        if order.state in OUTCOMES:
            kind, outcome = OUTCOMES[order.state]
            why = {"code": order.code, "reason": order.reason} if order.code or order.reason else {}
            who = AGENT if order.state == OrderState.CANCELLED else actor(order)
            append(session, kind, who, order.client_id, outcome, terms(order) | why)
        if filled := _fill(order):
            row = {"market": filled.market, "side": filled.side, "lots": str(filled.lots), "price": str(filled.price)}
            session.merge(FillRow(client_id=order.client_id, sequence=order.sequence, **row))
        elif (row := session.get(FillRow, order.client_id)) is not None:
            session.delete(row)     # its block fell out of the chain


def _fill(order: DeskOrder) -> Fill | None:
    if order.state != OrderState.FILLED or not order.fill:
        return None
    return Fill(order.market, order.side, order.fill, order.fill_price or 0)


def actor(order) -> str:
    """Who placed an order or gave a ticket, as decisions name them."""
    return f"{order.source}:{order.account}"


def terms(order) -> dict:
    """What an order or a ticket asks, as decisions hold it."""
    return {
        "market": order.market, "side": Side(order.side).name.lower(), "quantity": str(order.quantity), "price": str(order.price),
        "epoch": order.epoch,
    }  # fmt: skip
