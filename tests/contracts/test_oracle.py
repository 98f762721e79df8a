"""The oracle: what it takes, what it remembers, and when it has no price.

Every test of bounds tells a story of blocks: three feeders, of whom two must agree, unless it says so.
"""

import random

import pytest
from eth_account import Account
from eth_utils import keccak
from hypothesis import HealthCheck, given, settings, strategies as st

from scripts.deploy import UNBOUNDED
from tests.contracts import words
from tests.contracts.chain import reverts
from tests.contracts.world import FROZEN, VOID, World

NONE = (0, 0)
BOUNDS = {
    "quorum": 2, "lifetime": 60, "dispersion_bps": 100, "lowest": 500, "highest": 5_000, "band_bps": 1_000,
    "interval": 10, "calm": 8,
}  # fmt: skip
NOTHING, BAND, HAND = range(3)
MOST = 2**64 - 1


class Feeders:
    """An oracle and the hands that sign for it."""

    def __init__(self, world: World, count: int, **bounds: int):
        self.world, self.chain = world, world.chain
        self.signers = [Account.from_key(keccak(text=f"feeder {place}")) for place in range(count)]
        self.oracle = world.deploy_oracle(self.signers, **bounds)

    def push(self, who: int, price: int, time: int | None = None):
        return self.world.push(price, time, self.signers[who], self.oracle)

    def agree(self, price: int):
        """All feeders observe one price; the block that stored it."""
        for who in range(len(self.signers)):
            receipt = self.push(who, price)
        return receipt.block

    def renew(self, price: int, who: tuple[int, ...] = (0, 1)):
        for one in who:
            self.push(one, price)

    @property
    def price(self) -> int:
        return self.oracle.latest()[0]

    def events(self, receipt) -> dict[str, dict]:
        found = {name: self.oracle.logs(receipt, name) for name in self.oracle.events}
        return {name: logs[0] for name, logs in found.items() if logs}


@pytest.fixture
def oracle(world: World):
    """Of one feeder, with bounds that bind nothing."""
    return world.deploy_oracle([world.feeder])


@pytest.fixture
def three(world: World):
    return Feeders(world, 3, **BOUNDS)


# --- What is taken, and what is remembered ---


def test_keeps_history(world, oracle):
    dice, stored = random.Random(7), []
    assert oracle.latest() == oracle.at(10**9) == NONE
    for _ in range(40):
        world.chain.mine(dice.randrange(5))
        price = dice.randrange(1, 2**64)
        stored.append((price, world.push(price, oracle=oracle).block))
    for block in range(stored[0][1] - 2, world.chain.block + 3):
        known = [observation for observation in stored if observation[1] <= block]
        assert oracle.at(block) == (known[-1] if known else NONE)
    assert oracle.at(2**256 - 1) == oracle.latest() == stored[-1] and oracle.count() == 40


def test_keeps_the_last_of_a_block(world, oracle):
    first = world.push(10, oracle=oracle).block
    time = world.chain.time
    with world.chain.one_block():
        world.push(20, time + 1, oracle=oracle)
        world.push(30, time + 2, oracle=oracle)
    assert oracle.count() == 2 and oracle.at(world.chain.block) == (30, world.chain.block)
    assert oracle.at(first) == (10, first)


def test_a_feeder_s_time_strictly_increases(world, oracle):
    world.push(10, world.chain.time, oracle=oracle)
    price, last = oracle.observation(world.feeder.address)
    assert price == 10
    for time in (last, last - 1):
        with reverts("oracle: not later"):
            world.push(11, time, oracle=oracle)
    world.push(11, last + 1, oracle=oracle)


def test_time_is_near_the_blocks(world, oracle):
    for offset, reason in ((1 + 31, "oracle: time ahead"), (-3600, "oracle: too old"), (2**64, "oracle: time ahead")):
        with reverts(reason):
            world.push(10, world.chain.time + offset, oracle=oracle)
    world.push(10, world.chain.time + 1 - 3600, oracle=oracle)
    world.push(10, world.chain.time + 1 + 30, oracle=oracle)


def test_price_range(world, oracle):
    for price in (0, 2**64, 2**256 - 1):
        with reverts("oracle: price out of range"):
            world.push(price, oracle=oracle)
    for price in (1, MOST):
        world.push(price, oracle=oracle)
        assert oracle.latest()[0] == price


def test_only_a_feeder_signs_and_for_this_oracle_and_chain(world, oracle):
    with reverts("oracle: not a feeder"):
        world.push(10, signer=Account.from_key(b"\5" * 32), oracle=oracle)
    other = world.deploy_oracle([world.feeder])
    time = world.chain.time + 1
    domain = keccak(text="shadowpool.v1.observation")
    good = (domain, world.chain.id, oracle.address, 10, time)
    for signed in (
        (domain, world.chain.id, other.address, 10, time),
        (domain, world.chain.id + 1, oracle.address, 10, time),
        (domain, world.chain.id, oracle.address, 11, time),
        (domain, world.chain.id, oracle.address, 10, time + 1),
        (b"\0" * 32, world.chain.id, oracle.address, 10, time),
    ):
        sig = world.feeder.unsafe_sign_hash(words.chained(*signed))
        with reverts("oracle: not a feeder"):
            oracle.push(10, time, sig.v, sig.r, sig.s)
    with reverts("oracle: not a feeder"):
        oracle.push(10, time, 0, 0, 0)
    sig = world.feeder.unsafe_sign_hash(words.chained(*good))
    oracle.push(10, time, sig.v, sig.r, sig.s)


@pytest.mark.parametrize("changes, reason", [
    ({"quorum": 4}, "quorum"), ({"quorum": 1}, "quorum"), ({"lifetime": 0}, "lifetime"), ({"lifetime": 86_401}, "lifetime"),
    ({"dispersion_bps": 10_001}, "dispersion"), ({"lowest": 0}, "lowest"), ({"lowest": 5_001}, "lowest"),
    ({"highest": 2**64}, "highest"), ({"band_bps": 0}, "band"), ({"band_bps": 2**128}, "band"),
    ({"interval": 0}, "interval"), ({"interval": 2**32}, "interval"), ({"calm": 0}, "calm"), ({"calm": 2**32}, "calm"),
])  # fmt: skip
def test_bounds_are_checked(world, changes, reason):
    with reverts(f"oracle: {reason} out of range"):
        Feeders(world, 3, **BOUNDS | changes)


def test_feeders_and_offices_are_checked(world):
    one, deploy = "0x" + "11" * 20, world.chain.deploy
    zero = "0x" + "00" * 20
    for feeders, governor, guardian, reason in (
        ([one, one], one, one, "feeder named twice"), ([one, zero], one, one, "zero address"),
        ([one], zero, one, "zero address"), ([one], one, zero, "zero address"), ([], one, one, "quorum out of range"),
    ):  # fmt: skip
        with reverts(f"oracle: {reason}"):
            deploy("Oracle", feeders, UNBOUNDED.words(len(feeders)), governor, guardian)


# --- Quorum, median, dispersion, staleness ---


def test_no_price_before_a_quorum_and_none_of_one_feeder(three):
    three.push(0, 1_000)
    assert three.price == 0 and three.oracle.consensus() == (1_000, 1)
    seen = three.events(three.push(1, 1_004))
    assert three.price == 1_000, "the lower of two"
    assert seen["Median"] == {"price": 1_000, "agreeing": 2}
    assert seen["Observed"]["price"] == 1_004 and seen["Observed"]["feeder"] == three.signers[1].address.lower()
    three.push(2, 1_003)
    assert three.price == 1_003


@pytest.mark.parametrize("lie", [1, 500, 999, 1_011, 1_100, 4_999, MOST])
def test_one_feeder_of_three_moves_nothing(three, lie):
    """Whatever it says, the price stays between the honest ones, and nothing halts."""
    three.agree(1_000)
    honest = [1_000, 1_000]
    for who, price in ((0, 1_003), (1, 1_005), (1, 1_001), (0, 1_000)):
        three.push(2, lie)
        assert min(honest) <= three.price <= max(honest)
        three.push(who, price)
        honest[who] = price
        assert min(honest) <= three.price <= max(honest) and three.oracle.halt_by() == NOTHING


def test_feeders_who_disagree_leave_no_price_until_they_agree(three):
    block = three.agree(1_000)
    seen = three.events(three.push(0, 1_050))
    assert "Unpriced" not in seen and three.price == 1_000, "two still agree"
    receipt = three.push(1, 950)
    assert three.events(receipt)["Unpriced"] == {"agreeing": 1}
    assert three.price == 0 and three.oracle.at(receipt.block) == NONE
    assert three.oracle.at(receipt.block - 1)[0] == 1_000 and three.oracle.at(block)[0] == 1_000
    assert "Unpriced" not in three.events(three.push(0, 1_060)), "said once"
    three.push(2, 1_055)
    assert three.price == 1_055


def test_dispersion_is_measured_from_the_median_inclusively(world):
    for distance, agreed in ((10, True), (11, False)):
        two = Feeders(world, 2, **BOUNDS)
        two.renew(1_000)
        two.push(1, 1_000 + distance)
        assert (two.price == 1_000) == agreed


@pytest.mark.parametrize("age, counts", [(60, True), (61, False)])
def test_an_observation_counts_for_its_lifetime(three, age, counts):
    made = three.chain.time
    three.push(0, 1_000, made)
    three.chain.mine(made + age - 1 - three.chain.time)
    three.push(1, 1_000)
    assert three.chain.time == made + age and three.price == (1_000 if counts else 0)


def test_stale_feeders_leave_no_price(three):
    block = three.agree(1_000)
    three.chain.mine(61)
    receipt = three.push(2, 1_001)
    assert three.events(receipt)["Unpriced"] == {"agreeing": 1}
    assert three.oracle.at(receipt.block) == NONE and three.oracle.at(receipt.block - 1) == (1_000, block)


# --- Band and halts ---


def test_a_price_may_leave_the_anchor_by_the_band_and_no_further(world):
    for price, by in ((1_100, NOTHING), (1_101, BAND), (900, NOTHING), (899, BAND)):
        one = Feeders(world, 1, **BOUNDS | {"quorum": 1})
        one.push(0, 1_000)
        receipt = one.push(0, price)
        assert one.oracle.halt_by() == by and one.price == (0 if by else price)
        if by:
            assert one.events(receipt)["Halted"] | {"account": ""} == {"price": price, "anchor": 1_000, "account": ""}


def test_the_anchor_moves_once_an_interval(world):
    """Small steps add up to the band alone, until the anchor has stood for its interval."""
    one = Feeders(world, 1, **BOUNDS | {"quorum": 1, "interval": 12})
    start = one.push(0, 1_000).block
    one.push(0, 1_060)
    one.push(0, 1_100)
    assert one.oracle.anchored() == (1_000, start)
    one.chain.before(start + 12)
    one.push(0, 1_100)
    assert one.oracle.anchored() == (1_100, start + 12)
    one.push(0, 1_210)
    assert one.oracle.halt_by() == NOTHING
    one.push(0, 1_211)
    assert one.oracle.halt_by() == BAND


@pytest.mark.parametrize("price", [499, 5_001])
def test_floor_and_ceiling_halt_whatever_the_anchor(world, price):
    edge = {499: 500, 5_001: 5_000}[price]
    one = Feeders(world, 1, **BOUNDS | {"quorum": 1, "calm": 1})
    one.push(0, edge)
    assert one.price == edge
    one.push(0, price)
    assert (one.price, one.oracle.halt_by()) == (0, BAND)
    for _ in range(3):
        one.push(0, price)
    assert one.price == 0 and one.oracle.anchored() == NONE
    one.push(0, edge)
    one.push(0, edge)
    assert one.price == edge and one.oracle.halt_by() == NOTHING
    first = Feeders(world, 1, **BOUNDS | {"quorum": 1})
    first.push(0, price)
    assert (first.price, first.oracle.halt_by()) == (0, BAND), "the first price too"


def test_a_halt_ends_after_calm_and_only_by_a_quorum(three):
    three.agree(1_000)
    three.push(0, 2_000)
    assert three.price == 1_000
    halted = three.push(1, 2_000).block
    assert three.oracle.halt_by() == BAND and three.oracle.at(halted) == NONE
    assert three.oracle.anchored() == (2_000, halted)
    three.push(1, 2_010)
    three.chain.before(halted + 8 - 1)
    three.push(0, 2_005)
    assert three.price == 0 and three.oracle.halt_by() == BAND, "a block too soon"
    receipt = three.push(0, 2_006)
    assert three.oracle.halt_by() == NOTHING and three.events(receipt)["Resumed"] == {"price": three.price}
    assert three.price == 2_006 and three.oracle.at(halted + 7) == NONE


def test_a_spike_that_returns_makes_the_calm_start_over(three):
    three.agree(1_000)
    three.renew(2_000)
    three.chain.mine(4)
    three.renew(1_000)
    restarted = three.oracle.anchored()
    assert restarted[0] == 1_000 and three.oracle.halt_by() == BAND
    three.chain.before(restarted[1] + 8)
    three.push(0, 1_001)
    assert three.price == 1_000 and three.oracle.halt_by() == NOTHING


def test_losing_the_quorum_makes_the_calm_start_over(three):
    three.agree(1_000)
    three.renew(2_000)
    three.push(2, 2_000)
    three.push(0, 2_100)
    three.push(1, 1_900)
    assert three.oracle.anchored() == NONE and three.oracle.halt_by() == BAND
    three.chain.mine(10)
    three.push(1, 2_000)
    assert three.price == 0, "the calm has only begun"


def test_a_halt_by_hand_ends_by_the_governor_and_then_calm(three):
    world, block = three.world, three.agree(1_000)
    for who in (world.stranger, world.issuer, world.admin):
        with reverts("oracle: not guardian or governor"):
            three.oracle.halt(sender=who)
    receipt = three.oracle.halt(sender=world.guardian)
    assert three.events(receipt) == {"Halted": {"price": 0, "anchor": 1_000, "account": world.guardian.lower()}}
    assert three.price == 0 and three.oracle.at(receipt.block) == NONE and three.oracle.at(block)[0] == 1_000
    with reverts("oracle: halted by hand"):
        three.oracle.halt(sender=world.guardian)
    three.agree(1_001)
    three.chain.mine(20)
    three.agree(1_001)
    assert three.price == 0, "no calm ends it"
    with reverts("oracle: not the governor"):
        three.oracle.release(sender=world.guardian)
    world.govern(three.oracle, "release")
    with reverts("oracle: not halted by hand"):
        world.chain.impersonate(world.governor.address)
        three.oracle.release(sender=world.governor.address)
    since = three.push(0, 1_002).block
    assert three.price == 0
    three.chain.before(since + 8)
    three.push(1, 1_002)
    assert three.price == 1_002 and three.oracle.halt_by() == NOTHING


def test_the_guardian_may_hold_what_the_band_halted(three):
    three.agree(1_000)
    three.renew(2_000)
    three.oracle.halt(sender=three.world.guardian)
    three.chain.mine(10)
    three.renew(2_000)
    three.renew(2_000)
    assert three.price == 0 and three.oracle.halt_by() == HAND


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-30, 30), st.booleans()), min_size=8, max_size=16))
def test_two_liars_of_five_never_move_the_price(world, moves):
    """Honest feeders stay within a dispersion of 1,000; what two liars say moves nothing beyond that."""
    with world.chain.undone():
        five = Feeders(world, 5, **BOUNDS | {"quorum": 3, "dispersion_bps": 300})
        for who in (2, 3, 4):
            five.push(who, 1_000)
        for who, lie, much in moves:
            honest = 1_000 + lie % 11
            five.push(who, max(1, 1_000 + lie * (10**6 if much and lie > 0 else 5)) if who < 2 else honest)
            assert 1_000 <= five.price <= 1_010 and five.oracle.halt_by() == NOTHING


# --- What a market makes of it ---


def test_a_halt_makes_the_epoch_void_and_its_orders_come_back_whole(world):
    feeders = Feeders(world, 3, **BOUNDS)
    market = world.open_market(source=feeders.oracle.address, start_block=world.chain.block + 20)
    orders = world.committed(0, 2, market)
    feeders.agree(1_000)
    feeders.renew(2_000)
    assert feeders.oracle.halt_by() == BAND
    world.chain.before(world.windows(0, market)["reveal_from"])
    assert world.market.state(market, 0) == FROZEN
    world.chain.mine()
    assert world.market.state(market, 0) == VOID
    with reverts("statement: proof refused"):
        world.reclaim(orders[0], 1)
    for order in orders:
        world.reclaim(order, 0)


def test_what_comes_after_the_freeze_changes_nothing(world):
    """A halt by hand in the block after the freeze leaves the epoch its reference."""
    feeders = Feeders(world, 3, **BOUNDS)
    market = world.open_market(source=feeders.oracle.address, start_block=world.chain.block + 20)
    orders = world.committed(0, 1, market)
    feeders.agree(1_000)
    world.chain.before(world.windows(0, market)["freeze"] + 1)
    feeders.oracle.halt(sender=world.guardian)
    world.chain.before(world.windows(0, market)["reveal_from"])
    world.reveal(orders[0])
    assert world.epoch(0, market)["reference"] == 1_000


def test_gas(world):
    """An observation with fifteen feeders fits any block; a history of 10^12 prices fits what a market gives."""
    many = Feeders(world, 15, quorum=8)
    for who in range(15):
        spent = many.push(who, 1_000 - who).gas
    assert spent < 230_000
