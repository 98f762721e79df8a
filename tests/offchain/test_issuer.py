"""The issuer: a book that the chain is brought to."""

import stat
from dataclasses import asdict

import pytest
from eth_account import Account

from offchain.field import RangeError
from offchain.issuer import Issued, Issuer, IssuerError
from offchain.ledger import Ledger
from tests.world import JURISDICTION, TIER

EXPIRY = 2_000_000_000


@pytest.fixture
def issuer(world):
    return world.issuer


def someone():
    return Account.create().address


def admit(issuer, owner, name="fir", wallet=None):
    return issuer.admit(name, owner, wallet or someone(), JURISDICTION, TIER, EXPIRY)


def registry(world):
    return world.chain.contract("Credentials").functions


def test_published_credentials_are_on_chain(world, issuer):
    wallet = someone()
    issued = admit(issuer, 1_001, wallet=wallet)
    assert not world.chain.call(registry(world).is_wallet(wallet))
    issuer.publish()
    ledger = Ledger(world.chain, depth=0)
    ledger.sync()
    assert ledger.credentials.leaf(issued.id) == issued.credential.leaf
    assert ledger.credentials.root == world.chain.call(registry(world).root())
    assert world.chain.call(registry(world).is_wallet(wallet))


def test_publishing_again_sends_nothing(issuer):
    issuer.publish()
    assert issuer.publish() == []


def test_additions_leave_the_last_root_valid_and_revocations_do_not(world, issuer):
    wallet, before = someone(), world.chain.call(registry(world).root())
    issued = admit(issuer, 1_002, wallet=wallet)
    issuer.publish()
    added = world.chain.call(registry(world).root())
    assert world.chain.call(registry(world).accepts(before)) and world.chain.call(registry(world).accepts(added))
    issuer.revoke(issued.id)
    issuer.publish()
    assert not world.chain.call(registry(world).accepts(added))
    assert not world.chain.call(registry(world).is_wallet(wallet))
    assert world.chain.call(registry(world).may_withdraw(wallet))
    with pytest.raises(IssuerError, match="revoked already"):
        issuer.revoke(issued.id)


def test_changes_and_additions_are_not_mixed(world, issuer):
    first, second = admit(issuer, 1_003), admit(issuer, 1_004)
    issuer.publish()
    renewed = issuer.renew(second.id, EXPIRY + 1)
    issuer.revoke(first.id)
    third = admit(issuer, 1_005)
    issuer.publish()
    events = [e for e in world.chain.events(world.deployment.start_block, world.chain.head()) if e.name == "LeavesSet"]
    change, addition = events[-2:]
    assert (change.args["index"], change.args["additive"]) == (first.id, False)
    assert change.args["leaves"] == (0, renewed.credential.leaf) or change.args["leaves"] == [0, renewed.credential.leaf]
    assert (addition.args["index"], addition.args["additive"]) == (third.id, True)


def test_an_interrupted_publication_is_finished_by_the_next(world, issuer):
    issued = admit(issuer, 1_006)
    again = Issuer(world.chain, issuer.account, issuer.path)
    again.publish()
    assert world.chain.call(registry(world).root()) == again.ledger.credentials.root or again.publish() == []
    again.ledger.sync()
    assert again.ledger.credentials.leaf(issued.id) == issued.credential.leaf


def test_a_lost_book_is_not_published(world, issuer, tmp_path):
    with pytest.raises(IssuerError, match="restore the book"):
        Issuer(world.chain, issuer.account, tmp_path / "book.json").publish()


def test_what_cannot_be_admitted(issuer):
    admit(issuer, 1_007)
    with pytest.raises(IssuerError, match="has a credential already"):
        admit(issuer, 1_007)
    with pytest.raises(IssuerError, match="checksummed"):
        admit(issuer, 1_008, wallet="0x" + "ab" * 20)
    with pytest.raises(RangeError, match="jurisdiction"):
        issuer.admit("x", 1_009, someone(), 250, TIER, EXPIRY)
    with pytest.raises(RangeError, match="tier"):
        issuer.admit("x", 1_009, someone(), JURISDICTION, 256, EXPIRY)
    with pytest.raises(IssuerError, match="no credential"):
        issuer.revoke(10_000)


def test_the_book_holds_no_secret_and_is_private(world, issuer):
    assert stat.S_IMODE(issuer.path.stat().st_mode) == 0o600
    assert str(world.traders["ash"].key.sk) not in issuer.path.read_text()


def test_a_damaged_book_is_refused(world, issuer, tmp_path):
    path = tmp_path / "book.json"
    text = issuer.path.read_text().replace('"id": 1', '"id": 7')
    for damaged in ("{", "[{}]", text):
        path.write_text(damaged)
        with pytest.raises(IssuerError, match="not a credential book"):
            Issuer(world.chain, issuer.account, path)


def test_the_holders_file(world, tmp_path):
    issued = world.traders["ash"].credential
    issued.save(tmp_path / "c.json")
    assert Issued.load(tmp_path / "c.json") == issued
    assert asdict(issued.credential)["owner"] == world.traders["ash"].key.owner
    (tmp_path / "bad.json").write_text('{"id": 1048576, "owner": "1", "jurisdiction": 1, "tier": 1, "expiry": 1}')
    for name in ("none.json", "bad.json"):
        with pytest.raises(IssuerError):
            Issued.load(tmp_path / name)
