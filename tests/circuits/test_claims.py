"""offchain/claims.py refuses, in words, what no proof can be made of; secrets stay out of repr."""

from dataclasses import replace

import pytest

from offchain.claims import Commit, Print
from offchain.field import RangeError
from offchain.material import Credential, MaterialError, Spendable
from offchain.notes import Note, Order, Terms
from tests.circuits.world import BASE, KEY, QUOTE, RULES, STRANGER, advance, commit, deposit, order, reclaim, transact


def refuses(claim, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        claim.assemble()


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"withdrawal": 291}, "differ"),
        ({"withdrawal": 0, "fee": 300, "account": 5}, "names an account"),
        ({"carrier": 0}, "fee a carrier"),
        ({"deposit": 1, "withdrawal": 291}, "not both"),
        ({"outputs": (Note(QUOTE, 550, KEY.owner, 1), Note(BASE, 150, KEY.owner, 2))}, "two assets"),
        ({"spent": (transact().spent[0],) * 2, "withdrawal": 690}, "same note"),
        ({"key": STRANGER}, "another owner"),
    ],
)
def test_transact_refuses(changes, words):
    refuses(replace(transact(), **changes), MaterialError, words)


@pytest.mark.parametrize("field", ["deposit", "withdrawal", "fee"])
@pytest.mark.parametrize("amount", [-1, 1 << 128])
def test_transact_refuses_amounts_out_of_range(field, amount):
    refuses(replace(transact(), **{field: amount}), RangeError, field)


def test_transact_refuses_nothing():
    empty = tuple(replace(note, amount=0) for note in deposit().outputs)
    refuses(replace(deposit(), deposit=0, account=0, outputs=empty), MaterialError, "does neither")


def commit_with(**changes) -> Commit:
    return replace(commit(), **changes)


@pytest.mark.parametrize(
    "claim, error, words",
    [
        (commit_with(order=order(quantity=9)), RangeError, "quantity"),
        (commit_with(order=order(quantity=1 << 40)), MaterialError, "hold less"),
        (commit_with(order=order(quantity=(1 << 64) - 1, price=(1 << 64) - 1)), RangeError, "lock"),
        (commit_with(rules=replace(RULES, market=8)), MaterialError, "another market"),
        (commit_with(time=commit().credential.expiry), MaterialError, "expired"),
        (commit_with(rules=replace(RULES, jurisdictions=1)), MaterialError, "jurisdiction"),
        (commit_with(rules=replace(RULES, tier=4)), MaterialError, "tier"),
        (commit_with(quota_index=RULES.quota), RangeError, "quota"),
        (commit_with(credential_root=5), MaterialError, "sync the issuer's tree"),
        (commit_with(credential=replace(commit().credential, owner=9)), MaterialError, "another owner"),
        (commit_with(rk=0), RangeError, "rk"),
        (commit_with(credential_siblings=(1,)), MaterialError, "20 siblings"),
    ],
)
def test_commit_refuses(claim, error, words):
    refuses(claim, error, words)


def test_reclaim_refuses():
    refuses(replace(reclaim(), key=STRANGER), MaterialError, "another owner")
    refuses(replace(reclaim(), ephemeral=0), RangeError, "ephemeral")
    refuses(replace(reclaim(), treasury_key=(1, 1)), ValueError, "not on Baby Jubjub")


def test_advance_refuses():
    refuses(replace(advance(), chunk=1), MaterialError, "not empty")
    refuses(replace(advance(), leaves=[]), RangeError, "leaves")
    refuses(replace(advance(), chunk=1 << 26), RangeError, "chunk")


def test_spendable_refuses_a_note_that_is_not_there():
    one = transact().spent[0]
    with pytest.raises(MaterialError, match="sync the tree"):
        Spendable(one.note, one.position + 1, one.root, one.siblings)
    with pytest.raises(MaterialError, match="32 siblings"):
        replace(one, siblings=one.siblings[1:])


@pytest.mark.parametrize("field, value", [("jurisdiction", 250), ("tier", 256), ("expiry", 1 << 64)])
def test_credential_refuses(field, value):
    with pytest.raises(RangeError, match=field):
        replace(Credential(1, 2, 3, 4), **{field: value})


@pytest.mark.parametrize("field, value", [("lot", 0), ("min_quantity", 0), ("fee_bps", 10_001), ("quota", 1 << 16)])
def test_rules_refuse(field, value):
    with pytest.raises(RangeError):
        replace(RULES, **{field: value})


def test_repr_shows_no_secret():
    shown = "".join(map(repr, (transact(), commit(), reclaim(), Print(1, 2, 987654))))
    secret = [KEY.sk, commit().order.terms.word, commit().order.salt, reclaim().ephemeral, 987654]
    secret += [note.note.amount for note in commit().spent] + [note.note.blinding for note in commit().spent]
    assert isinstance(commit().order, Order) and isinstance(commit().order.terms, Terms)
    assert not [word for word in secret if f"={word}," in shown or f"={word})" in shown]
