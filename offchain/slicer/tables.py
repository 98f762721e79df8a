"""What a slicer must remember through a death, in the agent's database. Numbers that may pass 63 bits are text."""

from sqlmodel import Field, SQLModel, and_, col, or_

from offchain.agent.desk import ENDED, OrderState
from offchain.notes import Side
from offchain.slicer.parents import Child, ParentOrder, Strategy
from offchain.store import big


class ParentRow(SQLModel, table=True):
    __tablename__ = "slicer_parent"
    id: str = Field(primary_key=True)
    market: int = big()
    side: int
    quantity: str
    price: str
    strategy: str
    start: int = big()
    end: int = big()
    minimum: str
    jitter_bps: int
    rate_bps: int | None
    urgency_bps: int | None
    state: str = Field(index=True)
    arrival: str | None = None
    reason: str | None = None
    created: int = big()

    @property
    def order(self) -> ParentOrder:
        return ParentOrder(
            id=self.id, market=self.market, side=Side(self.side), quantity=int(self.quantity), price=int(self.price),
            strategy=Strategy(self.strategy), start=self.start, end=self.end, minimum=int(self.minimum),
            jitter_bps=self.jitter_bps, rate_bps=self.rate_bps, urgency_bps=self.urgency_bps,
        )  # fmt: skip


class ChildRow(SQLModel, table=True):
    """What was drawn for an epoch, written before the desk hears of it; a draw of 0 lots too, so that it stands."""

    __tablename__ = "slicer_child"
    parent: str = Field(primary_key=True, foreign_key="slicer_parent.id")
    epoch: int = big(primary_key=True, autoincrement=False)
    n: int
    quantity: str
    state: str | None = None
    fill: str | None = None
    fill_price: str | None = None
    reason: str | None = None

    @property
    def client_id(self) -> str:
        return f"parent:{self.parent}:{self.n}"

    @property
    def lots(self) -> int:
        return int(self.quantity)

    @property
    def filled(self) -> int:
        return int(self.fill or 0)

    @property
    def ended(self) -> bool:
        return self.lots == 0 or self.state in ENDED

    @property
    def child(self) -> Child:
        state = None if self.state is None else OrderState(self.state)
        fill, price = (None if text is None else int(text) for text in (self.fill, self.fill_price))
        return Child(self.n, self.epoch, self.client_id, self.lots, state, fill, price, self.reason)


STILL_OPEN = and_(
    ChildRow.quantity != "0",
    or_(col(ChildRow.state).is_(None), col(ChildRow.state).not_in([str(state) for state in ENDED])),
)
"""`ended` in SQL, the other way round."""

TABLES = [kind.__table__ for kind in (ParentRow, ChildRow)]
