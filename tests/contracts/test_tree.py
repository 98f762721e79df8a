"""Leaves, chunks and `advance`: strict order, full or old enough, positions skipped for good."""

import pytest

from offchain.merkle import CREDENTIAL_DEPTH, NOTE_DEPTH, zeros
from tests.contracts import words
from tests.contracts.chain import reverts
from tests.contracts.groth import R
from tests.contracts.world import EMPTY_CREDENTIALS, EMPTY_NOTES


def fill(world, leaves: int) -> list[int]:
    """Append an even number of leaves, two a transaction."""
    found = []
    for _ in range(leaves // 2):
        t = world.transaction()
        world.transact(t)
        found += [t["cm0"], t["cm1"]]
    return found


def chain_of(leaves: list[int]) -> bytes:
    link = bytes(32)
    for leaf in leaves:
        link = words.chained(link, leaf)
    return link


def test_empty_roots_are_those_of_the_library(world):
    assert world.pool.root() == EMPTY_NOTES == zeros(NOTE_DEPTH)[NOTE_DEPTH]
    assert world.credentials.root() == EMPTY_CREDENTIALS == zeros(CREDENTIAL_DEPTH)[CREDENTIAL_DEPTH]


def test_leaves_extend_the_open_chunks_chain(world):
    leaves = fill(world, 6)
    assert world.pool.chunk_chain(0) == chain_of(leaves)
    assert world.pool.next_leaf() == 6 and world.pool.next_chunk() == 0 and world.pool.tree() == 0


def test_a_settlement_may_cross_a_chunk(world):
    leaves = fill(world, 60)
    world.chain.before(world.windows(1)["open"])
    orders = [world.order(1) for _ in range(3)]
    for order in orders:
        world.commit(order)
        leaves.append(order["change_cm"])
    world.chain.before(world.windows(1)["reveal_from"])
    for order in orders:
        world.reveal(order)
    world.chain.before(world.windows(1)["settle_from"])
    s, slots, memo = world.settlement(1, orders)
    receipt = world.settle(s, slots, memo)
    leaves += [leaf for slot in slots for leaf in slot[7:9]] + [s["leader_cm"], s["treasury_cm"]]
    assert len(leaves) == 71 == world.pool.next_leaf()
    assert world.pool.logs(receipt, "Appended") == [{"position": 63, "leaves": tuple(leaves[63:])}]
    assert world.pool.chunk_chain(0) == chain_of(leaves[:64])
    assert world.pool.chunk_chain(1) == chain_of(leaves[64:])
    assert world.pool.opened_at() == receipt.block
    # The first chunk is full and goes at once; the second has to wait.
    world.advance(leaves[:64], world.fresh())
    with reverts("pool: chunk still open"):
        world.advance(leaves[64:], world.fresh())


def test_a_full_chunk_advances_at_once(world):
    leaves, root = fill(world, 64), world.fresh()
    receipt = world.advance(leaves, root)
    assert world.pool.logs(receipt, "Advanced") == [{"tree": 0, "chunk": 0, "count": 64, "root": root}]
    assert world.pool.root() == root and world.pool.is_root(0, root) and world.pool.next_chunk() == 1
    assert world.pool.is_root(0, EMPTY_NOTES), "old roots stay valid"
    assert world.pool.chunk_chain(0) == bytes(32)
    world.transact(world.transaction(root0=root))
    with reverts("pool: unknown root"):
        world.transact(world.transaction(tree0=1, root0=root))


def test_a_partial_chunk_advances_16_blocks_after_its_first_leaf(world):
    leaves = fill(world, 2)
    first = world.chain.block
    leaves += fill(world, 4)
    assert world.pool.opened_at() == first
    world.chain.before(first + 15)
    with reverts("pool: chunk still open"):
        world.advance(leaves, world.fresh())
    assert world.chain.block == first + 15
    world.advance(leaves, world.fresh())
    # The 58 positions left over are skipped, and the next leaf opens the next chunk.
    assert world.pool.next_leaf() == 64
    more = fill(world, 2)
    assert world.pool.next_leaf() == 66 and world.pool.chunk_chain(1) == chain_of(more)
    assert world.pool.opened_at() == world.chain.block
    with reverts("pool: chunk still open"):
        world.advance(more, world.fresh())


def test_nothing_to_advance(world):
    with reverts("pool: nothing to advance"):
        world.advance([], world.fresh())
    leaves = fill(world, 2)
    world.chain.mine(16)
    world.advance(leaves, world.fresh())
    with reverts("pool: nothing to advance"):
        world.advance(leaves, world.fresh())
    with reverts("pool: nothing to advance"):
        world.advance([], world.fresh())


def test_exactly_the_chunks_leaves_in_order(world):
    leaves = fill(world, 8)
    world.chain.mine(16)
    root = world.fresh()
    for wrong in (leaves[:-1], [*leaves, 0], []):
        with reverts("pool: wrong number of leaves"):
            world.advance(wrong, root)
    swapped = [leaves[1], leaves[0], *leaves[2:]]
    for wrong in (swapped, [*leaves[:-1], 0], [leaves[0] + R, *leaves[1:]]):
        with reverts("pool: other leaves"):
            world.advance(wrong, root, words.advance(world.pool.root(), root, 0, leaves))
    world.advance(leaves, root)


def test_chunks_advance_in_order(world):
    first, second = fill(world, 64), fill(world, 64)
    with reverts("pool: other leaves"):
        world.advance(second, world.fresh())
    old = world.pool.root()
    root = world.fresh()
    world.advance(first, root)
    # A proof from the root before, or for another place, is refused.
    for proven in (words.advance(old, 5, 1, second), words.advance(root, 5, 0, second)):
        with reverts("statement: proof refused"):
            world.advance(second, 5, proven)
    world.advance(second, 5)
    assert world.pool.root() == 5 and world.pool.next_chunk() == 2


def test_a_leaf_appended_in_time_makes_an_older_proof_stale(world):
    leaves = fill(world, 2)
    world.chain.mine(16)
    more = fill(world, 2)
    with reverts("pool: wrong number of leaves"):
        world.advance(leaves, world.fresh())
    world.advance(leaves + more, world.fresh())


@pytest.fixture
def at_the_end_of_a_tree(world):
    """The pool just before the last chunk of tree 0: its two counters set in storage."""
    last = 2**26 - 1
    for name, value in (("next_leaf", last * 64), ("next_chunk", last)):
        slot = storage_slot(world, name)
        world.chain.rpc("anvil_setStorageAt", world.pool.address, slot, "0x" + value.to_bytes(32, "big").hex())
    return world


def storage_slot(world, name: str) -> str:
    """Where the pool keeps a counter: the one slot whose change the view reports."""
    for slot in range(20):
        with world.chain.undone():
            where = "0x" + slot.to_bytes(32, "big").hex()
            world.chain.rpc("anvil_setStorageAt", world.pool.address, where, "0x" + (987654).to_bytes(32, "big").hex())
            found = getattr(world.pool, name)() == 987654
        if found:
            return where
    raise AssertionError(f"no slot of {name}")


def test_a_full_tree_is_followed_by_the_next(at_the_end_of_a_tree):
    world = at_the_end_of_a_tree
    leaves = fill(world, 62)
    t = world.transaction()
    world.transact(t)
    leaves += [t["cm0"], t["cm1"]]
    assert world.pool.next_leaf() == 2**32
    root = world.fresh()
    receipt = world.advance(leaves, root)
    assert world.pool.logs(receipt, "Advanced") == [{"tree": 0, "chunk": 2**26 - 1, "count": 64, "root": root}]
    assert world.pool.is_root(0, root) and world.pool.tree() == 1 and world.pool.root() == EMPTY_NOTES
    receipt = world.transact(world.transaction(root1=root))
    assert world.pool.logs(receipt, "Transacted")[0]["position"] == 2**32
    t = world.pool.logs(receipt, "Appended")[0]["leaves"]
    world.chain.mine(16)
    second = world.fresh()
    receipt = world.advance(list(t), second)
    assert world.pool.logs(receipt, "Advanced") == [{"tree": 1, "chunk": 0, "count": 2, "root": second}]
    assert world.pool.is_root(1, second) and not world.pool.is_root(0, second)
    assert not world.pool.is_root(1, root)
