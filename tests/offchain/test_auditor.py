"""The auditor opens what circuit and relayer settled, whatever the reveals hold (P7)."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from offchain.auditor import open_epoch
from offchain.records import EpochRecord, RevealRecord, Settlement
from tests.circuits.batch import BUY, SELL, Batch


def audited(batch: Batch, **altered):
    """The auditor's view of a batch as its relayer settles it."""
    settled, epoch = batch.settle(), batch.data()
    at = epoch.context
    record = EpochRecord(at.market, at.epoch, "", at.reveal_version, at.auditor_version, at.treasury_version)
    record.reveals = [RevealRecord(slot, 0, reveal, 0) for slot, reveal in enumerate(epoch.reveals)]
    record.settlement = Settlement(
        count=len(epoch.reveals),
        invalid_mask=settled.invalid_mask,
        print_commitment=settled.print_commitment,
        audit_point=settled.audit_point,
        audit=settled.audit,
        treasury_pad=settled.treasury_pad,
        leader_cm=settled.leader_cm,
        treasury_cm=settled.treasury_cm,
        position=0,
        slots=tuple(slot[-2:] for slot in settled.slots),
        memo=settled.memo,
        block=0,
    )
    record.settlement = replace(record.settlement, **altered)
    ledger = SimpleNamespace(
        block=0,
        epochs={(at.market, at.epoch): record},
        auditors={at.auditor_version: batch.auditor.public},
        context=lambda market, epoch: at,
    )
    return open_epoch(ledger, batch.auditor, at.market, at.epoch)


@pytest.mark.parametrize("order", [1, 2, 4, 8])
def test_a_vanishing_point_is_invalid_for_the_auditor_too(order):
    """Its words open under the seed that everybody knows; circuit and relayer call it invalid."""
    batch = Batch(order).add(BUY, 10, 110).add_vanishing(order).add(SELL, 6, 90)
    view = audited(batch)
    assert [seen.valid for seen in view.orders] == [True, False, True]
    assert [seen.fill for seen in view.orders] == [6, 0, 6]
    assert view.orders[1].terms is None and view.oddities == []


def test_every_kind_of_bad_reveal_leaves_the_others_readable():
    batch = Batch(5).add(BUY, 10, 110).add_random_words().add_copied(0).add_other_order()
    view = audited(batch.add_order_of_another_epoch().add_twisted(SELL, 4, 90, 8))
    assert [seen.valid for seen in view.orders] == [True, False, False, False, False, True]
    assert view.volume == 4 and view.oddities == []


def test_an_oddity_of_one_slot_hides_no_other():
    view = audited(Batch(6).add(BUY, 10, 110).add_vanishing(8).add(SELL, 6, 90), invalid_mask=0)
    assert view.oddities == ["slot 1: wrongly marked valid"]
    assert [seen.fill for seen in view.orders] == [6, 0, 6]
