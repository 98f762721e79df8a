"""The relayer's service against the contracts, with real proofs: P4, P10 and P12 as it lives them."""

import secrets
import stat
from copy import copy
from dataclasses import replace
from types import SimpleNamespace

import pytest

from offchain import circuits
from offchain.chain import Reverted
from offchain.field import R
from offchain.ledger import Ledger
from offchain.notes import Side, Terms
from offchain.records import EpochState
from offchain.wallet import Fate
from relayer.leader import ChainMoved, Leader, LeaderError, NoKey, NotLeader, WindowClosed
from scripts.deploy import STAKE_UNIT
from tests.world import CONFIRMATIONS, account, anvil, build_world

BOND = 1_000 * STAKE_UNIT
PASSWORD = "only of this test"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with anvil() as url:
        built = build_world(url, tmp_path_factory.mktemp("world"))
        built.fund("ash", USD=10**12)
        built.fund("birch", BTC=10**10)
        built.fund("cedar", BTC=10**10)
        yield built


@pytest.fixture(scope="module")
def leaders(world, tmp_path_factory):
    """The world's relayer with a key of its own store, and a second one, by address."""
    folder = tmp_path_factory.mktemp("relayers")

    def leader(role, notes):
        who = world.accounts[role]
        return Leader(world.chain, Ledger(world.chain), who, notes, folder / role, PASSWORD)

    first = leader("relayer", world.relayer_notes)
    second = leader("stranger", world.traders["dogwood"].key)
    mint = world.chain.contract("StakeToken").functions.mint(second.account.address, BOND)
    world.chain.send(world.accounts["deployer"], mint)
    second.register()
    assert [receipt.name for receipt in second.bond(BOND)] == ["approve", "bond"]
    for one in (first, second):
        assert one.register_key().proof_seconds > 0
    world.mine(10)
    return {one.account.address: one for one in (first, second)}


def commit(world, *orders):
    """The next epoch with these (trader, side, lots, price): (epoch, [(wallet, order)])."""
    epoch = world.open_epoch()
    placed = []
    for name, *terms in orders:
        wallet, credential = world.wallet(name), world.traders[name].credential
        placed.append((wallet, wallet.commit(0, epoch, Terms(*terms), credential, carrier=world.accounts["carrier"])))
    world.advance_tree()
    world.go_to(world.market.windows(epoch).reveal + CONFIRMATIONS)
    return epoch, placed


def reveal(world, wallet, order, words=None):
    world.send("carrier", wallet.build_reveal(order, words))


def trade(world, *orders):
    """As `commit`, and revealed."""
    epoch, placed = commit(world, *orders)
    for wallet, order in placed:
        reveal(world, wallet, order)
    return epoch, placed


BUY, SELL = ("ash", Side.BUY, 300, 505), ("birch", Side.SELL, 200, 495)


@pytest.fixture(scope="module")
def traded(world, leaders):
    """An epoch in its reveal window: a buy, a sell that crosses it, and an invalid reveal."""
    epoch, placed = commit(world, BUY, SELL, ("cedar", Side.SELL, 50, 490))
    for wallet, order in placed[:2]:
        reveal(world, wallet, order)
    reveal(world, *placed[2], tuple(secrets.randbelow(R) for _ in range(4)))
    return epoch, placed


@pytest.fixture(scope="module")
def leader(world, leaders, traded):
    return leaders[world.ledger.epochs[0, traded[0]].leader]


@pytest.fixture(scope="module")
def other(leaders, leader):
    return next(one for one in leaders.values() if one is not leader)


@pytest.fixture(scope="module")
def settled(world, leader, other, traded):
    """The report of the settlement, after what must be refused was."""
    epoch, _ = traded
    assert leader.due() == []
    with pytest.raises(WindowClosed, match="reveals for epoch"):
        leader.settle(0, epoch)
    world.go_to(world.market.windows(epoch).settle + CONFIRMATIONS)
    assert leader.due() == [(0, epoch)] and other.due() == []
    with pytest.raises(NotLeader, match=leader.account.address):
        other.settle(0, epoch)
    with pytest.raises(ChainMoved, match="no settlement"):
        leader.print(0, epoch)
    return leader.settle(0, epoch)


def test_one_proof_settles_the_epoch(world, leader, traded, settled):
    epoch, placed = traded
    assert (settled.count, settled.invalid, settled.size) == (3, 1, 8)
    assert (settled.price, settled.volume) == (505, 200)
    assert leader.due() == []   # before the ledger has reached the settlement
    world.confirm()
    assert leader.due() == [] and leader.releasable() == []
    record = world.chain.call(world.chain.contract("Market").functions.epochs(0, epoch))
    assert (record.invalid_mask, record.reveals) == (0b100, 3)
    found = [next(s for s in wallet.orders() if s.placed.quota_nullifier == order.quota_nullifier)
             for wallet, order in placed]  # fmt: skip
    assert [(status.fate, status.fill) for status in found[:2]] == [(Fate.FILLED, 200)] * 2
    assert found[2].fate == Fate.INVALID


def test_an_epoch_is_settled_once(leader, traded, settled):
    with pytest.raises(WindowClosed, match="was settled"):
        leader.settle(0, traded[0])


def test_the_report_hides_what_the_print_will_tell(settled):
    assert str(settled.print_salt) not in repr(settled) and "price" not in repr(settled)


def test_the_print_waits_for_the_deferral_and_a_key_for_the_print(world, leader, other, traded, settled):
    epoch, _ = traded
    world.confirm()
    version = world.ledger.epochs[0, epoch].reveal_version
    for one in (leader, other):
        one.register_key()
    world.go_to(world.market.windows(epoch + 2).open + CONFIRMATIONS)
    late = world.ledger.epochs[0, epoch].settlement.block + world.market.deferral
    assert world.chain.head() >= late
    # The other led nothing with its first key, which a newer one follows.
    assert other.erase_final_keys() == [version_of(world, other) - 1]
    assert leader.erase_final_keys() == []
    leader.print(0, epoch)
    world.confirm()
    assert world.ledger.epochs[0, epoch].printed == (settled.price, settled.volume)
    with pytest.raises(Reverted, match="already printed"):
        leader.print(0, epoch)
    assert leader.erase_final_keys() == [version]
    assert leader.erase_final_keys() == []


def version_of(world, relayer):
    return world.chain.call(world.chain.contract("Relayers").functions.key_version(relayer.account.address))


def test_an_early_print_is_refused(world, leaders):
    epoch, _ = trade(world, BUY, SELL)
    windows, leader = world.market.windows(epoch), leaders[world.ledger.epochs[0, epoch].leader]
    world.go_to(windows.settle + CONFIRMATIONS)
    leader.settle(0, epoch)
    world.confirm()
    with pytest.raises(WindowClosed, match="deferred until"):
        leader.print(0, epoch)
    world.go_to(world.ledger.epochs[0, epoch].settlement.block + world.market.deferral - 1)
    assert (0, epoch) not in leader.printable()     # a simulation on this block would still refuse it
    world.mine(1)
    assert (0, epoch) in leader.printable()
    assert leader.print(0, epoch).name == "print_epoch"
    assert (0, epoch) not in leader.printable()


def test_the_stake_of_an_empty_epoch_is_released(world, leaders):
    """Nobody reveals: nothing is due but the stake, which waits until no reveal can come any more."""
    epoch, _ = commit(world, BUY)
    leader = leaders[world.ledger.epochs[0, epoch].leader]
    free = world.chain.contract("Relayers").functions.free_stake_of(leader.account.address)
    before = world.chain.call(free)
    assert leader.releasable() == []
    with pytest.raises(Reverted, match="epoch not over"):
        leader.release(0, epoch)
    world.go_to(world.market.windows(epoch).settle + CONFIRMATIONS)
    assert leader.due() == [] and leader.releasable() == [(0, epoch)]
    assert leader.release(0, epoch).name == "release"
    assert leader.releasable() == [] and world.chain.call(free) > before
    world.confirm()
    assert leader.releasable() == []


def test_a_late_leader_is_refused_and_its_key_may_go(world, leaders):
    epoch, _ = trade(world, BUY)
    leader = leaders[world.ledger.epochs[0, epoch].leader]
    world.go_to(world.market.windows(epoch).deadline - 1)
    assert leader.due() == []
    with pytest.raises(WindowClosed, match="had to be settled"):
        leader.settle(0, epoch)
    state = world.chain.contract("Market").functions.state(0, epoch)
    world.mine(1)
    assert world.chain.call(state) == EpochState.FAILED


def test_a_store_without_the_key_is_refused(world, leaders, tmp_path):
    epoch, _ = trade(world, BUY)
    leader = leaders[world.ledger.epochs[0, epoch].leader]
    bare = Leader(world.chain, Ledger(world.chain), leader.account, leader.notes, tmp_path, PASSWORD)
    world.go_to(world.market.windows(epoch).settle + CONFIRMATIONS)
    with pytest.raises(NoKey, match="is not in"):
        bare.settle(0, epoch)
    strange = Leader(world.chain, Ledger(world.chain), leader.account, world.traders["ash"].key, tmp_path, PASSWORD)
    with pytest.raises(NoKey, match="another owner"):
        strange.settle(0, epoch)
    assert leader.settle(0, epoch).volume == 0


def test_an_epoch_that_changed_meanwhile_is_not_sent(world, leaders, monkeypatch):
    """A reorganisation takes the last reveal while the proof is made."""
    rpc, prove = world.chain.web3.provider.make_request, circuits.prove
    epoch, placed = commit(world, BUY, SELL)
    leader = leaders[world.ledger.epochs[0, epoch].leader]
    reveal(world, *placed[0])
    before = rpc("evm_snapshot", [])["result"]
    reveal(world, *placed[1])
    world.go_to(world.market.windows(epoch).settle + CONFIRMATIONS)

    def reorganise(*args):
        world.go_back(before)
        return prove(*args)

    monkeypatch.setattr(circuits, "prove", reorganise)
    with pytest.raises(ChainMoved, match="not as it was read"):
        leader.settle(0, epoch)
    monkeypatch.undo()
    world.go_to(world.market.windows(epoch).settle + CONFIRMATIONS)
    assert leader.settle(0, epoch).count == 1


def test_unknown_epochs_are_refused(leaders):
    for one in leaders.values():
        with pytest.raises(LeaderError, match="no commits"):
            one.settle(0, 10_000)


def test_keys_are_stored_for_their_owner_alone(leaders):
    for one in leaders.values():
        files = list(one.keys.folder.iterdir())
        assert files and stat.S_IMODE(one.keys.folder.stat().st_mode) == 0o700
        assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)


def test_a_key_is_stored_before_it_is_registered(world, tmp_path):
    """Whoever is not in the registry is refused by it; its key is on disk by then."""
    who = account(19)
    outsider = Leader(world.chain, Ledger(world.chain), who, world.relayer_notes, tmp_path, PASSWORD)
    with pytest.raises(Reverted, match="not registered"):
        outsider.register_key()
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("reveals,size", [(1, 8), (8, 8), (9, 16), (16, 16), (17, 64), (64, 64)])
def test_the_smallest_circuit_that_fits_settles(world, reveals, size):
    assert sized(world, "settle_64", "commit", "settle_8", "settle_16").size_for(reveals) == size


def test_no_circuit_is_large_enough(world):
    with pytest.raises(LeaderError, match="for 65 reveals, only for up to 64"):
        sized(world, "settle_64", "settle_8").size_for(65)


def sized(world, *names):
    """A leader where these circuits are deployed."""
    leader = copy(world.leader)
    leader.chain = SimpleNamespace(deployment=replace(world.deployment, verifiers=dict.fromkeys(names)))
    return leader
