"""A short walk with the real circuits, provers and verifiers, beside the long one of stand-ins.

Two epochs of random orders on a private anvil chain: each accepted call is sent again from
another account, and once with one word changed, before the next; a plain ledger says what
everyone must own in the end.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from random import Random

import pytest

from offchain.admission import Refused
from offchain.calls import Call, build_print
from offchain.chain import Reverted
from offchain.claims import Print
from offchain.coins import InsufficientFunds
from offchain.holdings import Holdings, PlacedOrder
from offchain.notes import Side, Terms
from tests.properties.auction import clear
from tests.world import TRADERS, World, anvil, build_world

pytestmark = pytest.mark.timeout(1200)

SEED, EPOCHS, ORDERS = 4, 2, 5
DEPOSIT = 10**6


@dataclass(frozen=True)
class Plain:
    """An order as the brute-force clearing takes it."""

    side: int
    qty: int
    price: int
    lock: int


@dataclass
class RealWalk:
    world: World
    rng: Random
    owned: Counter = field(default_factory=Counter)
    """(trader, symbol): units in notes and locks."""
    steps: int = 0
    replayed: int = 0

    def send(self, call: Call) -> None:
        """Accepted, and refused with a word changed before it, and as it is after it."""
        self.refused(self.changed(call))
        self.world.send("carrier", call)
        self.refused(call)
        self.world.confirm()
        self.steps, self.replayed = self.steps + 1, self.replayed + 1

    def refused(self, call: Call) -> None:
        chain = self.world.chain
        with pytest.raises(Reverted):
            chain.call(call.on(chain), sender=self.world.accounts["stranger"].address)

    def changed(self, call: Call) -> Call:
        place = next(i for i, value in enumerate(call.args) if isinstance(value, dict))
        words = call.args[place]
        name = self.rng.choice([name for name, word in words.items() if isinstance(word, int) and name != "market"])
        return replace(call, args=(*call.args[:place], words | {name: words[name] + 1}, *call.args[place + 1 :]))

    def fund(self) -> None:
        for name in TRADERS:
            for symbol in ("BTC", "USD"):
                self.world.wallet(name).deposit(self.world.asset(symbol), DEPOSIT, 2)
                self.owned[name, symbol] += DEPOSIT
                self.steps += 1
        self.world.advance_tree()

    def epoch(self) -> None:
        world, rng = self.world, self.rng
        epoch, placed = world.open_epoch(), []
        for name in rng.choices(TRADERS, k=ORDERS):
            terms = Terms(Side(rng.randrange(2)), rng.randrange(20, 60), rng.choice([480, 490, 500, 510, 520]))
            try:
                order, call = world.wallet(name).build_commit(0, epoch, terms, world.traders[name].credential)
            except (Refused, InsufficientFunds):
                continue  # its quota or its notes are used up
            self.send(call)
            placed.append((name, order))
        name, order = placed.pop(rng.randrange(len(placed)))
        self.send(world.wallet(name).build_reclaim(order))
        silent = placed.pop(rng.randrange(len(placed)))
        world.go_to(world.market.windows(epoch).reveal)
        world.confirm()
        for name, order in placed:
            self.send(world.wallet(name).build_reveal(order))
        self.settle(epoch, placed)
        self.reclaim(*silent)
        world.advance_tree()

    def settle(self, epoch: int, placed: list[tuple[str, PlacedOrder]]) -> None:
        world, market = self.world, self.world.market
        report = world.settle(0, epoch)
        world.confirm()
        self.steps += 1
        terms = [order.order.terms for _, order in placed]
        plain = [Plain(int(t.side), t.quantity, t.price, t.lock(market.lot, market.fee_bps)) for t in terms]
        reference = world.ledger.epochs[0, epoch].reference
        cleared = clear(plain, reference, market.lot, market.fee_bps, market.collar_bps, 0)
        assert (report.price, report.volume, report.count, report.invalid) == (
            cleared.price, cleared.volume, len(placed), 0,
        )  # fmt: skip
        filled = Counter()
        for (name, order), expected, one in zip(placed, cleared.fills, plain, strict=True):
            world.wallet(name).sync()
            fill = world.wallet(name).holdings.fills[order.quota_nullifier].fill
            # The offset of the margin's rounding is the leader's to derive, not to choose.
            assert abs(fill - expected.lots) <= 1
            filled[one.side] += fill
            worth = fill * report.price
            fee = worth * market.fee_bps // 10_000
            self.owned[name, "BTC"] += fill * market.lot if one.side == 0 else -fill * market.lot
            self.owned[name, "USD"] += -worth - fee if one.side == 0 else worth - fee
            self.owned["fees", "USD"] += fee
        assert filled[0] == filled[1] == report.volume
        call = build_print(world.deployment, Print(report.price, report.volume, report.print_salt), 0, epoch)
        self.refused(call)
        world.mine(market.deferral)
        world.send("carrier", call)
        self.refused(call)
        world.confirm()
        self.steps += 1

    def reclaim(self, name: str, order: PlacedOrder) -> None:
        """An order that was not revealed: its bond goes to the treasury."""
        market, terms = self.world.market, order.order.terms
        symbol = "USD" if terms.side == Side.BUY else "BTC"
        self.send(self.world.wallet(name).build_reclaim(order))
        bond = terms.bond(market.lot, market.fee_bps, market.bond_bps)
        self.owned[name, symbol] -= bond
        self.owned["fees", symbol] += bond


@pytest.fixture(scope="module")
def real(tmp_path_factory) -> RealWalk:
    with anvil() as url:
        walk = RealWalk(build_world(url, tmp_path_factory.mktemp("real")), Random(SEED))
        walk.fund()
        for _ in range(EPOCHS):
            walk.epoch()
        yield walk


def test_every_owner_has_what_a_plain_ledger_says(real):
    assert 20 <= real.steps <= 40 and real.replayed >= 10
    for name in TRADERS:
        balances = real.world.wallet(name).balances()
        for symbol in ("BTC", "USD"):
            assert balances.get(real.world.asset(symbol), 0) == real.owned[name, symbol], (name, symbol)


def test_p6_leader_treasury_and_owners_hold_what_the_pool_holds(real):
    world = real.world
    world.ledger.sync()
    offices = [
        Holdings(world.ledger, world.relayer_notes),
        Holdings(world.ledger, world.treasury_notes, world.treasury),
    ]
    for holdings in offices:
        holdings.refresh()
    for symbol in ("BTC", "USD"):
        asset = world.asset(symbol)
        fees = sum(own.note.amount for h in offices for own in h.notes if own.note.asset == asset and not own.spent)
        assert fees == real.owned["fees", symbol]
        total = sum(real.owned[name, symbol] for name in (*TRADERS, "fees"))
        pool = world.chain.contract("Pool")
        token = world.chain.token(world.deployment.tokens[symbol].address)
        assert world.chain.call(pool.functions.total(world.deployment.tokens[symbol].address)) == total
        assert world.chain.call(token.functions.balanceOf(pool.address)) == total


def test_p12_the_prints_are_public_after_the_deferral(real):
    printed = [epoch for epoch in real.world.ledger.epochs.values() if epoch.printed]
    assert len(printed) == EPOCHS
