"""Credentials, the auditor's and treasury's keys, and governance with its delay."""

import pytest

from tests.contracts.chain import reverts
from tests.contracts.groth import R
from tests.contracts.world import DELAY, ZERO

HEIR = "0x" + "ab" * 20


# Credentials


def test_leaves_are_logged_for_whoever_rebuilds_the_tree(world):
    leaves, root = world.fresh_words(64), world.fresh()
    receipt = world.credentials.set_leaves(2**20 - 64, leaves, root, True, sender=world.issuer)
    event = {"index": 2**20 - 64, "leaves": tuple(leaves), "root": root, "additive": True}
    assert world.credentials.logs(receipt, "LeavesSet") == [event]
    assert world.credentials.root() == root


@pytest.mark.parametrize(
    ("index", "leaves", "root", "reason"),
    [
        (0, [], 5, "credentials: index out of range"),
        (2**20, [1], 5, "credentials: index out of range"),
        (2**20 - 1, [1, 2], 5, "credentials: index out of range"),
        (2**256 - 1, [1], 5, "credentials: index out of range"),
        (0, [R], 5, "credentials: leaf not below r"),
        (0, [1, 2**256 - 1], 5, "credentials: leaf not below r"),
        (0, [1], 0, "credentials: root out of range"),
        (0, [1], R, "credentials: root out of range"),
    ],
)
def test_leaves_out_of_range(world, index, leaves, root, reason):
    with reverts(reason):
        world.credentials.call("set_leaves", index, leaves, root, True, sender=world.issuer)


def test_accepted_roots(world):
    credentials = world.credentials
    first, added, changed = credentials.root(), world.fresh(), world.fresh()
    block = credentials.set_leaves(0, [1], added, True, sender=world.issuer).block
    assert credentials.accepts(first) and credentials.accepts(added)
    world.chain.mine(19)
    assert credentials.accepts(first) and world.chain.block == block + 19
    world.chain.mine()
    assert not credentials.accepts(first) and credentials.accepts(added)
    credentials.set_leaves(0, [2], changed, False, sender=world.issuer)
    assert [credentials.accepts(root) for root in (first, added, changed, 0)] == [False, False, True, False]


def test_a_revocation_ends_the_grace_of_roots_before_it(world):
    credentials = world.credentials
    first, added, revoked = credentials.root(), world.fresh(), world.fresh()
    credentials.set_leaves(0, [1], added, True, sender=world.issuer)
    credentials.set_leaves(0, [0], revoked, False, sender=world.issuer)
    assert not credentials.accepts(first) and not credentials.accepts(added)
    credentials.set_leaves(1, [1], world.fresh(), True, sender=world.issuer)
    assert credentials.accepts(revoked) and not credentials.accepts(added)


def test_only_the_issuer_keeps_the_registry(world):
    for call in (("set_leaves", 0, [1], 5, True), ("admit_wallet", HEIR), ("drop_wallet", world.traders[0])):
        for sender in (world.stranger, world.admin, world.governor.address):
            with reverts("credentials: not the issuer"):
                world.credentials.call(*call, sender=sender)


def test_wallets(world):
    credentials, wallet = world.credentials, world.stranger
    assert not credentials.is_wallet(wallet) and not credentials.may_withdraw(wallet)
    with reverts("credentials: not a wallet"):
        credentials.drop_wallet(wallet, sender=world.issuer)
    with reverts("credentials: not a wallet"):
        credentials.name_successor(HEIR, sender=wallet)
    with reverts("credentials: zero address"):
        credentials.admit_wallet(ZERO, sender=world.issuer)
    credentials.admit_wallet(wallet, sender=world.issuer)
    assert credentials.is_wallet(wallet) and credentials.may_withdraw(wallet)
    credentials.drop_wallet(wallet, sender=world.issuer)
    assert not credentials.is_wallet(wallet) and credentials.may_withdraw(wallet)


def test_successors_are_counted(world):
    """Two wallets may name one heir, who stays until the last of them changes its mind."""
    credentials = world.credentials
    for trader in world.traders[:2]:
        credentials.name_successor(HEIR, sender=trader)
        credentials.name_successor(HEIR, sender=trader)
    assert credentials.may_withdraw(HEIR) and not credentials.is_wallet(HEIR)
    credentials.name_successor(ZERO, sender=world.traders[0])
    assert credentials.may_withdraw(HEIR)
    credentials.name_successor(world.stranger, sender=world.traders[1])
    assert not credentials.may_withdraw(HEIR) and credentials.may_withdraw(world.stranger)
    with reverts("credentials: not a wallet"):
        credentials.name_successor(HEIR, sender=world.stranger)
    assert not credentials.may_withdraw(ZERO)


def test_issuer_is_replaced_by_governance(world):
    with reverts("credentials: not governance"):
        world.credentials.call("set_issuer", HEIR, sender=world.admin)
    with reverts("credentials: zero address"):
        world.credentials.call("set_issuer", ZERO, sender=world.governor.address)
    world.govern(world.credentials, "set_issuer", world.stranger)
    with reverts("credentials: not the issuer"):
        world.credentials.admit_wallet(HEIR, sender=world.issuer)
    world.credentials.admit_wallet(HEIR, sender=world.stranger)


# Keys


def setters(world, account, spot):
    possession = world.possession(account, spot)
    yield "set_auditor", account, *spot, *possession
    yield "set_treasury", account, 9, *spot, *possession


def test_keys_are_versioned(world):
    account, spot = world.stranger, world.point()
    for call in setters(world, account, spot):
        world.govern(world.keys, *call)
    assert world.keys.versions() == (2, 2)
    assert world.keys.auditor(2) == (account.lower(), *spot)
    assert world.keys.treasury(2) == (account.lower(), 9, *spot)
    assert world.keys.auditor(1) == (world.auditor.lower(), *world.auditor_key)
    assert world.keys.treasury(1) == (world.treasury.lower(), world.treasury_owner, *world.treasury_key)
    assert world.keys.treasury_account() == account.lower()
    assert world.keys.points(1, 2) == (*world.auditor_key, *spot, 9)
    assert world.keys.points(0, 1) == (0, 0, *world.treasury_key, world.treasury_owner)
    assert world.keys.auditor(3) == (ZERO, 0, 0) and world.keys.treasury(0) == (ZERO, 0, 0, 0)


def test_bad_keys(world):
    governor, account = world.governor.address, world.stranger
    x, y = world.point()
    for bad in ([x, y + 1], [0, 0], [x + R, y], [x, y + R], [y, x]):
        for call in setters_unproven(account, bad):
            with reverts("keys: not a curve point"):
                world.keys.call(*call, sender=governor)
    for call in setters(world, account, [x, y]):
        name, _, *rest = call
        with reverts("statement: proof refused"):
            world.keys.call(name, world.auditor, *rest, sender=governor)  # a proof for another account
        with reverts("keys: zero address"):
            world.keys.call(name, ZERO, *rest, sender=governor)
        with reverts("keys: not governance"):
            world.keys.call(*call, sender=world.admin)
        world.keys.call(*call, sender=governor)
    for owner in (0, R):
        with reverts("keys: owner out of range"):
            world.keys.call("set_treasury", account, owner, x, y, [1] * 8, 1, sender=governor)


def setters_unproven(account, spot):
    yield "set_auditor", account, *spot, [1] * 8, 1
    yield "set_treasury", account, 9, *spot, [1] * 8, 1


# Governance


@pytest.fixture
def proposal(world):
    """Of a pause, just made."""
    data = bytes.fromhex(world.pool.encode("pause")[2:])
    id_ = world.governor.proposal_count()
    receipt = world.governor.propose(world.pool.address, data)
    return id_, receipt.block + DELAY


def test_a_proposal_waits(world, proposal):
    id_, ready = proposal
    assert world.governor.proposals(id_)[2] == ready
    for _ in range(DELAY - 1):
        with reverts("governor: too early"):
            world.governor.execute(id_)
    assert not world.pool.paused()
    assert world.governor.execute(id_).block == ready
    assert world.pool.paused()
    with reverts("governor: not pending"):
        world.governor.execute(id_)


def test_a_cancelled_proposal_is_gone(world, proposal):
    id_, _ = proposal
    world.governor.cancel(id_)
    world.chain.mine(DELAY)
    for name in ("execute", "cancel"):
        with reverts("governor: not pending"):
            getattr(world.governor, name)(id_)
    with reverts("governor: not pending"):
        world.governor.execute(id_ + 1)


def test_only_the_admin_governs(world, proposal):
    id_, _ = proposal
    for call in (("propose", world.pool.address, b""), ("execute", id_), ("cancel", id_)):
        with reverts("governor: not the admin"):
            world.governor.call(*call, sender=world.stranger)
    with reverts("governor: target has no code"):
        world.governor.propose(world.stranger, b"")


def test_a_call_that_fails_can_be_tried_again(world):
    id_ = world.governor.proposal_count()
    world.governor.propose(world.credentials.address, bytes.fromhex(world.credentials.encode("set_issuer", ZERO)[2:]))
    world.chain.mine(DELAY)
    with reverts("credentials: zero address"):
        world.governor.execute(id_)
    assert world.governor.proposals(id_)[2] > 0


def test_admin_changes_in_two_steps_after_the_delay(world):
    governor = world.governor
    for sender in (world.admin, world.stranger):
        with reverts("governor: only by proposal"):
            governor.call("set_admin", world.stranger, sender=sender)
        with reverts("governor: not the pending admin"):
            governor.call("accept_admin", sender=sender)
    world.govern(governor, "set_admin", world.stranger)
    assert governor.admin() == world.admin.lower()
    with reverts("governor: not the pending admin"):
        governor.accept_admin(sender=world.admin)
    governor.accept_admin(sender=world.stranger)
    assert governor.admin() == world.stranger.lower() and governor.pending_admin() == ZERO
    with reverts("governor: not the admin"):
        governor.propose(world.pool.address, b"", sender=world.admin)


def test_delay_is_at_least_a_block(world):
    for delay in (0, 2**32):
        with reverts("governor: delay out of range"):
            world.chain.deploy("Governor", world.admin, delay)
