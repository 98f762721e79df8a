"""The ledger: rebuilt from events, held to the contracts, and on one branch only."""

from copy import copy, deepcopy
from dataclasses import replace

import pytest

from offchain import ledger as ledger_module
from offchain.admission import IssuerFault
from offchain.chain import Chain, ChainError
from offchain.ledger import STATE_BLOCKS, Diverged, Ledger
from offchain.notes import Side, Terms
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


@pytest.fixture
def through(busy):
    """A ledger behind by all of its blocks, and its chain, on which a test can lie."""
    chain = copy(busy.chain)
    return Ledger(chain, depth=0), chain


def forge(event, **args):
    return replace(event, args=event.args | args)


def missing(events):
    """One event of the middle left out."""
    return [event for event in events if event.name != "Appended"]


def altered(events):
    return [forge(e, leaves=[7] * len(e.args["leaves"])) if e.name == "Appended" else e for e in events]


def other_root(events):
    return [forge(e, root=7) if e.name == "LeavesSet" else e for e in events]


@pytest.mark.parametrize(
    ("lie", "said"), [(missing, "does not follow"), (altered, "another root"), (other_root, "credential root")]
)
def test_a_forged_event_diverges_and_changes_nothing(busy, through, lie, said):
    """However often it is asked, until the events are the chain's."""
    ledger, chain = through
    middle = busy.deployment.start_block + 3
    ledger.sync(middle)
    before, honest = deepcopy(public(ledger)), chain.events
    chain.events = lambda *span: lie(honest(*span))
    for _ in range(2):
        with pytest.raises(Diverged, match=said):
            ledger.sync()
        assert (public(ledger), ledger.block) == (before, middle)
    chain.events = honest
    ledger.sync()
    assert public(ledger) == public(fresh(busy))


def test_what_was_interrupted_is_compared_the_next_time(busy, through):
    """A node that fails while it is asked for the roots leaves nothing unchecked."""
    ledger, chain = through
    start, honest, views = ledger.block, chain.events, chain.call

    def fails(*_):
        raise ChainError("no answer")

    chain.events, chain.call = (lambda *span: other_root(honest(*span))), fails
    for _ in range(2):
        with pytest.raises(ChainError, match="no answer"):
            ledger.sync()
        assert ledger.block == start and ledger.next_leaf == 0
    chain.call = views
    with pytest.raises(Diverged, match="credential root"):
        ledger.sync()


def test_an_old_chain_is_read_without_its_old_states(busy, through, monkeypatch):
    """A node that is no archive answers views of its last blocks alone; every state is compared there."""
    ledger, chain = through
    busy.mine(STATE_BLOCKS)
    head, views, asked = busy.chain.head(), chain.call, []

    def pruned(function, block="latest"):
        asked.append(block)
        if block <= head - STATE_BLOCKS:
            raise ChainError("missing trie node")
        return views(function, block)

    chain.call = pruned
    monkeypatch.setattr("offchain.ledger.SPAN", 20)
    ledger.sync()
    assert public(ledger) == public(fresh(busy)) and ledger.block == head and len(asked) == 3
    ledger.sync()
    assert len(asked) == 3      # nothing new, nothing to compare


def test_divergence_in_an_old_batch_is_seen_near_the_head(busy, through, monkeypatch):
    ledger, chain = through
    busy.mine(STATE_BLOCKS)
    honest = chain.events
    chain.events = lambda *span: other_root(honest(*span))
    monkeypatch.setattr("offchain.ledger.SPAN", 20)
    for _ in range(2):
        with pytest.raises(Diverged, match="credential root"):
            ledger.sync()


def test_a_root_that_does_not_fit_stops_commits_alone(busy):
    """Whatever a compromised issuer writes, orders are revealed, settled and reclaimed, and owners leave."""
    ash, credential = busy.wallet("ash"), busy.traders["ash"].credential
    for _ in range(3):
        ash.deposit(busy.asset("USD"), 100_000)
    busy.advance_tree()
    epoch = busy.open_epoch()
    busy.confirm()
    buy, carrier = Terms(Side.BUY, 10, 500), busy.accounts["carrier"]
    kept, left = [ash.commit(0, epoch, buy, credential, carrier=carrier) for _ in range(2)]

    registry = busy.chain.contract("Credentials").functions
    busy.chain.send(busy.accounts["issuer"], registry.set_leaves(3, [99], 7, True))
    busy.confirm()
    assert not ash.ledger.credentials_fit
    with pytest.raises(IssuerFault, match="not that of its leaves"):
        ash.build_commit(0, epoch, buy, credential)
    busy.go_to(busy.market.windows(epoch).reveal)
    ash.reveal(kept, carrier=carrier)
    assert busy.settle(0, epoch).count == 1
    busy.confirm()
    ash.reclaim(left, carrier=carrier)
    busy.advance_tree()
    ash.withdraw(busy.asset("USD"), 1_000, busy.traders["ash"].account.address)

    leaf = busy.issuer.book[3].leaf
    busy.chain.send(busy.accounts["issuer"], registry.set_leaves(3, [leaf], 7, True))   # nor does it now
    busy.confirm()
    [receipt] = busy.issuer.publish()
    busy.confirm()
    assert ash.ledger.credentials_fit and fresh(busy).credentials_fit
    assert not busy.chain.call(registry.accepts(7))


def test_a_reorganisation_between_fall_back_and_reading(busy):
    """The blocks after it are not added to those of the branch that is gone."""
    ledger = fresh(busy)
    snapshot = rpc(busy, "evm_snapshot")
    busy.wallet("ash").deposit(busy.asset("USD"), 111)
    ledger.sync()
    chain = copy(busy.chain)

    def reorganised():
        """The first look at the head, which comes after the fall back."""
        del chain.head
        busy.go_back(snapshot)
        busy.chain = Chain(chain.rpc_url, busy.deployment, CONFIRMATIONS, poll_seconds=0.01)
        busy.mine(8)
        return chain.head()

    chain.head, ledger.chain = reorganised, chain
    assert ledger.sync() == busy.chain.head()
    assert public(ledger) == public(fresh(busy))
    for name, trader in busy.traders.items():
        trader.wallet = busy.restore(name)


def test_a_reorganisation_is_followed(busy):
    """Deposits of one branch vanish with it, and those of the other count."""
    kept = busy.chain.head()
    ledger = fresh(busy)
    snapshot = rpc(busy, "evm_snapshot")
    busy.wallet("ash").deposit(busy.asset("USD"), 111)
    busy.mine(3)
    ledger.sync()
    lost = public(ledger)

    busy.go_back(snapshot)
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


def test_a_ledger_that_lives_long_keeps_few_tips_and_every_event_s(busy, monkeypatch):
    """What it falls back to when nothing but its events are left below, is what it was."""
    monkeypatch.setattr(ledger_module, "TIPS_KEPT", 4)
    ledger = fresh(busy)
    for _ in range(20):
        busy.mine(1)
        ledger.sync()
    eventful = {event.block for event in ledger._events}
    tips = set(ledger._checkpoints) - eventful
    assert len(tips) <= 2 * 4 and eventful <= set(ledger._checkpoints) and ledger.block in ledger._checkpoints
    ledger._checkpoints |= dict.fromkeys(tips, bytes(32))
    ledger.sync()
    assert public(ledger) == public(fresh(busy))
