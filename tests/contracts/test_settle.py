"""Settlement: whose, when, of which reveals (P4), and what it leaves behind."""

import pytest

from tests.contracts.chain import reverts
from tests.contracts.words import chained
from tests.contracts.world import EPOCH_STAKE, World


@pytest.fixture
def ready(world):
    """Epoch 0 with three reveals and a silent order, settling; and its settlement."""
    orders = world.revealed(0, 3, silent=1)
    world.chain.before(world.windows(0)["settle_from"] + 1)
    return orders, *world.settlement(0, orders[:3])


def test_settle_window_is_half_open(world):
    orders = world.revealed(0, 2)
    w = world.windows(0)
    batch = world.settlement(0, orders)
    world.chain.before(w["settle_from"] - 1)
    with reverts("market: window closed"):
        world.settle(*batch)
    with world.chain.undone():
        assert world.settle(*batch).block == w["settle_from"]
    world.chain.before(w["deadline"] - 1)
    with world.chain.undone():
        assert world.settle(*batch).block == w["deadline"] - 1
    world.chain.mine()
    with reverts("market: window closed"):
        world.settle(*batch)


def test_only_the_leader_settles(world, ready):
    _, s, slots, memo = ready
    leader = world.leader(0)
    other = next(relayer for relayer in world.leaders if relayer != leader)
    for sender in (other, world.stranger, world.admin):
        with reverts("market: not the leader"):
            world.settle(s, slots, memo, sender)
    world.settle(s, slots, memo, leader)


def test_what_a_settlement_leaves(world, ready):
    orders, s, slots, memo = ready
    s["invalid_mask"] = 0b010
    before, reserved = world.pool.next_leaf(), world.relayers.stakes(world.leader(0))[3]
    commit_chain, reveal_chain = world.epoch(0)["commit_chain"], world.epoch(0)["reveal_chain"]
    assert commit_chain != bytes(32)
    receipt = world.settle(s, slots, memo)
    (event,) = world.market.logs(receipt, "Settled")
    same = ("invalid_mask", "print_commitment", "treasury_pad", "leader_cm", "treasury_cm", "market", "epoch")
    assert {name: event[name] for name in same} == {name: s[name] for name in same}
    assert event["count"] == 3 and event["position"] == before and event["memo"] == tuple(memo)
    assert event["audit"] == tuple(s["audit"]) and event["audit_point"] == tuple(s["audit_point"])
    assert event["slots"] == tuple((slot[9], slot[10]) for slot in slots)
    leaves = [leaf for slot in slots for leaf in slot[7:9]] + [s["leader_cm"], s["treasury_cm"]]
    assert world.pool.logs(receipt, "Appended") == [{"position": before, "leaves": tuple(leaves)}]
    e = world.epoch(0)
    assert e["settled_block"] == receipt.block and e["invalid_mask"] == 0b010 and not e["printed"]
    assert e["print_commitment"] == s["print_commitment"] and e["reveal_chain"] == reveal_chain
    assert e["commit_chain"] == bytes(32)
    assert world.relayers.stakes(world.leader(0))[3] == reserved - EPOCH_STAKE


def test_settles_once(world, ready):
    _, s, slots, memo = ready
    world.settle(s, slots, memo)
    with reverts("market: already settled"):
        world.settle(s, slots, memo)


def test_no_reveal_omitted_added_or_altered(world: World, ready):
    orders, s, slots, memo = ready
    extra = [world.fresh() for _ in range(11)]
    for wrong in (slots[:2], [], [*slots, extra]):
        with reverts("market: wrong number of reveals"):
            world.settle(s, wrong, memo)
    swapped = [slots[1], slots[0], slots[2]]
    doubled = [slots[0], slots[0], slots[2]]
    replaced = [slots[0], slots[1], extra]
    for wrong in (swapped, doubled, replaced):
        with reverts("market: other reveals"):
            world.settle(s, wrong, memo)
    for place in range(7):
        altered = [list(slot) for slot in slots]
        altered[1][place] += 1
        with reverts("market: other reveals"):
            world.settle(s, altered, memo)
    world.settle(s, slots, memo)


def test_sizes(world, ready):
    _, s, slots, memo = ready
    for size in (0, 3, 7, 9, 65, 2**255):
        proof, digest = world.prove("settle_8", [0])
        arguments = (proof, digest, tuple((s | {"size": size}).values()), slots, memo)
        with reverts("market: no such size"):
            world.market.call("settle", *arguments, sender=world.leader(0))
    for size in (8, 16, 64):
        with world.chain.undone():
            world.settle(s | {"size": size}, slots, memo)


def test_invalid_mask_names_only_reveals(world, ready):
    _, s, slots, memo = ready
    for mask in (0b1000, 2**64, 2**255):
        with reverts("market: mask out of range"):
            world.settle(s | {"invalid_mask": mask}, slots, memo)
    world.settle(s | {"invalid_mask": 0b111}, slots, memo)


def test_an_epoch_without_reveals_is_not_settled(world):
    world.committed(0, 2)
    w = world.windows(0)
    world.chain.before(w["settle_from"])
    s, slots, memo = world.settlement(0, [])
    with reverts("market: wrong number of reveals"):
        world.settle(s, slots, memo)


def test_an_epoch_never_opened_has_no_leader(world):
    world.chain.before(world.windows(0)["settle_from"] + 1)
    s, slots, memo = world.settlement(0, [])
    proof, digest = world.prove("settle_8", [0])
    with reverts("market: not the leader"):
        world.market.call("settle", proof, digest, tuple(s.values()), slots, memo, sender=world.leaders[0])


@pytest.mark.parametrize("size", [16, 64])
def test_a_batch_at_capacity(world, size):
    """A batch that cannot be settled would freeze the market: measured full (models, mistake 9)."""
    market = world.open_market(capacity=size, commit_blocks=70, freeze_blocks=2, reveal_blocks=70)
    orders = world.revealed(0, size, market=market)
    world.chain.before(world.windows(0, market)["settle_from"])
    s, slots, memo = world.settlement(0, orders, size, market)
    receipt = world.settle(s, slots, memo)
    assert world.epoch(0, market)["reveals"] == size
    assert receipt.gas < 2_500_000
    record = chained(orders[-1]["oc"], orders[-1]["rk"], market, 0, size)
    assert world.market.order_record(orders[-1]["quota_nullifier"]) == record
