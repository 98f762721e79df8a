"""The ledger: rebuilt from events, held to the contracts, and on one branch only."""

import pytest

from offchain.chain import Chain
from offchain.ledger import Diverged, Ledger
from tests.world import APPEND_DELAY, CONFIRMATIONS, advance


def rpc(world, method, *args):
    return world.chain.web3.provider.make_request(method, list(args))["result"]


def public(ledger):
    """Everything that two ledgers at the same block must agree on."""
    return (
        ledger.leaves, ledger.next_leaf, ledger.next_chunk, ledger.spent, ledger.memos, ledger.markets,
        ledger.epochs, ledger.orders, ledger.auditors, ledger.treasuries, ledger.reveal_keys,
        [tree.root for tree in ledger.trees], ledger.credentials.root,
    )  # fmt: skip


def fresh(world, depth=0):
    ledger = Ledger(world.chain, depth)
    ledger.sync()
    return ledger


@pytest.fixture(scope="module")
def busy(world):
    """Some history: two deposits, one chunk advanced, one leaf pair still open."""
    world.fund("ash", USD=1_000)
    world.wallet("birch").deposit(world.asset("BTC"), 2_000)
    return world


def test_it_stays_as_deep_as_told(busy):
    ledger = fresh(busy, depth=CONFIRMATIONS)
    assert ledger.block == busy.chain.head() - CONFIRMATIONS


def test_stepwise_and_at_once_are_the_same(busy):
    stepwise = Ledger(busy.chain, depth=0)
    for block in range(busy.deployment.start_block, busy.chain.head() + 1, 7):
        stepwise.sync(block)
    stepwise.sync()
    assert public(stepwise) == public(fresh(busy)) and stepwise.block == busy.chain.head()


def test_it_knows_what_the_contracts_know(busy):
    ledger, pool = fresh(busy), busy.chain.contract("Pool").functions
    assert ledger.next_leaf == busy.chain.call(pool.next_leaf())
    assert ledger.next_chunk == busy.chain.call(pool.next_chunk()) > 0
    assert all(busy.chain.call(pool.nullified(nullifier)) for nullifier in ledger.spent)
    assert ledger.markets[0] == busy.market
    assert ledger.relayer_owners == {busy.accounts["relayer"].address: busy.relayer_notes.owner}


def test_a_forged_event_diverges(busy):
    ledger = fresh(busy)
    forged = Ledger(busy.chain, depth=0)
    events = busy.chain.events(busy.deployment.start_block, busy.chain.head())
    appended = next(event for event in events if event.name == "Appended")
    appended.args["leaves"] = [7] * len(appended.args["leaves"])
    with pytest.raises(Diverged, match="another root"):
        for event in events:
            forged.apply(event)
    ledger.credentials.set(0, 7)
    with pytest.raises(Diverged, match="credential root"):
        ledger._compare()
    ledger._checkpoints[ledger.block] = bytes(32)   # as if another branch had answered
    ledger._compare()
    ledger.sync()
    assert public(ledger) == public(fresh(busy))


def test_a_reorganisation_is_followed(busy):
    """Deposits of one branch vanish with it, and those of the other count."""
    kept = busy.chain.head()
    ledger = fresh(busy)
    snapshot = rpc(busy, "evm_snapshot")
    busy.wallet("ash").deposit(busy.asset("USD"), 111)
    busy.mine(3)
    ledger.sync()
    lost = public(ledger)

    assert rpc(busy, "evm_revert", snapshot)
    busy.chain = Chain(busy.chain.rpc_url, busy.deployment, CONFIRMATIONS, poll_seconds=0.01)
    ledger.chain = busy.chain
    assert ledger.sync() == busy.chain.head() == kept
    assert public(ledger) == public(fresh(busy)) != lost

    busy.mine(1)
    wallet = busy.restore("cedar")
    wallet.deposit(busy.asset("USD"), 222)
    busy.mine(APPEND_DELAY)
    ledger.sync()
    advance(busy.chain, ledger, busy.accounts["carrier"])
    busy.mine(CONFIRMATIONS)
    ledger.sync()
    assert public(ledger) == public(fresh(busy))
    assert wallet.balances() == {busy.asset("USD"): 222}


def test_a_reorganisation_deeper_than_the_first_event(busy):
    """A checkpoint that is gone in every place means a rebuild from nothing."""
    ledger = fresh(busy)
    ledger._checkpoints = {block: bytes(32) for block in ledger._checkpoints}
    ledger.sync()
    assert public(ledger) == public(fresh(busy))
