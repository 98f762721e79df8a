"""The reference: what the source stored by the freeze, fixed once; Void when it cannot be had."""

import pytest
from eth_abi import encode

from tests.contracts.chain import Reverted, reverts
from tests.contracts.world import EPOCH_STAKE, REVEAL, VOID, World


def test_fixed_by_the_first_reveal_as_of_the_freeze_block(world):
    orders = world.committed(0, 2)
    w = world.windows(0)
    world.chain.before(w["freeze"] - 1)
    world.push(1500)
    world.push(1600)  # in the freeze block itself: still at or before it
    assert world.chain.block == w["freeze"]
    world.push(1700)
    world.chain.before(w["reveal_from"])
    receipt = world.reveal(orders[0])
    fixed = {"market": 0, "epoch": 0, "price": 1600, "void": False}
    assert world.market.logs(receipt, "ReferenceFixed") == [fixed]
    world.push(1800)
    assert not world.market.logs(world.reveal(orders[1]), "ReferenceFixed")
    e = world.epoch(0)
    assert e["fixed"] and not e["void"] and e["reference"] == 1600


@pytest.mark.parametrize("late", [0, 1])
def test_a_stale_reference_makes_the_epoch_void(world, late):
    w = world.windows(0)
    world.chain.before(w["open"] - 20)
    stored = world.push(1500).block
    age = w["freeze"] - stored - late
    market = world.open_market(start_block=w["open"], max_age=age)
    (order,) = world.committed(0, 1, market)
    world.chain.before(w["reveal_from"] + 1)
    if not late:
        assert world.market.state(market, 0) == REVEAL
        world.reveal(order)
        assert world.epoch(0, market)["reference"] == 1500
        return
    assert world.market.state(market, 0) == VOID, "seen before anyone has fixed it"
    with reverts("market: epoch void"):
        world.reveal(order)
    assert not world.epoch(0, market)["fixed"]


@pytest.fixture
def odd(world):
    """A market whose source answers what it is told, with two orders, its reveal window open."""
    source = world.chain.deploy("OddSource")
    market = world.open_market(source=source.address, start_block=world.chain.block + 12, max_age=100)
    orders = world.committed(0, 2, market)
    world.chain.before(world.windows(0, market)["reveal_from"] + 1)
    return source, market, orders


def answer(source, *numbers):
    source.set_answer(encode(["uint256"] * len(numbers), numbers))


def bad_answers(freeze: int) -> dict:
    return {
        "zero price": (0, freeze),
        "price of 65 bits": (2**64, freeze),
        "price of 256 bits": (2**256 - 1, freeze),
        "stored after the freeze": (5, freeze + 1),
        "stored for ever": (5, 2**256 - 1),
        "too old": (5, freeze - 101),
        "one word": (5,),
        "nothing at all": (),
    }


@pytest.mark.parametrize("kind", [*bad_answers(0), "burns its gas"])
def test_bad_answers_make_the_epoch_void(world, odd, kind):
    """Nothing forfeited, nobody slashed, every order back whole."""
    source, market, orders = odd
    w = world.windows(0, market)
    if kind == "burns its gas":
        source.set_burns(True)
    else:
        answer(source, *bad_answers(w["freeze"])[kind])
    world.chain.mine()
    assert world.market.state(market, 0) == VOID
    with reverts("market: epoch void"):
        world.reveal(orders[0])
    with reverts("statement: proof refused"):
        world.reclaim(orders[0], 1)
    receipt = world.reclaim(orders[0], 0)
    fixed = {"market": market, "epoch": 0, "price": 0, "void": True}
    assert world.market.logs(receipt, "ReferenceFixed") == [fixed]
    # Fixed is fixed, whatever the source says now, before and after every boundary.
    source.set_burns(False)
    answer(source, 5, w["freeze"])
    with reverts("market: epoch void"):
        world.reveal(orders[1])
    leader = world.leader(0, market)
    assert world.relayers.stakes(leader)[3] == EPOCH_STAKE
    world.market.release(market, 0)
    assert world.relayers.stakes(leader)[3] == 0
    with reverts("market: already released"):
        world.market.release(market, 0)
    world.chain.before(w["deadline"] + 1)
    assert world.market.state(market, 0) == VOID
    with reverts("market: epoch not failed"):
        world.market.fail(market, 0)
    world.reclaim(orders[1], 0)


@pytest.mark.parametrize("price", [1, 2**64 - 1])
def test_good_answers_at_the_limits(world, odd, price):
    source, market, orders = odd
    freeze = world.windows(0, market)["freeze"]
    answer(source, price, freeze - 100)
    world.reveal(orders[0])
    assert world.epoch(0, market)["reference"] == price


def test_void_comes_before_empty(world, odd):
    source, market, orders = odd
    world.chain.before(world.windows(0, market)["settle_from"] + 1)
    assert world.market.state(market, 0) == VOID
    world.market.release(market, 0)
    world.reclaim(orders[0], 0)


def test_nobody_can_make_an_epoch_void_by_giving_too_little_gas(world: World):
    """The source is asked only with gas enough for it: any limit either works or reverts."""
    (order,) = world.committed(0, 1)
    for price in range(2, 18):
        world.push(price)  # so that the search is not short
    world.chain.before(max(world.windows(0)["reveal_from"], world.chain.block + 1))
    world.seal(order)
    signature = world.sign(order)
    moves = {
        "revealed": lambda gas: world.reveal(order, signature, gas),
        "released": lambda gas: world.market.release(0, 0, gas=gas),
    }
    outcomes = {name: set() for name in moves}
    for gas in range(40_000, 280_000, 3_000):
        for name, move in moves.items():
            with world.chain.undone():
                try:
                    move(gas)
                    outcomes[name].add(name)
                except Reverted as error:
                    outcomes[name].add(str(error))
                assert not world.epoch(0)["void"]
    short = "market: more gas needed"
    assert {"revealed", short} <= outcomes["revealed"] <= {"revealed", short, ""}
    assert {"market: epoch not over", short} <= outcomes["released"] <= {"market: epoch not over", short, ""}


def test_source_gas_suffices_for_a_long_history(world):
    """The search is logarithmic: gas by the number of observations, against the 120,000 it is given."""
    for price in range(1, 120):
        world.push(price)
    request = {"to": world.oracle.address, "data": world.oracle.encode("at", 80)}
    used = int(world.chain.rpc("eth_estimateGas", request), 16) - 21_000
    steps = (120).bit_length()
    assert used < 2_700 * (steps + 2), "so 40 steps, for 10^12 observations, fit"
    assert 2_700 * 42 < 120_000
