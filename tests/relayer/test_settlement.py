"""What a settlement pays and tells: read back as owner, auditor, treasury and leader would."""

from dataclasses import replace

import pytest

from offchain.clearing import clear
from offchain.field import R, RangeError
from offchain.keys import EncryptionKey
from offchain.notes import Note, Side, order_commitment
from offchain.streams import (
    AUDIT_HEADER,
    SETTLEMENT_KIND,
    audit_pads,
    open_memo,
    open_receipt,
    open_reveal,
    output_blindings,
    print_commitment,
    shared_point,
    slot_seed,
    treasury_stream,
)
from relayer.settlement import EpochData, MarketTerms, SettlementError, settle
from tests.circuits.batch import BUY, COMMIT_CHAIN, SELL, Batch


@pytest.fixture
def batch() -> Batch:
    batch = Batch(31).add(BUY, 10, 105).add(SELL, 7, 100).add_random_words().add(SELL, 8, 100)
    return batch.add(BUY, 3, 90).add_twisted(SELL, 2, 99, 8)


def owners_seed(batch: Batch, slot: int) -> int:
    """From the leader's side of the key agreement; an owner's gives the same point."""
    reveal, at = batch.reveals[slot], batch.place
    shared = shared_point(batch.key.scalar, reveal.point)
    return slot_seed(shared, at.chain_id, at.pool, at.market, at.epoch, reveal.oc)


def test_p7_the_auditor_reads_everything_that_is_valid(batch):
    settlement = batch.settle()
    context = settlement.epoch.context
    shared = shared_point(batch.auditor.scalar, settlement.audit_point)
    pads = audit_pads(shared, context.word, AUDIT_HEADER + len(batch.reveals))
    price_volume, salt, *seeds = (
        (word - pad) % R
        for word, pad in zip([*settlement.audit, *(slot[10] for slot in settlement.slots)], pads, strict=True)
    )
    assert price_volume == settlement.clearing.price + (settlement.clearing.volume << 64)
    assert print_commitment(settlement.clearing.price, settlement.clearing.volume, salt) == settlement.print_commitment

    read = []
    for reveal, seed, words in zip(batch.reveals, seeds, settlement.slots):
        opening = open_reveal(reveal.ciphertext, seed)
        valid = order_commitment(context.market, context.epoch, opening) == reveal.oc
        fill, price = open_receipt(words[9], seed, context.word)
        assert price == (settlement.clearing.price if fill else 0)
        read.append((opening, fill) if valid else (None, fill))
    fills = settlement.clearing.fills
    assert read == [(order.opening if order else None, fill) for order, fill in zip(batch.orders, fills)]


def test_p6_an_owner_rebuilds_its_notes_and_all_is_conserved(batch):
    settlement, market = batch.settle(), batch.market
    context = settlement.epoch.context.word
    base = quote = locked_base = locked_quote = 0
    for slot, order in enumerate(batch.orders):
        if order is None:
            assert settlement.slots[slot][7:9] == (0, 0)
            continue
        fill, price = open_receipt(settlement.slots[slot][9], owners_seed(batch, slot), context)
        lock = order.terms.lock(market.lot, market.fee_bps)
        traded = fill * price
        fee = traded * market.fee_bps // 10_000
        if order.terms.side == Side.BUY:
            amounts = fill * market.lot, lock - traded - fee
            locked_quote += lock
        else:
            amounts = (order.terms.quantity - fill) * market.lot, traded - fee
            locked_base += lock
        blindings = output_blindings(order.salt, context)
        notes = [Note(a, n, order.owner, b) for a, n, b in zip((market.base, market.quote), amounts, blindings)]
        assert settlement.slots[slot][7:9] == tuple(note.commitment for note in notes)
        base, quote = base + amounts[0], quote + amounts[1]

    shared = shared_point(batch.treasury.scalar, settlement.audit_point)
    blinding, pad = treasury_stream(shared, context, SETTLEMENT_KIND)
    treasury = (settlement.treasury_pad - pad) % R
    assert Note(market.quote, treasury, batch.treasury_owner, blinding).commitment == settlement.treasury_cm
    assert (base, quote + treasury + settlement.leader_note.amount) == (locked_base, locked_quote)
    assert treasury > 0 and settlement.leader_note.amount > 0


def test_the_leader_restores_its_fee_note_from_the_memo(batch):
    viewing = EncryptionKey(12345)
    batch.leader = replace(batch.leader, viewing=viewing.public)
    settlement = batch.settle()
    asset, amount, blinding, *rest = open_memo(list(settlement.memo), viewing)
    assert Note(asset, amount, batch.leader.owner, blinding).commitment == settlement.leader_cm
    assert rest == [0, 0]


def test_p11_a_settlement_rebuilt_on_another_branch_reuses_nothing(batch):
    """The context is all that differs: every pad and blinding must."""
    one = batch.settle()
    batch.place = replace(batch.place, reference=101)
    other = batch.settle()
    assert one.audit_point != other.audit_point and one.print_salt != other.print_salt
    assert one.leader_note.blinding != other.leader_note.blinding
    assert one.treasury_pad != other.treasury_pad
    for a, b, order in zip(one.slots, other.slots, batch.orders):
        assert a[9] != b[9] and a[10] != b[10]
        if order:
            assert a[7] != b[7] and a[8] != b[8]


def test_the_same_data_and_key_give_the_same_settlement(batch):
    data = batch.data()
    assert settle(data, batch.key, batch.leader, 8, 99) == settle(data, batch.key, batch.leader, 8, 99)


def test_fills_are_those_of_the_clearing(batch):
    settlement = batch.settle()
    again = clear([o.terms if o else None for o in batch.orders], 100, 10_000, 0)
    assert settlement.clearing.volume == again.volume == 10
    assert settlement.clearing.fills[0] == 10 and settlement.clearing.fills[5] == 2
    assert settlement.invalid_mask == 0b100


def test_secrets_stay_out_of_the_repr(batch):
    settlement = batch.settle()
    shown = repr(settlement)
    assert str(batch.key.scalar) not in shown and str(settlement.print_salt) not in shown
    assert str(settlement.leader_note.blinding) not in shown and "fills" not in shown


@pytest.mark.parametrize("count", [0, 9])
def test_a_batch_that_does_not_fit_is_refused(count):
    batch = Batch(32)
    for _ in range(count):
        batch.add(BUY, 1, 100)
    with pytest.raises(SettlementError, match="1 to 8 reveals"):
        batch.settle()


def test_p4_reveals_of_another_chain_are_refused(batch):
    data = batch.data()
    for reveals in (data.reveals[:-1], data.reveals[::-1], (*data.reveals, data.reveals[0])):
        with pytest.raises(SettlementError, match="sync again"):
            replace(data, reveals=reveals)
    with pytest.raises(SettlementError, match="sync again"):
        EpochData(data.context, b"\1" * 32, *[getattr(data, n) for n in
                  ("market", "auditor_key", "treasury_key", "treasury_owner", "reveals")])  # fmt: skip
    assert data.commit_chain == COMMIT_CHAIN


@pytest.mark.parametrize("wrong", [{"lot": 0}, {"lot": 2**64}, {"fee_bps": 10_001}, {"split_bps": -1},
                                   {"collar_bps": 10_001}, {"base": 0}, {"quote": 2**160}])  # fmt: skip
def test_market_terms_out_of_range_are_refused(wrong):
    fine = dict(base=1, quote=2, lot=1, fee_bps=0, split_bps=0, collar_bps=0)
    MarketTerms(**fine)
    with pytest.raises(RangeError):
        MarketTerms(**(fine | wrong))
