"""Ways out of an epoch: cancel, reclaim, fail, release, print (P8, P9, P10, P12)."""

import pytest

from tests.contracts.chain import reverts
from tests.contracts.words import chained
from tests.contracts.world import BOUNTY, EPOCH_STAKE, World

REFUSED = "statement: proof refused"
RECLAIMED = (1).to_bytes(32, "big")


def both_ways(world: World, order, forfeit: int, slot: int = 0):
    """Reclaims only with the forfeit that is due."""
    with reverts(REFUSED):
        world.reclaim(order, 1 - forfeit, slot)
    return world.reclaim(order, forfeit, slot)


def test_cancel_before_the_freeze_forfeits_nothing(world):
    orders = world.committed(0, 3)
    w = world.windows(0)
    before = world.epoch(0)["commit_chain"]
    position = world.pool.next_leaf()
    receipt = both_ways(world, orders[1], forfeit=0)
    e = world.epoch(0)
    assert e["commit_chain"] == chained(before, orders[1]["oc"], 0) and e["live"] == 2
    (event,) = world.market.logs(receipt, "Reclaimed")
    assert (event["forfeit"], event["position"], event["oc"]) == (False, position, orders[1]["oc"])
    assert world.pool.next_leaf() == position + 2
    assert world.market.order_record(orders[1]["quota_nullifier"]) == RECLAIMED
    world.chain.before(w["freeze"] - 1)
    assert world.reclaim(orders[0], 0).block == w["freeze"] - 1
    with reverts("market: not reclaimable now"):
        world.reclaim(orders[2], 0)


def test_not_reclaimable_between_freeze_and_end(world):
    orders = world.revealed(0, 2, silent=1)
    w = world.windows(0)
    for boundary in ("reveal_from", "settle_from"):
        world.chain.before(max(w[boundary], world.chain.block + 1))
        for order, slot in ((orders[0], 1), (orders[2], 0)):
            with reverts("market: not reclaimable now"):
                world.reclaim(order, 0, slot)
    world.chain.before(w["deadline"] - 1)
    with reverts("market: not reclaimable now"):
        world.reclaim(orders[2], 0)


def test_settled_epoch_forfeits_the_unrevealed_and_the_invalid(world):
    """P9: and nothing of an order revealed truly, which was settled."""
    orders, _ = world.settled(0, 3, silent=1, mask=0b010)
    both_ways(world, orders[3], forfeit=1)
    both_ways(world, orders[1], forfeit=1, slot=2)
    for order, slot in ((orders[0], 1), (orders[2], 3)):
        with reverts("market: order settled"):
            world.reclaim(order, 1, slot)
        with reverts("market: order settled"):
            world.reclaim(order, 0, slot)


def test_each_order_once(world):
    orders, _ = world.settled(0, 1, silent=2)
    receipt = world.reclaim(orders[1], 1)
    assert world.market.logs(receipt, "Reclaimed")[0]["forfeit"] is True
    for forfeit in (0, 1):
        with reverts("market: no such order"):
            world.reclaim(orders[1], forfeit)
    world.reclaim(orders[2], 1)


def test_the_record_must_be_named_exactly(world):
    orders, _ = world.settled(0, 2, silent=1, mask=0b01)
    # Neither another slot, nor another order's, nor another epoch.
    for order, slot in ((orders[0], 0), (orders[0], 2), (orders[1], 1), (orders[2], 1)):
        with reverts("market: no such order"):
            world.reclaim(order, 1, slot)
    for changes in ({"epoch": 1}, {"oc": orders[0]["oc"]}, {"rk": orders[0]["rk"]}):
        orders[2].c |= changes
        with reverts("market: no such order"):
            world.reclaim(orders[2], 1)
        orders[2].c |= {"epoch": 0, "oc": 7, "rk": orders[1]["rk"]}


def test_empty_epoch_forfeits(world):
    orders = world.committed(0, 2)
    w = world.windows(0)
    world.chain.before(w["settle_from"] - 1)
    with reverts("market: not reclaimable now"):
        world.reclaim(orders[0], 1)
    receipt = both_ways(world, orders[0], forfeit=1)
    assert world.market.logs(receipt, "ReferenceFixed") == [
        {"market": 0, "epoch": 0, "price": 1000, "void": False}
    ]
    world.market.release(0, 0)
    world.reclaim(orders[1], 1)


def test_failed_epoch_returns_everything_with_or_without_a_slash(world):
    """P10: nobody has to have called `fail`."""
    orders = world.revealed(0, 2, silent=2)
    w = world.windows(0)
    world.chain.before(w["deadline"])
    both_ways(world, orders[0], forfeit=0, slot=1)
    both_ways(world, orders[2], forfeit=0)
    world.market.fail(0, 0, sender=world.stranger)
    world.reclaim(orders[1], 0, slot=2)
    world.reclaim(orders[3], 0)


def test_fail_slashes_once_after_the_deadline(world):
    world.revealed(0, 1)
    leader, w = world.leader(0), world.windows(0)
    world.chain.before(w["deadline"] - 1)
    with reverts("market: epoch not failed"):
        world.market.fail(0, 0, sender=world.stranger)
    bonded, _, _, reserved = world.relayers.stakes(leader)
    receipt = world.market.fail(0, 0, sender=world.stranger)
    assert receipt.block == w["deadline"]
    assert world.relayers.stakes(leader)[0] == bonded - EPOCH_STAKE
    assert world.relayers.stakes(leader)[3] == reserved - EPOCH_STAKE == 0
    assert world.stake.balanceOf(world.stranger) == BOUNTY
    assert world.stake.balanceOf(world.treasury) == EPOCH_STAKE - BOUNTY
    expected = {"market": 0, "epoch": 0, "leader": leader.lower(), "slashed": EPOCH_STAKE, "bounty": BOUNTY}
    assert world.market.logs(receipt, "Failed") == [expected]
    assert world.epoch(0)["slashed"]
    with reverts("market: already slashed"):
        world.market.fail(0, 0, sender=world.stranger)
    with reverts("market: epoch not over"):
        world.market.release(0, 0)


def test_what_cannot_be_failed(world):
    """An epoch that is settled, empty, never opened or unknown."""
    world.settled(0, 1)
    world.chain.before(world.windows(4)["open"])
    world.commit(world.order(4))
    world.chain.before(world.windows(4)["deadline"] + 1)
    for epoch in (0, 4, 2):
        with reverts("market: epoch not failed"):
            world.market.fail(0, epoch)
    with reverts("market: unknown market"):
        world.market.fail(1, 0)


def test_release_frees_the_stake_of_an_empty_epoch_once(world):
    orders = world.committed(0, 1)
    leader, w = world.leader(0), world.windows(0)
    assert world.relayers.stakes(leader)[3] == EPOCH_STAKE
    for boundary in ("freeze", "reveal_from", "settle_from"):
        world.chain.before(w[boundary] - 1 if boundary == "settle_from" else w[boundary])
        with reverts("market: epoch not over"):
            world.market.release(0, 0)
    receipt = world.market.release(0, 0)
    assert receipt.block == w["settle_from"]
    assert world.market.logs(receipt, "Released") == [{"market": 0, "epoch": 0}]
    assert world.relayers.stakes(leader)[3] == 0 and world.epoch(0)["released"]
    with reverts("market: already released"):
        world.market.release(0, 0)
    world.reclaim(orders[0], 1)


def test_an_epoch_that_was_cancelled_whole_is_empty(world):
    (order,) = world.committed(0, 1)
    world.reclaim(order, 0)
    world.chain.before(world.windows(0)["settle_from"])
    world.market.release(0, 0)


def test_release_of_nothing(world):
    world.settled(0, 1)
    with reverts("market: epoch not over"):
        world.market.release(0, 0)
    world.chain.before(world.windows(1)["deadline"])
    with reverts("market: epoch has no commits"):
        world.market.release(0, 1)


def test_print_after_the_deferral_once_as_proven(world):
    """P12."""
    _, s = world.settled(0, 2)
    settled = world.epoch(0)["settled_block"]
    world.chain.before(settled + world.terms["deferral"] - 1)
    with reverts("market: print deferred"):
        world.print(0, s["print_commitment"], 990, 40)
    with reverts(REFUSED):
        world.print(0, world.fresh(), 990, 40)
    proof, digest = world.prove("print", [s["print_commitment"], 990, 40])
    for price, volume in ((991, 40), (990, 41), (40, 990)):
        with reverts(REFUSED):
            world.market.print_epoch(proof, digest, 0, 0, price, volume)
    for price, volume in ((2**64, 40), (990, 2**128)):
        with reverts("market: print out of range"):
            world.print(0, s["print_commitment"], price, volume)
    receipt = world.print(0, s["print_commitment"], 990, 40)
    assert world.market.logs(receipt, "Printed") == [{"market": 0, "epoch": 0, "price": 990, "volume": 40}]
    e = world.epoch(0)
    assert (e["printed"], e["price"], e["volume"]) == (True, 990, 40)
    assert e["settled_block"] == settled and e["print_commitment"] == s["print_commitment"]
    with reverts("market: already printed"):
        world.print(0, s["print_commitment"], 990, 40)


def test_print_at_its_first_block_and_of_nothing(world):
    _, s = world.settled(0, 1)
    settled = world.epoch(0)["settled_block"]
    world.chain.before(settled + world.terms["deferral"])
    assert world.print(0, s["print_commitment"], 0, 0).block == settled + world.terms["deferral"]
    assert world.epoch(0)["printed"] and world.epoch(0)["price"] == 0
    with reverts("market: not settled"):
        world.print(1, 0, 0, 0)


@pytest.mark.parametrize("largest", [(2**64 - 1, 2**70 - 1)])
def test_largest_print(world, largest):
    _, s = world.settled(0, 1)
    world.chain.mine(world.terms["deferral"])
    world.print(0, s["print_commitment"], *largest)
    e = world.epoch(0)
    assert (e["price"], e["volume"]) == largest
