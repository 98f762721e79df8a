"""The signed source: what it takes, and what it remembers."""

import random

import pytest
from eth_account import Account
from eth_utils import keccak

from tests.contracts import words
from tests.contracts.chain import reverts
from tests.contracts.world import World


@pytest.fixture
def source(world: World):
    return world.chain.deploy("Source", world.feeder.address)


def test_keeps_history(world, source):
    dice, stored = random.Random(7), []
    assert source.latest() == (0, 0, 0) and source.at(10**9) == (0, 0)
    for _ in range(40):
        world.chain.mine(dice.randint(1, 4))
        price = dice.randint(1, 2**64 - 1)
        stored.append((price, world.push(price, source=source).block))
    for block in range(stored[0][1] - 3, stored[-1][1] + 4):
        known = [entry for entry in stored if entry[1] <= block]
        assert source.at(block) == (known[-1] if known else (0, 0))
    assert source.at(2**256 - 1) == stored[-1] and source.count() == 40
    assert source.latest()[:2] == stored[-1]


def test_keeps_the_last_of_a_block(world, source):
    first = world.push(10, source=source).block
    time = world.chain.time
    with world.chain.one_block():
        world.push(20, time + 1, source=source)
        world.push(30, time + 2, source=source)
    assert source.count() == 2 and source.at(world.chain.block) == (30, world.chain.block)
    assert source.at(first) == (10, first)


def test_time_is_strictly_increasing(world, source):
    world.push(10, world.chain.time, source=source)
    last = source.latest()[2]
    for time in (last, last - 1):
        with reverts("source: not later"):
            world.push(11, time, source=source)
    world.push(11, last + 1, source=source)


def test_time_is_near_the_blocks(world, source):
    for offset, reason in ((1 + 31, "source: time ahead"), (-3600, "source: too old"), (2**64, "source: time ahead")):
        with reverts(reason):
            world.push(10, world.chain.time + offset, source=source)
    world.push(10, world.chain.time + 1 - 3600, source=source)
    world.push(10, world.chain.time + 1 + 30, source=source)


def test_price_range(world, source):
    for price in (0, 2**64, 2**255):
        with reverts("source: price out of range"):
            world.push(price, source=source)
    for price in (1, 2**64 - 1):
        world.push(price, source=source)


def test_only_the_feeder_signs_and_for_this_source_and_chain(world, source):
    with reverts("source: not the feeder"):
        world.push(10, signer=Account.from_key(b"\5" * 32), source=source)
    other = world.chain.deploy("Source", world.feeder.address)
    time = world.chain.time
    domain = keccak(text="shadowpool.v1.observation")
    good = (domain, world.chain.id, source.address, 10, time)
    for place, value in ((0, bytes(32)), (1, 1), (2, other.address), (3, 11), (4, time + 1)):
        signed = [value if i == place else word for i, word in enumerate(good)]
        sig = world.feeder.unsafe_sign_hash(words.chained(*signed))
        with reverts("source: not the feeder"):
            source.push(10, time, sig.v, sig.r, sig.s)
    sig = world.feeder.unsafe_sign_hash(words.chained(*good))
    source.push(10, time, sig.v, sig.r, sig.s)
    with reverts("source: zero address"):
        world.chain.deploy("Source", "0x" + "00" * 20)
