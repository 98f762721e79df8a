"""Stake, seats, reveal keys, reservations, and the leader rule against an independent model (P10)."""

import random

import pytest

from tests.contracts import words
from tests.contracts.chain import reverts
from tests.contracts.groth import R
from tests.contracts.world import (
    BOUNTY, EPOCH_STAKE, KEY_MAX_AGE, LAG, UNBONDING, World, ZERO,
)  # fmt: skip


class Shadow:
    """What the rotation should know: each relayer's stake after every change, by block."""

    def __init__(self, world: World):
        self.world = world
        self.seats: list[str] = []
        self.changes: dict[str, list[tuple[int, int]]] = {}

    def record(self, relayer: str, stake: int):
        if relayer not in self.changes:
            self.seats.append(relayer)
        self.changes.setdefault(relayer, []).append((self.world.chain.block, stake))

    def weight(self, relayer: str, block: int) -> int:
        past = [stake for at, stake in self.changes[relayer] if at <= block]
        return past[-1] if past and past[-1] >= EPOCH_STAKE else 0

    def leader(self, epoch: int, open_block: int) -> str:
        place = words.leader(epoch, [self.weight(r, open_block - LAG) for r in self.seats])
        return ZERO if place is None else self.seats[place].lower()


@pytest.fixture
def market(world):
    """The market contract as a sender, for what only it may call."""
    world.chain.impersonate(world.market.address)
    return world.market.address


@pytest.fixture
def newcomers(world):
    accounts = world.chain.accounts[20:28]
    for account in accounts:
        world.relayers.register(5, sender=account)
    return accounts


def test_leader_rule_matches_the_model_over_a_changing_registry(world, newcomers):
    shadow = Shadow(world)
    for relayer, stake in zip(world.leaders, (3000, 5000), strict=True):
        shadow.record(relayer, stake)
        shadow.changes[relayer] = [(0, stake)]
    dice = random.Random(1)
    start = world.chain.block
    for _ in range(60):
        relayer = dice.choice([*newcomers, *world.leaders])
        stake = world.relayers.stake_of(relayer)
        if stake and dice.random() < 0.5:
            stake -= (amount := dice.randint(1, stake))
            world.relayers.unbond(amount, sender=relayer)
        else:
            stake += (amount := dice.randint(EPOCH_STAKE, 5 * EPOCH_STAKE))
            world.bond(relayer, amount)
        shadow.record(relayer, stake)
    end = world.chain.block
    for _ in range(150):
        epoch = dice.choice([dice.randint(0, 50), dice.getrandbits(40), 2**64 - 1, 2**64 + 5])
        open_block = dice.randint(start, end + LAG + 5)
        assert world.relayers.leader_at(epoch, open_block) == shadow.leader(epoch, open_block)
    for relayer in shadow.seats:
        block = dice.randint(start, end)
        assert world.relayers.stake_at(relayer, block) == shadow.weight(relayer, block)


def test_leaders_take_turns_in_proportion_to_stake(world):
    at = world.chain.block + LAG
    turns = [world.relayers.leader_at(epoch, at) for epoch in range(400)]
    shares = [turns.count(relayer.lower()) / 400 for relayer in world.leaders]
    assert abs(shares[0] - 3 / 8) < 0.01 and abs(shares[1] - 5 / 8) < 0.01


def test_the_snapshot_is_before_the_window(world, newcomers):
    """Stake that moves after the snapshot changes nothing, and before it counts from that block on."""
    world.bond(newcomers[0], 10**9)
    bonded = world.chain.block
    everything = range(1, 20)  # epoch 0 is always the first relayer's: x is 0
    before = [world.relayers.leader_at(e, bonded + LAG - 1) for e in everything]
    after = [world.relayers.leader_at(e, bonded + LAG) for e in everything]
    assert newcomers[0].lower() not in before and set(after) == {newcomers[0].lower()}
    world.relayers.unbond(10**9, sender=newcomers[0])
    unbonded = world.chain.block
    assert world.relayers.leader_at(1, unbonded + LAG - 1) == newcomers[0].lower()
    assert world.relayers.leader_at(1, unbonded + LAG) != newcomers[0].lower()
    assert world.relayers.leader_at(1, LAG - 1) == ZERO


def test_two_changes_in_one_block_leave_one_checkpoint(world, newcomers):
    relayer = newcomers[0]
    world.bond(relayer, 2000)
    with world.chain.one_block():
        world.relayers.unbond(500, sender=relayer)
        world.relayers.unbond(400, sender=relayer)
    block = world.chain.block
    assert world.relayers.stake_of(relayer) == 1100
    assert [world.relayers.stake_at(relayer, block + d) for d in (-1, 0, 1)] == [2000, 1100, 1100]


def test_registration(world):
    relayer = world.stranger
    for word in (0, R, 2**256 - 1):
        with reverts("relayers: owner out of range"):
            world.relayers.register(word, sender=relayer)
    with reverts("relayers: not registered"):
        world.bond(relayer, 5000)
    with reverts("relayers: not registered"):
        world.register_key(relayer, world.point())
    world.relayers.register(R - 1, sender=relayer)
    assert world.relayers.owner_of(relayer) == R - 1
    with reverts("relayers: already registered"):
        world.relayers.register(1, sender=relayer)


def test_bond_limits(world, newcomers):
    relayer = newcomers[0]
    for amount in (0, 2**120, 2**256 - 1):
        with reverts("relayers: amount out of range"):
            world.relayers.bond(amount, sender=relayer)
    with reverts("relayers: less than one epoch's stake"):
        world.bond(relayer, EPOCH_STAKE - 1)
    world.bond(relayer, EPOCH_STAKE)
    world.bond(relayer, 1)
    assert world.relayers.stake_of(relayer) == EPOCH_STAKE + 1
    with reverts(""):
        world.relayers.bond(EPOCH_STAKE, sender=relayer)  # neither held nor approved


def test_below_one_epochs_stake_has_no_weight(world, newcomers):
    relayer = newcomers[0]
    world.bond(relayer, EPOCH_STAKE)
    world.relayers.unbond(1, sender=relayer)
    assert world.relayers.stake_of(relayer) == EPOCH_STAKE - 1
    assert world.relayers.stake_at(relayer, world.chain.block) == 0


def test_unbonding_waits_and_restarts(world, newcomers):
    relayer = newcomers[0]
    world.bond(relayer, 3000)
    with reverts("relayers: nothing unbonding"):
        world.relayers.withdraw(sender=relayer)
    for amount, reason in ((0, "relayers: amount out of range"), (3001, "relayers: not bonded")):
        with reverts(reason):
            world.relayers.unbond(amount, sender=relayer)
    world.relayers.unbond(1000, sender=relayer)
    world.chain.mine(UNBONDING // 2)
    receipt = world.relayers.unbond(500, sender=relayer)
    ready = receipt.block + UNBONDING
    world.chain.before(ready - 1)
    with reverts("relayers: too early"):
        world.relayers.withdraw(sender=relayer)
    receipt = world.relayers.withdraw(sender=relayer)
    assert receipt.block == ready and world.stake.balanceOf(relayer) == 1500
    assert world.relayers.free_stake_of(relayer) == world.relayers.stake_of(relayer) == 1500


def test_reserved_stake_cannot_be_withdrawn(world, newcomers, market):
    relayer = newcomers[0]
    world.bond(relayer, 10**9)
    spot = world.point()
    world.register_key(relayer, spot)
    world.relayers.unbond(10**9, sender=relayer)
    # The snapshot before still names it, and its unbonding stake answers.
    assert world.relayers.leader_at(3, world.chain.block + LAG - 1) == relayer.lower()
    receipt = world.relayers.reserve(3, world.chain.block + LAG - 1, sender=market)
    assert world.relayers.logs(receipt, "Reserved") == [{"relayer": relayer.lower(), "amount": EPOCH_STAKE}]
    world.chain.mine(UNBONDING)
    world.relayers.withdraw(sender=relayer)
    assert world.stake.balanceOf(relayer) == 10**9 - EPOCH_STAKE
    with reverts("relayers: stake reserved"):
        world.relayers.withdraw(sender=relayer)
    assert world.relayers.free_stake_of(relayer) == 0
    world.relayers.release(relayer, sender=market)
    world.relayers.withdraw(sender=relayer)
    assert world.stake.balanceOf(relayer) == 10**9


@pytest.mark.parametrize("unbonded", [0, 700, 3000])
def test_slash_takes_one_epochs_stake_wherever_it_is(world, newcomers, market, unbonded):
    relayer, caller = newcomers[0], world.stranger
    world.bond(relayer, 3000)
    world.register_key(relayer, world.point())
    open_block = world.chain.block + LAG
    epoch = next(e for e in range(99) if world.relayers.leader_at(e, open_block) == relayer.lower())
    for _ in range(2):
        world.relayers.reserve(epoch, open_block, sender=market)
    if unbonded:
        world.relayers.unbond(unbonded, sender=relayer)
    held = world.stake.balanceOf(world.relayers.address)
    receipt = world.relayers.slash(relayer, caller, sender=market)
    slashed = {"relayer": relayer.lower(), "amount": EPOCH_STAKE, "caller": caller.lower(), "bounty": BOUNTY}
    assert world.relayers.logs(receipt, "Slashed") == [slashed]
    bonded, unbonding, _, reserved = world.relayers.stakes(relayer)
    assert bonded + unbonding == 2000 and reserved == EPOCH_STAKE
    assert bonded == max(3000 - unbonded - EPOCH_STAKE, 0)
    assert world.stake.balanceOf(caller) == BOUNTY
    assert world.stake.balanceOf(world.treasury) == EPOCH_STAKE - BOUNTY
    assert world.stake.balanceOf(world.relayers.address) == held - EPOCH_STAKE
    assert world.relayers.stake_at(relayer, world.chain.block) == (bonded if bonded >= EPOCH_STAKE else 0)


def test_only_the_market_reserves_releases_and_slashes(world):
    leader = world.leaders[0]
    for sender in (world.admin, world.governor.address, leader):
        for call in (("reserve", 0, world.chain.block + LAG), ("release", leader), ("slash", leader, sender)):
            with reverts("relayers: not the market"):
                world.relayers.call(*call, sender=sender)


def test_nothing_reserved_nothing_released_or_slashed(world, market):
    for call in (("release", world.leaders[0]), ("slash", world.leaders[0], market)):
        with reverts(""):
            world.relayers.call(*call, sender=market)


def test_no_leader_before_anyone_had_stake(world, market):
    with reverts("relayers: no eligible leader"):
        world.relayers.call("reserve", 0, LAG, sender=market)


def test_keys_for_windows(world):
    """Registered before the window opens, at most so many blocks; the last such one counts."""
    relayer = world.leaders[0]
    first = world.relayers.reveal_key(relayer, 1)[2]
    spots, blocks = [world.point(relayer)], [first]
    for _ in range(6):
        world.chain.mine(3)
        spots.append(world.point())
        blocks.append(world.register_key(relayer, spots[-1]).block)
    end = blocks[-1] + KEY_MAX_AGE
    for open_block in (*range(first - 2, blocks[-1] + 4), end, end + 1):
        known = [v for v, block in enumerate(blocks) if block < open_block]
        fresh = known and open_block <= blocks[known[-1]] + KEY_MAX_AGE
        expected = (known[-1] + 1, *spots[known[-1]]) if fresh else (0, 0, 0)
        assert world.relayers.key_before(relayer, open_block) == expected
    assert world.relayers.key_version(relayer) == 7
    assert world.relayers.leader_words(relayer, 3) == (world.relayers.owner_of(relayer), *spots[2])


def test_bad_keys(world):
    relayer = world.leaders[0]
    x, y = world.point()
    for bad in ([x, y + 1], [0, 0], [x + R, y], [x, y + R], [y, x], [2**256 - 1, y]):
        with reverts("relayers: not a curve point"):
            world.relayers.register_key([1] * 8, 1, *bad, sender=relayer)
    proof, digest = world.possession(relayer, [x, y])
    with reverts("statement: proof refused"):
        world.relayers.register_key(proof, digest, x, y, sender=world.leaders[1])
    world.relayers.register_key(proof, digest, x, y, sender=relayer)


def test_32_seats_and_how_one_becomes_free(world):
    """Registering takes no seat; bonding does, and whoever has nothing at stake loses it when all are taken."""
    taken = world.relayers.relayer_count()
    accounts = [w for w in world.chain.accounts[7:] if w not in world.leaders][: 33 - taken]
    for account in accounts:
        world.relayers.register(5, sender=account)
    assert world.relayers.relayer_count() == taken
    for account in accounts[:-1]:
        world.bond(account, EPOCH_STAKE)
    assert world.relayers.relayer_count() == 32
    late = accounts[-1]
    with reverts("relayers: no seat free"):
        world.bond(late, EPOCH_STAKE)
    world.bond(accounts[0], EPOCH_STAKE)  # one with a seat may still add
    quitter = accounts[3]
    world.relayers.unbond(EPOCH_STAKE, sender=quitter)
    with reverts("relayers: no seat free"):
        world.bond(late, EPOCH_STAKE)
    world.chain.mine(UNBONDING)
    world.relayers.withdraw(sender=quitter)
    world.bond(late, EPOCH_STAKE)
    assert world.relayers.relayer_count() == 32
    assert world.relayers.relayer_at(taken + 3) == late.lower()
    assert world.relayers.stake_at(late, world.chain.block) == EPOCH_STAKE
    assert world.relayers.stake_at(quitter, world.chain.block) == 0
    with reverts("relayers: no seat free"):
        world.bond(quitter, EPOCH_STAKE)


def test_terms_of_the_registry(world):
    token, keys, verifier = world.stake.address, world.keys.address, world.verifiers["key"].address
    good = [world.market.address, world.pool.address, token, verifier, keys, 1000, 100, 60, 5, 400]
    for place, value, reason in (
        (0, ZERO, "relayers: zero address"),
        (1, ZERO, "relayers: zero address"),
        (2, world.stranger, "relayers: no contract"),
        (4, world.stranger, "relayers: no contract"),
        (5, 0, "relayers: epoch stake out of range"),
        (5, 2**120, "relayers: epoch stake out of range"),
        (6, 1001, "relayers: bounty above stake"),
        (7, 4, "relayers: unbonding shorter than the snapshot's lag"),
        (8, 0, "relayers: no snapshot lag"),
    ):
        arguments = list(good)
        arguments[place] = value
        with reverts(reason):
            world.chain.deploy("Relayers", *arguments)
    world.chain.deploy("Relayers", *good)
