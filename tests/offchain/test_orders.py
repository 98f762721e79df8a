"""Placing orders: every refusal before anything is sent, cancels, and who may reveal what when."""

from dataclasses import replace

import pytest

from offchain import admission
from offchain.admission import OrderRefused, WindowClosed
from offchain.chain import Reverted
from offchain.coins import InsufficientFunds
from offchain.governance import Governance
from offchain.notes import Side, Terms
from offchain.wallet import Fate
from tests.world import CONFIRMATIONS, JURISDICTION, TIER, anvil, build_world

BUY = Terms(Side.BUY, 10, 500)
SELL = Terms(Side.SELL, 10, 500)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Two places an epoch; ash holds three notes of quote, birch one of base."""
    with anvil() as url:
        world = build_world(url, tmp_path_factory.mktemp("world"), capacity=2, freeze_blocks=1)
        for _ in range(3):
            world.wallet("ash").deposit(world.asset("USD"), 6_000)
        world.fund("birch", BTC=20_000)
        yield world


@pytest.fixture
def epoch(world):
    """An epoch whose window has just opened."""
    epoch = world.open_epoch()
    world.confirm()
    return epoch


def commit(world, name, epoch, terms, market=0, **options):
    options = {"credential": world.traders[name].credential, "carrier": world.accounts["carrier"]} | options
    return world.wallet(name).commit(market, epoch, terms, **options)


def refused(world, error, name, epoch, terms=BUY, match=None, **options):
    account = world.accounts["carrier"].address
    before = world.chain.web3.eth.get_transaction_count(account, "pending")
    with pytest.raises(error, match=match):
        commit(world, name, epoch, terms, **options)
    assert world.chain.web3.eth.get_transaction_count(account, "pending") == before


def issued(world, name, **terms):
    """A credential of a trader on other terms, in the issuer's tree."""
    number = world.traders[name].credential.id
    given = {"jurisdiction": JURISDICTION, "tier": TIER, "expiry": 2 * 10**9} | terms
    book = world.issuer.book
    world.issuer._write([replace(row, **given) if row.id == number else row for row in book])
    world.issuer.publish()
    world.confirm()
    return world.issuer.book[number].issued


def test_who_is_not_admitted(world, epoch):
    ash, birch = (world.traders[name].credential for name in ("ash", "birch"))
    refused(world, admission.NoCredential, "ash", epoch, credential=None, match="ask the issuer")
    refused(world, admission.NoCredential, "ash", epoch, credential=birch, match="another owner")
    claimed = replace(ash, credential=replace(ash.credential, tier=200))
    refused(world, admission.NoCredential, "ash", epoch, credential=claimed, match="not in the issuer's tree")


def test_what_the_market_does_not_admit(world, epoch):
    now = world.chain.timestamp(world.chain.head())
    for terms, error in (
        ({"expiry": now + 60}, admission.CredentialExpired),
        ({"jurisdiction": JURISDICTION + 1}, admission.NotAdmitted),
        ({"tier": TIER - 1}, admission.NotAdmitted),
    ):
        refused(world, error, "ash", epoch, credential=issued(world, "ash", **terms))
    world.traders["ash"].credential = issued(world, "ash")


def test_a_revoked_credential_commits_no_more(world, epoch):
    credential = world.traders["dogwood"].credential
    world.issuer.revoke(credential.id)
    world.issuer.publish()
    world.confirm()
    refused(world, admission.NoCredential, "dogwood", epoch)


def test_a_credential_tree_that_has_just_changed(world, epoch):
    """Until the ledger has followed a revocation, its root is refused before it is proven."""
    issued_terms = world.traders["cedar"].credential
    world.issuer.renew(issued_terms.id, 2 * 10**9 + 1)
    world.issuer.publish()
    refused(world, admission.NoCredential, "ash", epoch, match="just changed")
    world.confirm()


def test_what_cannot_be_traded(world, epoch):
    with pytest.raises(admission.UnknownMarket, match="no market 9"):
        commit(world, "ash", epoch, BUY, market=9)
    refused(world, admission.NotAdmitted, "ash", epoch, Terms(Side.BUY, 2**64 - 1, 2**64 - 1), match="more than a note")
    refused(world, InsufficientFunds, "ash", epoch, Terms(Side.BUY, 1_000, 1_000))
    refused(world, InsufficientFunds, "ash", epoch, SELL)


def test_the_window(world, epoch):
    refused(world, WindowClosed, "ash", epoch + 1, match="opens at block")
    refused(world, WindowClosed, "ash", epoch - 1, match="closed before block")
    world.go_to(world.market.windows(epoch).freeze - 1)
    refused(world, WindowClosed, "ash", epoch, match="closed before block")


def test_a_pause(world, epoch):
    world.chain.send(world.accounts["guardian"], world.chain.contract("Pool").functions.pause())
    refused(world, admission.Paused, "ash", epoch)
    unpause = world.chain.contract("Pool").functions.unpause()
    Governance(world.chain, world.accounts["governor"]).enact([unpause], lambda head: world.mine(1))


def test_quota_capacity_and_cancels(world, epoch):
    """The quota counts cancelled orders; the capacity does not."""
    ash, birch, carrier = world.wallet("ash"), world.wallet("birch"), world.accounts["carrier"]
    first = commit(world, "ash", epoch, BUY)
    assert first.receipt.proof_seconds > 0 and first.index == 0
    second = commit(world, "ash", epoch, BUY)
    assert second.index == 1 and second.order.salt != first.order.salt and second.rk != first.rk
    refused(world, admission.EpochFull, "birch", epoch, SELL)

    with pytest.raises(OrderRefused, match="not on the chain up to block"):
        ash.reclaim(second, carrier=carrier)
    world.confirm()
    assert [status.fate for status in ash.orders()] == [Fate.COMMITTED] * 2
    assert all(status.reclaimable for status in ash.orders())
    held = ash.balances()[world.asset("USD")]
    ash.reclaim(second, carrier=carrier)
    world.confirm()
    assert [status.fate for status in ash.orders()] == [Fate.COMMITTED, Fate.CANCELLED]
    assert ash.balances()[world.asset("USD")] - held == BUY.lock(world.market.lot, world.market.fee_bps)
    assert world.restore("ash").balances() == ash.balances()
    with pytest.raises(OrderRefused, match="reclaimed already"):
        ash.reclaim(second, carrier=carrier)
    refused(world, admission.QuotaUsed, "ash", epoch)
    placed = commit(world, "birch", epoch, SELL)
    world.confirm()

    windows = world.market.windows(epoch)
    world.go_to(windows.reveal)     # one block after the freeze, which is not yet deep enough
    with pytest.raises(OrderRefused, match="deep"):
        birch.reveal(placed, carrier=carrier)
    world.mine(CONFIRMATIONS)
    with pytest.raises(OrderRefused, match="was reclaimed"):
        ash.reveal(second, carrier=carrier)
    with pytest.raises(OrderRefused, match="epoch is"):
        ash.reclaim(first, carrier=carrier)
    call = birch.build_reveal(placed)
    forged = replace(call, args=(call.args[0] | {"quota_nullifier": first.quota_nullifier}, *call.args[1:]))
    other = replace(call, args=(call.args[0] | {"ciphertext": [1, 2, 3, 4]}, *call.args[1:]))
    for altered in (forged, other):
        with pytest.raises(Reverted, match="not this order's key"):
            world.send("stranger", altered)
    world.send("stranger", call)
    world.confirm()
    with pytest.raises(OrderRefused, match="revealed already"):
        birch.reveal(placed, carrier=carrier)
    assert [status.fate for status in birch.orders()] == [Fate.REVEALED]
    world.go_to(windows.settle)
    with pytest.raises(WindowClosed, match="reveal window closed"):
        ash.reveal(first, carrier=carrier)


def test_a_commit_for_another_window_is_refused_by_the_contract(world, epoch):
    world.advance_tree()
    epoch = world.open_epoch()
    world.confirm()
    _, call = world.wallet("birch").build_commit(0, epoch, SELL, world.traders["birch"].credential)
    moved = replace(call, args=(*call.args[:2], call.args[2] | {"epoch": epoch + 1}, *call.args[3:]))
    with pytest.raises(Reverted, match="window closed"):
        world.send("stranger", moved)
    world.go_to(world.market.windows(epoch).freeze)
    with pytest.raises(Reverted, match="window closed"):
        world.send("stranger", call)
    with pytest.raises(Reverted, match="proof refused"):
        world.send("stranger", moved)
