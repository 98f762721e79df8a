"""A settled epoch: fills, forfeits and fees found by keys alone, and nothing lost (P5–P9)."""

import secrets
from collections import Counter
from dataclasses import replace

import pytest

from offchain.admission import OrderRefused
from offchain.auditor import AuditError, open_epoch
from offchain.calls import build_print
from offchain.chain import Reverted
from offchain.claims import Print
from offchain.keys import EncryptionKey
from offchain.notes import Side, Terms, fee
from offchain.wallet import Fate, Wallet

BUY, SELL = Terms(Side.BUY, 100, 505), Terms(Side.SELL, 60, 495)
UNREVEALED, GARBAGE = Terms(Side.BUY, 7, 900), Terms(Side.SELL, 9, 100)
DEPOSIT = 10**6


@pytest.fixture(scope="module")
def settled(world):
    """(world, epoch): ash and birch trade, cedar does not reveal, dogwood reveals garbage."""
    orders = {"ash": BUY, "birch": SELL, "cedar": UNREVEALED, "dogwood": GARBAGE}
    for name, terms in orders.items():
        world.wallet(name).deposit(world.asset("USD" if terms.side == Side.BUY else "BTC"), DEPOSIT)
    world.advance_tree()
    epoch = world.open_epoch()
    world.confirm()
    placed = {
        name: world.wallet(name).commit(0, epoch, terms, world.traders[name].credential, carrier=world.accounts["carrier"])
        for name, terms in orders.items()
    }
    windows = world.market.windows(epoch)
    world.go_to(windows.reveal)
    garbage = tuple(secrets.randbits(250) for _ in range(4))
    for name in ("ash", "birch"):
        world.wallet(name).reveal(placed[name], carrier=world.accounts["carrier"])
    world.send("carrier", world.wallet("dogwood").build_reveal(placed["dogwood"], opening=garbage))
    world.settle(0, epoch)
    world.confirm()
    return world, epoch


def only(wallet):
    (status,) = wallet.orders()
    return status


def owned(world) -> Counter:
    """Units by asset of everyone who can hold notes."""
    totals = Counter()
    keys = [Wallet(world.chain, world.ledger, world.relayer_notes, world.accounts["relayer"])]
    keys.append(Wallet(world.chain, world.ledger, world.treasury_notes, None, treasury_key=world.treasury))
    for wallet in [world.wallet(name) for name in world.traders] + keys:
        totals.update(wallet.balances())
    return totals


def test_traders_read_their_fills_from_the_chain(settled):
    world, _ = settled
    usd, btc, lot, bps = world.asset("USD"), world.asset("BTC"), world.market.lot, world.market.fee_bps
    ash, birch = (world.wallet(name) for name in ("ash", "birch"))
    for wallet in (ash, birch):
        assert (only(wallet).fate, only(wallet).fill, only(wallet).price) == (Fate.FILLED, 60, 505)
        assert not only(wallet).reclaimable
    paid = 60 * 505
    assert ash.balances() == {usd: DEPOSIT - paid - fee(paid, bps), btc: 60 * lot}
    assert birch.balances() == {btc: DEPOSIT - 60 * lot, usd: paid - fee(paid, bps)}


def test_a_wallet_restored_from_its_key_is_the_same(settled):
    world, _ = settled
    for name in world.traders:
        restored = world.restore(name)
        assert restored.balances() == world.wallet(name).balances()
        assert restored.orders() == world.wallet(name).orders()
        assert restored.notes() == world.wallet(name).notes()
        assert restored.holdings.unreadable == []


def test_the_leader_and_the_treasury_find_their_fees(settled):
    world, _ = settled
    usd, fees = world.asset("USD"), 2 * fee(60 * 505, world.market.fee_bps)
    leader = Wallet(world.chain, world.ledger, world.relayer_notes, world.accounts["relayer"])
    treasury = Wallet(world.chain, world.ledger, world.treasury_notes, None, treasury_key=world.treasury)
    share = fees * world.market.split_bps // 10_000
    assert (leader.balances()[usd], treasury.balances()[usd]) == (share, fees - share)
    assert Wallet(world.chain, world.ledger, world.treasury_notes, None).balances() == {}


def test_the_auditor_opens_every_order(settled):
    world, epoch = settled
    view = open_epoch(world.ledger, world.auditor, 0, epoch)
    assert (view.price, view.volume) == (505, 60)
    assert [(order.valid, order.terms, order.fill) for order in view.orders] == [
        (True, BUY, 60), (True, SELL, 60), (False, None, 0),
    ]  # fmt: skip
    for order, name in zip(view.orders, ("ash", "birch")):
        trader = world.traders[name]
        assert (order.owner, order.credential_id) == (trader.key.owner, trader.credential.id)


def test_nobody_else_opens_it(settled):
    world, epoch = settled
    with pytest.raises(AuditError, match="another"):
        open_epoch(world.ledger, EncryptionKey.generate(), 0, epoch)
    with pytest.raises(AuditError, match="not settled"):
        open_epoch(world.ledger, world.auditor, 0, epoch + 1)


def test_altered_audit_words_are_noticed(settled):
    """A header that does not open ends it; of a bad slot all that can be said is said."""
    world, epoch = settled
    record = world.ledger.epochs[0, epoch]
    honest = record.settlement
    (receipt, word), *rest = honest.slots
    assert open_epoch(world.ledger, world.auditor, 0, epoch).oddities == []

    def oddities(**altered):
        record.settlement = replace(honest, **altered)
        try:
            return open_epoch(world.ledger, world.auditor, 0, epoch).oddities
        finally:
            record.settlement = honest

    with pytest.raises(AuditError, match="print commitment"):
        oddities(audit=(honest.audit[0] ^ 1, honest.audit[1]))
    first, *others = oddities(slots=((receipt, word ^ 1), *rest))
    assert first == "slot 0: wrongly marked valid"
    assert "slot 0: its receipt does not open" in others and any("buy side" in oddity for oddity in others)
    assert oddities(invalid_mask=0) == ["slot 2: wrongly marked valid"]


def test_the_unrevealed_and_the_invalid_forfeit_their_bonds(settled):
    world, epoch = settled
    lot, bps = world.market.lot, world.market.fee_bps
    assert only(world.wallet("cedar")).fate == Fate.UNREVEALED
    assert only(world.wallet("dogwood")).fate == Fate.INVALID
    for name, symbol, terms in (("cedar", "USD", UNREVEALED), ("dogwood", "BTC", GARBAGE)):
        wallet, asset = world.wallet(name), world.asset(symbol)
        assert only(wallet).reclaimable
        wallet.reclaim(only(wallet).placed, carrier=world.accounts["carrier"])
        world.confirm()
        bond = fee(terms.lock(lot, bps), world.market.bond_bps)
        assert bond > 0 and wallet.balances() == {asset: DEPOSIT - bond}
        assert (only(wallet).fate, only(wallet).forfeited) == (Fate.RECLAIMED, bond)
        assert world.restore(name).balances() == wallet.balances()
        treasury = Wallet(world.chain, world.ledger, world.treasury_notes, None, treasury_key=world.treasury)
        assert bond in [own.note.amount for own in treasury.notes() if own.note.asset == asset]


def test_what_was_settled_is_not_reclaimed(settled):
    world, _ = settled
    with pytest.raises(OrderRefused, match="was settled"):
        world.wallet("ash").reclaim(only(world.wallet("ash")).placed, carrier=world.accounts["carrier"])


def test_nothing_is_lost(settled):
    """After both reclaims every unit that came in is somebody's note (P6)."""
    world, _ = settled
    totals = owned(world)
    for symbol in ("USD", "BTC"):
        token = world.deployment.tokens[symbol]
        pool = world.chain.call(world.chain.contract("Pool").functions.total(token.address))
        assert totals[token.word] == pool == 2 * DEPOSIT


def test_fills_are_spent_like_any_note(settled):
    world, _ = settled
    world.advance_tree()
    btc = world.asset("BTC")
    world.wallet("ash").withdraw(btc, 60 * world.market.lot, world.traders["ash"].account.address)
    world.confirm()
    assert btc not in world.wallet("ash").balances()


def test_the_auditor_can_print_after_the_deferral(settled):
    world, epoch = settled
    view = open_epoch(world.ledger, world.auditor, 0, epoch)
    call = build_print(world.deployment, Print(view.price, view.volume, view.salt), 0, epoch)
    due = world.ledger.epochs[0, epoch].settlement.block + world.market.deferral
    if world.chain.head() < due:
        with pytest.raises(Reverted, match="print deferred"):
            world.send("stranger", call)
        world.go_to(due)
    world.send("stranger", call)
    world.confirm()
    assert world.ledger.epochs[0, epoch].printed == (505, 60)
