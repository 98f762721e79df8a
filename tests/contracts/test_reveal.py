"""Reveals: window, signature, record, chain. Nobody but its owner reveals an order (P9)."""

import pytest
from eth_account import Account

from offchain.babyjubjub import torsion
from tests.contracts.chain import reverts
from tests.contracts.groth import R
from tests.contracts.words import chained
from tests.contracts.world import Order, World

NOT_ITS_KEY = "market: not this order's key"


@pytest.fixture
def orders(world) -> list[Order]:
    """Three orders of epoch 0, its reveal window about to open."""
    orders = world.committed(0, 3)
    world.chain.before(world.windows(0)["reveal_from"])
    return orders


def test_window_is_half_open(world):
    orders = world.committed(0, 4)
    w = world.windows(0)
    world.chain.before(w["reveal_from"] - 1)
    with reverts("market: window closed"):
        world.reveal(orders[0])
    assert world.reveal(orders[0]).block == w["reveal_from"]
    world.chain.before(w["settle_from"] - 1)
    assert world.reveal(orders[1]).block == w["settle_from"] - 1
    with reverts("market: window closed"):
        world.reveal(orders[2])
    with reverts("market: window closed"):
        world.reveal(orders[3])


def test_reveals_are_recorded_and_chained(world, orders):
    link = world.epoch(0)["commit_chain"]
    for slot, order in enumerate((orders[1], orders[0])):
        receipt = world.reveal(order)
        link = chained(link, order["oc"], *order.point, *order.ciphertext)
        expected = {name: order[name] for name in ("market", "epoch", "quota_nullifier", "oc")}
        expected |= {"slot": slot, "point": tuple(order.point), "ciphertext": tuple(order.ciphertext)}
        assert world.market.logs(receipt, "Revealed") == [expected]
        record = chained(order["oc"], order["rk"], 0, 0, slot + 1)
        assert world.market.order_record(order["quota_nullifier"]) == record
    e = world.epoch(0)
    assert e["reveal_chain"] == link and e["reveals"] == 2 and e["live"] == 3


def test_an_order_reveals_once(world, orders):
    world.reveal(orders[0])
    with reverts(NOT_ITS_KEY):
        world.reveal(orders[0])
    world.seal(orders[0])
    with reverts(NOT_ITS_KEY):
        world.reveal(orders[0])


def test_signature_binds_everything(world: World, orders):
    order = world.seal(orders[0])
    others = {
        "chain_id": world.chain.id + 1, "pool": world.market.address, "market": 1, "epoch": 1,
        "oc": orders[1]["oc"], "frozen": b"\1" * 32, "leader": world.stranger, "version": 2, "point": world.point(),
        "ciphertext": [*order.ciphertext[:3], order.ciphertext[3] + 1],
    }  # fmt: skip
    for name, value in others.items():
        with reverts(NOT_ITS_KEY):
            world.reveal(order, world.sign(order, **{name: value}))
    world.reveal(order, world.sign(order))


def test_a_signature_by_another_key(world, orders):
    order = world.seal(orders[0])
    forger = Order(order.c, order.memo, Account.from_key(b"\7" * 32), order.point, order.ciphertext)
    with reverts(NOT_ITS_KEY):
        world.reveal(order, world.sign(forger))
    v, r, s = world.sign(order)
    for broken in ((0, r, s), (29, r, s), (v, 0, s), (v, r, 0), (v, r, 2**256 - 1)):
        with reverts("market: no signature"):
            world.reveal(order, broken)
    with reverts(NOT_ITS_KEY):
        world.reveal(order, (55 - v, r, s))


def test_another_orders_ciphertext_cannot_be_copied_into_ones_reveal_unsigned(world, orders):
    victim, thief = world.seal(orders[0]), world.seal(orders[1])
    signature = world.sign(victim)
    thief.point, thief.ciphertext = victim.point, victim.ciphertext
    with reverts(NOT_ITS_KEY):
        world.reveal(thief, signature)
    # Signed by its own key it is accepted, as a reveal that will not open: the circuit's matter.
    world.reveal(thief)


def test_a_reveal_belongs_to_its_orders_epoch_and_market(world, orders):
    order = world.seal(orders[0])
    moved = Order(order.c | {"epoch": 1}, order.memo, order.signer, order.point, order.ciphertext)
    with reverts("market: window closed"):
        world.reveal(moved, world.sign(order))
    moved = Order(order.c | {"quota_nullifier": orders[1]["quota_nullifier"]}, order.memo, order.signer)
    moved.point, moved.ciphertext = order.point, order.ciphertext
    with reverts(NOT_ITS_KEY):
        world.reveal(moved, world.sign(moved))


def test_a_signature_for_another_set_is_void(world):
    """A reveal signed before someone cancels does not fit the set that was frozen."""
    orders = world.committed(0, 3)
    signature = world.sign(world.seal(orders[0]))
    world.reclaim(orders[1], forfeit=0)
    world.chain.before(world.windows(0)["reveal_from"])
    with reverts(NOT_ITS_KEY):
        world.reveal(orders[0], signature)
    world.reveal(orders[0])


def test_a_cancelled_order_does_not_reveal(world):
    orders = world.committed(0, 2)
    world.reclaim(orders[0], forfeit=0)
    world.chain.before(world.windows(0)["reveal_from"])
    with reverts(NOT_ITS_KEY):
        world.reveal(orders[0])


def test_an_order_never_committed_does_not_reveal(world, orders):
    with reverts(NOT_ITS_KEY):
        world.reveal(world.order(0))
    with reverts("market: window closed"):
        world.reveal(world.order(5))


def test_points_off_the_curve_and_words_not_below_r(world, orders):
    order = world.seal(orders[0])
    x, y = order.point
    for point in ([x, (y + 1) % R], [y, x], [0, 0], [x + R, y], [x, y + R], [1, 1]):
        order.point = point
        with reverts("market: not a curve point"):
            world.reveal(order)
    order.point = [x, y]
    for place in range(4):
        ciphertext = list(order.ciphertext)
        ciphertext[place] += R
        spelled = Order(order.c, order.memo, order.signer, order.point, ciphertext)
        with reverts("statement: word not below r"):
            world.reveal(spelled)


def test_points_of_small_order_are_points(world, orders):
    """The identity and torsion make at worst an invalid reveal (§3), so they are no reason to refuse."""
    for order, point in zip(orders, ((0, 1), (0, R - 1), torsion(8)), strict=True):
        order.point, order.ciphertext = [int(c) for c in point], world.fresh_words(4)
        world.reveal(order)
    assert world.epoch(0)["reveals"] == 3


def test_no_reveal_in_an_epoch_without_commits(world):
    w = world.windows(0)
    order = world.seal(world.order(0))
    world.chain.before(w["reveal_from"])
    with reverts("market: epoch has no commits"):
        world.reveal(order)
