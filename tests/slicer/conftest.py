"""A slicer on a desk double and a database file of its own."""

from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Engine

from offchain.agent.desk import OrderState
from offchain.notes import Side
from offchain.records import Windows
from offchain.slicer.parents import Parent, Strategy
from offchain.slicer.slicer import Slicer
from offchain.store import Store
from tests.agent.desk_double import MARKET, DeskDouble

FIRST, BLOCKS = MARKET.epoch, MARKET.commit_blocks
TERMS = {
    "id": "p1", "market": 0, "side": Side.BUY, "quantity": 1_000, "price": 510, "strategy": Strategy.TWAP, "epochs": 10,
}  # fmt: skip


@dataclass
class Bench:
    """`restart` is the agent killed and started again: what a slicer held in memory is gone."""

    engine: Engine
    desk: DeskDouble = field(default_factory=DeskDouble)
    tape: dict[int, int] = field(default_factory=dict)
    rng: Random = field(default_factory=lambda: Random(1))
    slicer: Slicer = None

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.slicer = Slicer(self.desk, self.engine, self._volumes, self.rng.randrange)

    def _volumes(self, market: int, first: int) -> dict[int, int]:
        return {epoch: volume for epoch, volume in self.tape.items() if epoch >= first}

    def begin(self, **changes) -> Parent:
        return self.slicer.begin(**(TERMS | changes))

    def next_epoch(self, count: int = 1) -> int:
        epoch = self.desk.market_views[0].epoch + count
        opens = MARKET.windows.open + (epoch - FIRST) * BLOCKS
        windows = Windows(opens, opens + 60, opens + 63, opens + 83, opens + 103)
        self.desk.set_market(0, epoch=epoch, head=opens, windows=windows)
        return epoch

    def fill(self, share: tuple[int, int] = (1, 1), price: int = 505) -> int:
        """Fill every order that is open by a share; lots."""
        total = 0
        for order in self.desk.snapshot().orders:
            lots = order.quantity * share[0] // share[1]
            self.desk.fill(order.client_id, lots, price)
            total += lots
        return total

    def placed(self) -> list:
        return [order for order in self.desk.orders(limit=10_000) if order.state != OrderState.REFUSED]


@pytest.fixture
def bench(tmp_path: Path):
    store = Store.open(f"sqlite:///{tmp_path}/agent.sqlite3")     # as the agent's: the gateway's threads write to it too
    yield Bench(store.engine)
    store.close()
