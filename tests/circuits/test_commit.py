"""circuits/commit.circom, one test a guarantee."""

import pytest

from offchain.field import R
from offchain.notes import Side
from offchain.poseidon import hash as H
from tests.circuits.guard import refused, satisfied
from tests.circuits.model import Claim, lock, rebuild
from tests.circuits.world import BASE, KEY, OTHER, QUOTE, RULES, STRANGER, commit

SIDES = [Side.BUY, Side.SELL]


def changed(side: Side = Side.BUY, **changes) -> Claim:
    return rebuild("commit", commit(side).assemble()[1], **changes)


def terms(side: int, quantity: int, price: int) -> int:
    return side + 2 * quantity + (price << 65)


def ordered(side: int, quantity: int, price: int, **changes) -> Claim:
    """An order of other terms, with notes that cover it to the unit."""
    inputs = commit().assemble()[1] | {"terms": terms(side, quantity, price)} | changes
    locked = lock(inputs)[1]
    half = locked // 2
    return rebuild("commit", inputs, in_amount=[half, locked - half])


def restated(word: int, value: int) -> Claim:
    """The honest inputs with one word of the statement forged."""
    d, inputs = commit().assemble()
    return "commit", d[:word] + [value] + d[word + 1 :], inputs


@pytest.mark.parametrize("side", SIDES)
def test_commit_accepts_honest_claims(side):
    satisfied(changed(side))


def test_commit_accepts_the_bounds():
    most = (1 << 64) - 1
    satisfied(ordered(0, RULES.min_quantity, 1))
    satisfied(ordered(0, most, most, fee_bps=0))
    satisfied(ordered(1, most, most, lot=most))
    satisfied(ordered(1, most, 1, min_quantity=most))


def test_commit_E1_input_not_in_the_tree():
    refused(changed(root=[1, 2]), "Commit E1", "Spend E2")


def test_commit_E1_input_larger_than_its_note():
    inputs = commit().assemble()[1]
    larger = [inputs["in_amount"][0] + 1, inputs["in_amount"][1]]
    refused(changed(root=inputs["root"], in_amount=larger), "Commit E1", "Spend E2")


@pytest.mark.parametrize("word", [4, 5])
def test_commit_E2_other_nullifier(word):
    refused(restated(word, 1), "Commit E16", "Statement E1")


def test_commit_E3_side_beyond_one_bit():
    """Terms of 2^129 or more would have a second reading, modulo r."""
    inputs = commit().assemble()[1]
    refused(changed(terms=inputs["terms"] + (1 << 129)), "Commit E3", "SplitTerms E2")
    refused(changed(terms=R - 1), "Commit E3", "SplitTerms E2")


@pytest.mark.parametrize("quantity", [0, 1, RULES.min_quantity - 1])
def test_commit_E4_quantity_below_minimum(quantity):
    refused(ordered(0, quantity, 100), "Commit E4", "AtMost E1")


def test_commit_E5_price_zero():
    refused(ordered(0, 40, 0), "Commit E5", "NonZero E1")
    refused(ordered(1, 40, 0), "Commit E5", "NonZero E1")


def test_commit_E5_price_beyond_64_bits():
    refused(ordered(1, 40, 1 << 64), "Commit E3", "SplitTerms E4")


@pytest.mark.parametrize("side, asset", [(Side.BUY, BASE), (Side.SELL, QUOTE), (Side.BUY, OTHER)])
def test_commit_E6_inputs_of_the_wrong_asset(side, asset):
    """The trees hold the owner's notes, but in an asset that the side does not lock."""
    inputs = commit(side).assemble()[1]
    placed = rebuild("transact", {**inputs, "asset": asset, **dict.fromkeys(TRANSACT, 0), **OUTPUTS})[2]
    refused(changed(side, root=placed["root"]), "Commit E6", "Spend E2")


TRANSACT = ("deposit", "withdrawal", "fee", "account", "carrier")
OUTPUTS = {"out_amount": [0, 0], "out_owner": [0, 0], "out_blinding": [0, 0], "memo": [0, 0]}


def test_commit_E7_inputs_short_of_the_lock():
    for side in SIDES:
        inputs = commit(side).assemble()[1]
        short = [inputs["in_amount"][0] - 21, inputs["in_amount"][1]]
        refused(changed(side, in_amount=short), "Commit E7")


def test_commit_E7_change_of_another_amount():
    inputs = commit().assemble()[1]
    for amount in (19, 21):
        forged = H("note", QUOTE, amount, KEY.owner, inputs["change_blinding"])
        refused(restated(6, forged), "Commit E16", "Statement E1")


def test_commit_E7_lock_includes_the_fee():
    inputs = commit().assemble()[1]
    notional = commit().order.terms.quantity * commit().order.terms.price
    assert lock(inputs)[1] == notional + notional * RULES.fee_bps // 10_000 > notional
    refused(changed(in_amount=[notional, 0]), "Commit E7")


def test_commit_E8_lock_out_of_range():
    most = (1 << 64) - 1
    refused(ordered(0, most, most), "Commit E8", "Lock E3")


def test_commit_E8_change_out_of_range():
    most = (1 << 128) - 1
    refused(changed(in_amount=[most, most]), "Commit E8")


def test_commit_E9_change_to_another_owner_or_asset():
    blinding = commit().assemble()[1]["change_blinding"]
    for asset, owner in ((QUOTE, STRANGER.owner), (BASE, KEY.owner)):
        refused(restated(6, H("note", asset, 20, owner, blinding)), "Commit E16", "Statement E1")


@pytest.mark.parametrize("place", range(6))
def test_commit_E10_order_of_other_words(place):
    placed = commit().order
    words = [placed.market, placed.epoch, placed.terms.word, placed.owner, placed.credential_id, placed.salt]
    words[place] += 1
    refused(restated(8, H("order", *words)), "Commit E16", "Statement E1")


def test_commit_E11_credential_of_another_owner():
    inputs = commit().assemble()[1]
    refused(changed(sk=STRANGER.sk, credential_root=inputs["credential_root"]), "Commit E11", "Admission E1")


@pytest.mark.parametrize("field", ["credential_id", "jurisdiction", "tier", "expiry"])
def test_commit_E11_credential_of_other_terms(field):
    inputs = commit().assemble()[1]
    root, other = inputs["credential_root"], inputs[field] - 1
    refused(changed(credential_root=root, **{field: other}), "Commit E11", "Admission E1")


def test_commit_E11_credential_id_beyond_the_tree():
    inputs = commit().assemble()[1]
    alias = inputs["credential_id"] + (1 << 20)
    refused(changed(credential_root=inputs["credential_root"], credential_id=alias), "Commit E11", "Admission E1")


def test_commit_E12_credential_expired():
    inputs = commit().assemble()[1]
    refused(changed(time=inputs["expiry"]), "Commit E12", "Admission E2")
    refused(changed(expiry=inputs["time"]), "Commit E12", "Admission E2")
    refused(changed(expiry=R - 1), "Commit E12", "Admission E2")
    satisfied(changed(expiry=inputs["time"] + 1))


def test_commit_E13_jurisdiction_not_admitted():
    refused(changed(jurisdictions=((1 << 250) - 1) ^ (1 << 44)), "Commit E13", "Admission E3")
    refused(changed(jurisdiction=43), "Commit E13", "Admission E3")
    refused(changed(jurisdiction=250, jurisdictions=(1 << 250) - 1), "Commit E13", "Admission E3")
    refused(changed(jurisdiction=256), "Commit E13", "Admission E3")
    for admitted in (0, 249):
        satisfied(changed(jurisdiction=admitted))


def test_commit_E14_tier_too_low():
    refused(changed(tier=RULES.tier - 1), "Commit E14", "Admission E4")
    refused(changed(tier=256), "Commit E14", "Admission E4")
    satisfied(changed(tier=RULES.tier))


def test_commit_E15_index_at_the_quota():
    refused(changed(quota_index=RULES.quota), "Commit E15")
    refused(changed(quota_index=R - 1), "Commit E15")
    refused(changed(quota=RULES.quota - 1), "Commit E15")


@pytest.mark.parametrize("place", range(4))
def test_commit_E15_quota_nullifier_of_other_words(place):
    words = [KEY.sk, RULES.market, commit().order.epoch, 3]
    words[place] -= 1
    refused(restated(7, H("quota", *words)), "Commit E16", "Statement E1")
