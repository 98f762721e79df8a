"""circuits/transact.circom, one test a guarantee."""

import pytest

from offchain.field import R
from tests.circuits.guard import refused, satisfied
from tests.circuits.model import Claim, rebuild
from tests.circuits.world import STRANGER, deposit, transact, transfer

BIG = 1 << 128


def changed(make=transact, **changes) -> Claim:
    return rebuild("transact", make().assemble()[1], **changes)


def restated(word: int, value: int, make=transact) -> Claim:
    """The honest inputs with one word of the statement forged."""
    d, inputs = make().assemble()
    return "transact", d[:word] + [value] + d[word + 1 :], inputs


@pytest.mark.parametrize("make", [transact, deposit, transfer])
def test_transact_accepts_honest_claims(make):
    satisfied(changed(make))


def test_transact_E1_input_not_in_the_tree():
    roots = transact().assemble()[1]["root"]
    for forged in ([roots[0], 999], [999, roots[1]]):
        refused(changed(root=forged), "Transact E1", "Spend E2")


def test_transact_E1_input_larger_than_its_note():
    inputs = transact().assemble()[1]
    refused(changed(root=inputs["root"], in_amount=[701, 300], out_amount=[551, 150]), "Transact E1", "Spend E2")


def test_transact_E1_input_of_another_owner():
    inputs = transact().assemble()[1]
    refused(changed(root=inputs["root"], sk=STRANGER.sk), "Transact E1", "Spend E2")


def test_transact_E1_input_at_another_place():
    inputs = transact().assemble()[1]
    refused(changed(root=inputs["root"], in_leaf=[inputs["in_leaf"][0] ^ 1, inputs["in_leaf"][1]]), "Spend E2")


def test_transact_E1_place_beyond_the_tree():
    """The same path spelled with a 33rd bit would give the note a second nullifier."""
    inputs = transact().assemble()[1]
    alias = [inputs["in_leaf"][0] + (1 << 32), inputs["in_leaf"][1]]
    refused(changed(root=inputs["root"], in_leaf=alias), "Transact E1", "Spend E2")


@pytest.mark.parametrize("word", [4, 5])
def test_transact_E2_other_nullifier(word):
    refused(restated(word, 1), "Transact E8", "Statement E1")


def test_transact_E2_nullifier_follows_tree_place_and_key():
    d = transact().assemble()[0]
    i = transact().assemble()[1]
    for change in ({"tree": [4, 3]}, {"in_leaf": [i["in_leaf"][0] ^ 1, i["in_leaf"][1]]}, {"sk": 5}):
        claim = changed(**change)
        satisfied(claim)
        assert claim[1][4] != d[4]


@pytest.mark.parametrize("word", [6, 7])
def test_transact_E3_other_commitment(word):
    refused(restated(word, 1), "Transact E8", "Statement E1")


def test_transact_E3_output_in_another_asset():
    """An asset that is not the inputs' cannot be given to the outputs alone."""
    inputs = transact().assemble()[1]
    refused(changed(asset=0xBEEF, root=inputs["root"]), "Spend E2")


def test_transact_E4_more_out_than_in():
    refused(changed(out_amount=[551, 150]), "Transact E4")
    refused(changed(fee=11), "Transact E4")
    refused(changed(withdrawal=291), "Transact E4")


def test_transact_E4_more_in_than_out():
    refused(changed(out_amount=[549, 150]), "Transact E4")
    refused(changed(deposit=1), "Transact E4")


@pytest.mark.parametrize("amounts", [[BIG, 0], [0, BIG], [R - 1, 1]])
def test_transact_E5_output_out_of_range(amounts):
    """Sums are kept equal, modulo r where an amount is negative."""
    refused(changed(deposit, deposit=sum(amounts) % R, out_amount=amounts), "Transact E5")


def test_transact_E5_input_out_of_range():
    refused(changed(in_amount=[BIG + 700, 300], withdrawal=BIG - 1, out_amount=[551, 150 + 290]), "Spend E1")


def test_transact_E5_public_amount_out_of_range():
    half = BIG // 2
    refused(changed(deposit, deposit=BIG, out_amount=[half, half]), "Transact E5")
    refused(changed(withdrawal=R - 10, out_amount=[850, 150]), "Transact E5")
    refused(changed(withdrawal=0, fee=R - 10, out_amount=[860, 150]), "Transact E5")


def test_transact_E6_public_asset_is_the_notes():
    for forged in (0, 0xBEEF):
        refused(restated(8, forged), "Transact E8", "Statement E1")
        refused(restated(8, forged, deposit), "Transact E8", "Statement E1")


def test_transact_E6_nothing_public_shows_no_asset():
    d, inputs = transfer().assemble()
    assert d[8] == 0
    refused(restated(8, inputs["asset"], transfer), "Transact E8", "Statement E1")


def test_transact_E7_no_value_at_all():
    refused(changed(transfer, in_amount=[0, 0], out_amount=[0, 0]), "Transact E7")


def test_transact_dummies_need_no_root():
    satisfied(changed(deposit, root=[123, 456]))
