"""P1 and P2 by comparison: two worlds that differ in secrets alone look the same from outside.

Sides, quantities, prices, owners, salts and fills differ; who carries a call, when, and how many
orders there are does not.
"""

from random import Random

import pytest

from scripts import contracts
from tests.properties.machine import Machine
from tests.properties.model import windows
from tests.properties.rules import Call

ORDERS, REVEALED = 6, 5
TERMS = {
    "quota": 3,
    "capacity": 8,
    "tier": 2,
    "jurisdictions": 2**250 - 1,
    "bond_bps": 300,
    "fee_bps": 25,
    "deferral": 3,
}


class World(Machine):
    """One epoch by script. What happens is fixed; what is secret comes from `secret`."""

    def __init__(self, secret: int):
        super().__init__(1)
        self.seen: list[tuple] = []
        self.stored: list[int] = []
        self.begin()
        self._open()
        self.actors.rng = Random(f"secret {secret}")
        self.written = len(self.chain.evm.writes())
        self._trade()

    def must(self, call: Call, promise: str = "agreement") -> None:
        super().must(call, promise)
        if not hasattr(self, "written"):
            return
        writes = self.chain.evm.writes()
        self.stored += [word for _, _, word in writes[self.written :]]
        outline = (call.function, len(self.input(call)), len(writes) - self.written)
        self.seen.append((outline, self.last_logs))
        self.written = len(writes)

    def _check(self, call, before, outcome):
        super()._check(call, before, outcome)
        self.last_logs = [(log.address, len(log.topics), len(log.data)) for log in outcome.logs]

    def _open(self) -> None:
        a = self.actors
        for i, trader in enumerate(a.traders):
            self.must(a.set_leaf(i, a.leaf(trader), False))
        for trader in a.traders:
            for token in ("Base", "Quote"):
                for _ in range(8):
                    self.must(a.deposit(trader, self.chain.at[token], 2**72))
        while a.s.next_chunk * 64 < a.s.next_leaf:
            self.move(16)
            self.must(a.advance())
        terms = a.market_terms(**TERMS, max_age=500) | {"start_block": a.s.block + 10, "commit_blocks": 20}
        self.must(a.propose(Call("Market", "open_market", [terms], self.chain.at["Governor"], "open market")))
        self.must(a.push())
        for leader in a.leaders:
            self.must(a.key(leader))
        self.move(3)
        self.must(Call("Governor", "execute", [len(a.s.proposals) - 1], a.s.admin, "execute"))
        self.market = len(a.s.markets) - 1

    def _go_to(self, window: str, later: int = 0) -> None:
        s = self.model.s
        self.move(windows(s.markets[self.market], 0)[window] + later - s.block)

    def _trade(self) -> None:
        a = self.actors
        self._go_to("open")
        orders = []
        for _ in range(ORDERS):
            order = a.terms(self.market, 0, a.pick(a.traders))
            self.must(a.commit(order))
            orders.append(order)
        self._go_to("reveal_from")
        for k, order in enumerate(orders[:REVEALED]):
            self.must(a.reveal(order, opened=orders[-1] if k == 2 else None))
        self._go_to("settle_from")
        self.must(a.settle(self.market, 0))
        for order in (orders[2], orders[-1]):
            self.must(a.reclaim(order))
        self.move(3)
        self.printed = a.print(self.market, 0)
        self.must(self.printed)
        self.orders = orders


@pytest.fixture(scope="module")
def worlds() -> tuple[World, World]:
    contracts.build()
    return World(1), World(2)


def test_the_two_worlds_differ_in_every_secret(worlds):
    for one, other in zip(*(world.orders for world in worlds), strict=True):
        assert one.qty != other.qty and one.salt != other.salt and one.oc != other.oc
    for what in ("side", "price", "holder"):
        assert [getattr(o, what) for o in worlds[0].orders] != [getattr(o, what) for o in worlds[1].orders]


def test_p1_and_p2_calls_logs_and_storage_have_the_same_outline(worlds):
    assert len(worlds[0].seen) == ORDERS + REVEALED + 4
    # What is printed is public, and a price of 0 writes no storage word.
    assert worlds[0].seen[:-1] == worlds[1].seen[:-1]


def test_p1_and_p2_no_secret_word_is_stored(worlds):
    for world in worlds:
        price, volume = world.printed.args[4:]
        secrets = world.model.vault.secrets - {price, volume}
        assert len(secrets) > 100 and len(world.stored) > 50
        assert not secrets & set(world.stored)


def test_no_deployment_finds_the_stand_in():
    """It is compiled by these tests alone: the build does not know it."""
    assert "StandIn" not in {path.stem for path in contracts.sources()}
    with pytest.raises(FileNotFoundError):
        contracts.load("StandIn")
