"""Deposits, transfers, withdrawals, nullifiers and the pause."""

import pytest
from tests.contracts import words
from tests.contracts.chain import reverts
from tests.contracts.groth import R
from tests.contracts.world import EMPTY_NOTES, ZERO


def test_deposit_moves_exactly_its_amount(world):
    trader = world.traders[0]
    held = world.base.balanceOf(trader)
    receipt = world.deposit(12345)
    assert world.base.balanceOf(trader) == held - 12345
    assert world.base.balanceOf(world.pool.address) == world.pool.total(world.base.address) == 12345
    (event,) = world.pool.logs(receipt, "Transacted")
    assert event["deposit"] == 12345 and event["memo1"] == tuple(range(11, 19)) and event["position"] == 0
    (spent,), (appended,) = world.pool.logs(receipt, "Spent"), world.pool.logs(receipt, "Appended")
    assert len(spent["nullifiers"]) == len(appended["leaves"]) == 2


def test_deposit_only_by_the_wallet_in_its_statement(world):
    """A deposit copied from the mempool pays from nobody else's account (models, mistake 14)."""
    t = world.transaction(asset=world.base.address, deposit=7, account=world.traders[0])
    with reverts("pool: not the depositor"):
        world.transact(t, world.traders[1])
    with reverts("statement: proof refused"):
        proven = words.transact(t, list(range(1, 9)), list(range(11, 19)))
        world.transact(t | {"account": world.traders[1]}, world.traders[1], proven)
    with reverts("pool: wallet not admitted"):
        world.transact(t | {"account": world.stranger}, world.stranger)
    world.credentials.drop_wallet(world.traders[0], sender=world.issuer)
    with reverts("pool: wallet not admitted"):
        world.transact(t, world.traders[0])


def test_fee_on_transfer_token_is_refused(world):
    token, trader = world.chain.deploy("FeeToken"), world.traders[0]
    token.mint(trader, 10**6)
    token.approve(world.pool.address, 10**6, sender=trader)
    with reverts("pool: inexact transfer"):
        world.deposit(10**5, token)
    # Too small to be charged: exact, hence fine.
    world.deposit(99, token)


def test_deposits_stop_below_2_to_the_127(world):
    trader = world.traders[0]
    world.base.mint(trader, 2**128)
    for amount in (2**127, 2**128, R - 1):
        with reverts("pool: asset cap"):
            world.deposit(amount)
    world.deposit(2**127 - 2)
    with reverts("pool: asset cap"):
        world.deposit(2)
    world.deposit(1)
    assert world.pool.total(world.base.address) == 2**127 - 1
    world.deposit(1, world.quote)  # the cap is an asset's own


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"deposit": 1, "withdrawal": 1, "account": "trader", "asset": "base"}, "pool: deposit and withdrawal"),
        ({"deposit": 1, "asset": "base"}, "pool: account without amount"),
        ({"account": "trader"}, "pool: account without amount"),
        ({"fee": 1, "asset": "base"}, "pool: carrier without fee"),
        ({"carrier": "trader"}, "pool: carrier without fee"),
        ({"deposit": 1, "account": "trader"}, "pool: asset without amount"),
        ({"fee": 1, "carrier": "trader"}, "pool: asset without amount"),
        ({"asset": "base"}, "pool: asset without amount"),
    ],
)
def test_public_parts_come_whole_or_not_at_all(world, changes, reason):
    names = {"trader": world.traders[0], "base": world.base.address}
    t = world.transaction(**{k: names.get(v, v) for k, v in changes.items()})
    with reverts(reason):
        world.transact(t, world.traders[0])


def test_withdrawals_go_to_wallets_ever_admitted_and_their_successors(world):
    """P8: losing the admission stops deposits, not exits."""
    world.deposit(1000)
    old, heir = world.traders[1], world.chain.accounts[20]

    def withdraw(account):
        return world.transact(world.transaction(asset=world.base.address, withdrawal=10, account=account))

    with reverts("pool: recipient not admitted"):
        withdraw(heir)
    world.credentials.drop_wallet(old, sender=world.issuer)
    held = world.base.balanceOf(old)
    withdraw(old)
    assert world.base.balanceOf(old) == held + 10
    world.credentials.name_successor(heir, sender=old)
    withdraw(heir)
    assert world.base.balanceOf(heir) == 10
    world.credentials.name_successor(world.chain.accounts[21], sender=old)
    with reverts("pool: recipient not admitted"):
        withdraw(heir)
    assert world.pool.total(world.base.address) == world.base.balanceOf(world.pool.address) == 980


def test_recipient_and_fee_cannot_be_changed_in_flight(world):
    world.deposit(1000)
    t = world.transaction(
        asset=world.base.address, withdrawal=10, account=world.traders[0], fee=3, carrier=world.traders[2]
    )
    proven = words.transact(t, list(range(1, 9)), list(range(11, 19)))
    other = world.traders[1]
    for change in ({"account": other}, {"carrier": other}, {"fee": 4}, {"withdrawal": 11}, {"asset": world.quote.address}):
        with reverts("statement: proof refused"):
            world.transact(t | change, proven=proven)
    held = world.base.balanceOf(world.traders[2])
    world.transact(t)
    assert world.base.balanceOf(world.traders[2]) == held + 3
    assert world.pool.total(world.base.address) == 987


def test_fee_of_a_private_transfer(world):
    world.deposit(1000)
    held = world.base.balanceOf(world.traders[2])
    world.transact(world.transaction(asset=world.base.address, fee=7, carrier=world.traders[2]))
    assert world.base.balanceOf(world.traders[2]) == held + 7


def test_a_fee_leaves_to_no_wallet_that_a_withdrawal_could_not(world):
    world.deposit(1000)
    with reverts("pool: carrier not admitted"):
        world.transact(world.transaction(asset=world.base.address, fee=1000, carrier=world.stranger))
    world.credentials.drop_wallet(world.traders[2], sender=world.issuer)
    world.transact(world.transaction(asset=world.base.address, fee=1000, carrier=world.traders[2]))


def test_more_than_the_pool_holds_cannot_leave(world):
    world.deposit(1000)
    for changes in ({"withdrawal": 1001, "account": world.traders[0]}, {"fee": 1001, "carrier": world.traders[2]}):
        with reverts(""):
            world.transact(world.transaction(asset=world.base.address, **changes))


def test_no_nullifier_twice(world):
    """P11."""
    t = world.transaction()
    world.transact(t)
    for changes in ({"nf0": t["nf0"]}, {"nf1": t["nf0"]}, {"nf0": t["nf1"]}, {"nf1": t["nf1"]}):
        with reverts("pool: note spent"):
            world.transact(world.transaction(**changes))
    twin = world.fresh()
    with reverts("pool: note spent"):
        world.transact(world.transaction(nf0=twin, nf1=twin))
    world.chain.before(world.windows(0)["open"])
    with reverts("pool: note spent"):
        world.commit(world.order(0, nf1=t["nf0"]))
    assert world.pool.nullified(t["nf0"]) and not world.pool.nullified(twin)


def test_roots_are_known_by_tree(world):
    for changes in ({"root0": world.fresh()}, {"root1": 0}, {"tree0": 1}, {"tree1": 2**32}):
        with reverts("pool: unknown root"):
            world.transact(world.transaction(**changes))
    assert world.pool.is_root(0, EMPTY_NOTES) and not world.pool.is_root(1, EMPTY_NOTES)


def test_only_the_market_spends_and_appends(world):
    for sender in (world.stranger, world.admin, world.governor.address):
        with reverts("pool: not the market"):
            world.pool.call("spend", 0, EMPTY_NOTES, 0, EMPTY_NOTES, 1, 2, sender=sender)
        with reverts("pool: not the market"):
            world.pool.call("append", [1], sender=sender)


def test_pause_stops_deposits_and_commits_and_nothing_else(world):
    """P8: no exit can be paused."""
    trader = world.traders[0]
    world.deposit(1000)
    orders = world.committed(0, 3)
    world.pool.pause(sender=world.guardian)
    assert world.pool.paused()
    with reverts("pool: paused"):
        world.deposit(1)
    with reverts("pool: paused"):
        world.commit(world.order(0))
    world.transact(world.transaction())
    world.transact(world.transaction(asset=world.base.address, withdrawal=10, account=trader))
    world.reclaim(orders[2], forfeit=0)
    w = world.windows(0)
    world.chain.before(w["reveal_from"])
    world.reveal(orders[0])
    world.chain.before(w["settle_from"])
    s, slots, memo = world.settlement(0, orders[:1])
    world.settle(s, slots, memo)
    world.reclaim(orders[1], forfeit=1)
    world.chain.mine(20)
    world.print(0, s["print_commitment"], 0, 0)
    world.advance(world.leaves(), world.fresh())
    assert world.pool.next_chunk() == 1


def test_who_pauses(world):
    with reverts("pool: not the guardian"):
        world.pool.pause(sender=world.stranger)
    world.pool.pause(sender=world.guardian)
    for sender in (world.guardian, world.admin, world.stranger):
        with reverts("pool: not governance"):
            world.pool.unpause(sender=sender)
    world.govern(world.pool, "unpause")
    world.deposit(1)
    receipt = world.govern(world.pool, "pause")
    assert world.pool.logs(receipt, "Paused") == [{"by": world.governor.address.lower(), "paused": True}]


@pytest.fixture
def silent(world):
    """A token that returns nothing and re-enters when told to; 1000 of it are deposited."""
    token = world.chain.deploy("SilentToken")
    token.mint(world.traders[0], 10**6)
    world.deposit(1000, token)
    return token


def test_tokens_that_return_nothing_are_fine(world, silent):
    world.transact(world.transaction(asset=silent.address, withdrawal=400, account=world.traders[1]))
    assert silent.balanceOf(world.traders[1]) == 400 and silent.balanceOf(world.pool.address) == 600


@pytest.mark.parametrize("moment", ["deposit", "withdrawal"])
def test_a_token_cannot_reenter(world, silent, moment):
    trader = world.traders[0]
    memos = [world.fresh_words(8), world.fresh_words(8)]
    inner = world.transaction(asset=silent.address, withdrawal=500, account=trader)
    call = world.pool.encode(
        "transact", *world.prove("transact", words.transact(inner, *memos)), tuple(inner.values()), *memos
    )
    silent.call_next(world.pool.address, bytes.fromhex(call[2:]))
    outer = world.transaction(asset=silent.address, account=trader, **{moment: 100})
    world.transact(outer, trader)
    assert silent.called() and not silent.succeeded()
    assert silent.balanceOf(world.pool.address) == world.pool.total(silent.address)
    assert not world.pool.nullified(inner["nf0"])
    # The same call is fine by itself: it was the lock that stopped it.
    world.chain.send(world.stranger, call, world.pool.address)
    assert world.pool.nullified(inner["nf0"])


def test_a_token_cannot_commit_in_the_middle_of_a_transfer(world, silent):
    world.chain.before(world.windows(0)["open"])
    world.commit(world.order(0))
    order = world.order(0)
    proof, digest = world.prove("commit", words.commit(order.c, world.terms, order.memo))
    call = world.market.encode("commit", proof, digest, tuple(order.c.values()), order.memo)
    silent.call_next(world.market.address, bytes.fromhex(call[2:]))
    world.deposit(100, silent)
    assert silent.called() and not silent.succeeded()
    assert world.epoch(0)["live"] == 1
    world.chain.send(world.stranger, call, world.market.address)
    assert world.epoch(0)["live"] == 2


def test_pool_and_market_are_bound_to_each_other(world):
    stranger_pool = world.chain.deploy(
        "Pool", world.stranger, world.credentials.address, world.verifiers["transact"].address,
        world.verifiers["advance"].address, world.governor.address, ZERO,
    )  # fmt: skip
    verifier = world.verifiers["commit"].address
    with reverts("market: pool bound elsewhere"):
        world.chain.deploy(
            "Market", stranger_pool.address, world.relayers.address, world.keys.address,
            world.credentials.address, verifier, verifier, verifier, [verifier], [8], world.governor.address,
        )  # fmt: skip
