"""circuits/reclaim.circom, one test a guarantee."""

import pytest

from offchain.babyjubjub import B8, L, add, ecdh, mul_base, torsion
from offchain.field import R
from offchain.notes import Note, Side
from offchain.poseidon import hash as H
from offchain.streams import treasury_stream
from tests.circuits.guard import refused, satisfied
from tests.circuits.model import Claim, lock, rebuild
from tests.circuits.world import BASE, KEY, QUOTE, RULES, STRANGER, TREASURY, reclaim

ALL = [(side, forfeit) for side in Side for forfeit in (False, True)]


def changed(**changes) -> Claim:
    return rebuild("reclaim", reclaim().assemble()[1], **changes)


def restated(**words: int) -> Claim:
    """The honest inputs with words of the statement, w9=…, forged."""
    d, inputs = reclaim().assemble()
    return "reclaim", [words.get(f"w{place}", word) for place, word in enumerate(d)], inputs


@pytest.mark.parametrize("side, forfeit", ALL)
def test_reclaim_accepts_honest_claims(side, forfeit):
    d, inputs = reclaim(side, forfeit).assemble()
    satisfied(rebuild("reclaim", inputs))
    asset, locked = lock(inputs)
    bond = locked * RULES.bond_bps // 10_000 if forfeit else 0
    assert d[9] == H("note", asset, locked - bond, KEY.owner, inputs["blinding"])


@pytest.mark.parametrize("side, forfeit", ALL)
def test_treasury_opens_its_note_from_the_statement(side, forfeit):
    claim = reclaim(side, forfeit)
    d = claim.assemble()[0]
    blinding, pad = treasury_stream(ecdh(TREASURY.scalar, (d[14], d[15])), d[0], int(forfeit))
    asset, amount = (BASE if side else QUOTE), (d[16] - pad) % R
    assert amount == claim.forfeited and bool(amount) == forfeit
    assert Note(asset, amount, STRANGER.owner, blinding).commitment == d[10]


def test_outcomes_of_a_reorganisation_share_no_pad():
    paid, kept = (reclaim(forfeit=forfeit).assemble()[0] for forfeit in (True, False))
    assert (paid[16] - reclaim().forfeited) % R != kept[16]


@pytest.mark.parametrize("field", ["sk", "terms", "credential_id", "salt", "market", "epoch"])
def test_reclaim_E1_opening_of_another_order(field):
    """Each word of the opening changed: what it opens is then another commitment."""
    d, inputs = reclaim().assemble()
    name, words, made = changed(**{field: inputs[field] + 2})
    assert words[0] != d[0]
    refused((name, [d[0], *words[1:]], made), "Reclaim E7", "Statement E1")


def test_reclaim_E2_larger_refund():
    locked = lock(reclaim().assemble()[1])[1]
    for amount in (locked, locked - reclaim().forfeited + 1):
        refused(restated(w9=H("note", QUOTE, amount, KEY.owner, 501)), "Reclaim E7", "Statement E1")


def test_reclaim_E2_refund_in_the_other_asset():
    refused(restated(w9=H("note", BASE, reclaim().refund.amount, KEY.owner, 501)), "Reclaim E7", "Statement E1")


def test_reclaim_E2_terms_out_of_range():
    terms = reclaim().assemble()[1]["terms"]
    refused(changed(terms=terms + (1 << 129)), "Reclaim E2", "SplitTerms E2")


def test_reclaim_E3_bond_rounds_down():
    inputs = reclaim().assemble()[1]
    locked, bond = lock(inputs)[1], reclaim().forfeited
    assert bond * 10_000 <= locked * RULES.bond_bps < (bond + 1) * 10_000
    assert locked * RULES.bond_bps % 10_000, "the figures must leave a remainder"
    satisfied(changed(bond_bps=0))
    satisfied(changed(bond_bps=10_000))


@pytest.mark.parametrize("off", [-1, 1])
def test_reclaim_E3_other_forfeit(off):
    d, inputs = reclaim().assemble()
    amount = reclaim().forfeited + off
    blinding, pad = treasury_stream(ecdh(TREASURY.scalar, (d[14], d[15])), d[0], 1)
    refused(
        restated(
            w9=H("note", QUOTE, reclaim().refund.amount - off, KEY.owner, inputs["blinding"]),
            w10=H("note", QUOTE, amount, STRANGER.owner, blinding),
            w16=(amount + pad) % R,
        ),
        "Reclaim E7",
        "Statement E1",
    )


def test_reclaim_E3_forfeit_bit_ignored():
    free = reclaim(forfeit=False).assemble()[0]
    refused(restated(w9=free[9], w10=free[10], w16=free[16]), "Reclaim E7", "Statement E1")


def test_reclaim_E4_refund_to_another_owner():
    refund = H("note", QUOTE, reclaim().refund.amount, STRANGER.owner, 501)
    refused(restated(w9=refund), "Reclaim E7", "Statement E1")


def test_reclaim_E5_note_that_the_treasury_cannot_open():
    chosen = H("note", QUOTE, reclaim().forfeited, STRANGER.owner, 12345)
    refused(restated(w10=chosen), "Reclaim E7", "Statement E1")


def test_reclaim_E5_other_padded_amount():
    refused(restated(w16=reclaim().assemble()[0][16] + 1), "Reclaim E7", "Statement E1")


def test_reclaim_E6_point_of_another_scalar():
    point = mul_base(reclaim().ephemeral + 1)
    refused(restated(w14=point.x, w15=point.y), "Reclaim E7", "Statement E1")


@pytest.mark.parametrize("scalar", [L, L + 1, 1 << 251])
def test_reclaim_E6_scalar_beyond_the_order(scalar):
    refused(changed(ephemeral=scalar), "Reclaim E6", "ScalarBits E2" if scalar < 1 << 251 else "ScalarBits E1")


def test_reclaim_E6_torsion_in_the_treasury_key_changes_nothing():
    shifted = add(TREASURY.public, torsion(8))
    d, name_d_inputs = reclaim().assemble()[0], changed(treasury_key=list(shifted))
    satisfied(name_d_inputs)
    assert name_d_inputs[1][10] == d[10] and name_d_inputs[1][16] == d[16]


def test_reclaim_accepts_the_bounds_of_the_scalar():
    for scalar in (0, 1, L - 1):
        satisfied(changed(ephemeral=scalar, treasury_key=list(B8)))
