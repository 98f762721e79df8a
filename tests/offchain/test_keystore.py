"""Keys at rest."""

import json
import stat

import pytest
from eth_account import Account

from offchain import keystore
from offchain.keystore import KeystoreError, Kind

SECRET = 123_456_789


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("keys") / "shielded.json"
    keystore.save(path, Kind.SHIELDED, SECRET, "a password")
    return path


def test_round_trip_is_private(saved):
    assert keystore.shielded(saved, "a password").sk == SECRET
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert str(SECRET) not in saved.read_text() and f"{SECRET:x}" not in saved.read_text()


def test_an_iv_that_begins_with_zero_is_written_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("eth_keyfile.keyfile.Random.get_random_bytes", lambda size: bytes(size - 1) + b"\7")
    path = tmp_path / "account.json"
    keystore.save(path, Kind.ACCOUNT, SECRET, "a password")
    assert json.loads(path.read_text())["crypto"]["cipherparams"]["iv"] == f"{7:032x}"
    assert keystore.load(path, Kind.ACCOUNT, "a password") == SECRET


def test_wrong_password_and_wrong_kind(saved):
    with pytest.raises(KeystoreError, match="wrong password"):
        keystore.load(saved, Kind.SHIELDED, "another")
    with pytest.raises(KeystoreError, match="kind"):
        keystore.encryption(saved, "a password")
    with pytest.raises(KeystoreError, match="kind"):
        keystore.account(saved, "a password")


def test_another_iv_is_noticed(saved, tmp_path):
    """The format's MAC does not cover it; the address does."""
    document = json.loads(saved.read_text())
    document["crypto"]["cipherparams"]["iv"] = "00" * 16
    (tmp_path / "k.json").write_text(json.dumps(document))
    with pytest.raises(KeystoreError, match="damaged"):
        keystore.load(tmp_path / "k.json", Kind.SHIELDED, "a password")


def test_a_key_is_never_overwritten(saved):
    before = saved.read_bytes()
    with pytest.raises(KeystoreError, match="never overwritten"):
        keystore.save(saved, Kind.SHIELDED, 5, "x")
    assert saved.read_bytes() == before


def test_an_account_of_another_tool_opens(tmp_path):
    account = Account.create()
    (tmp_path / "a.json").write_text(json.dumps(Account.encrypt(account.key, "pw")))
    assert keystore.account(tmp_path / "a.json", "pw").address == account.address


@pytest.mark.parametrize("secret", [0, keystore.SECP256K1_ORDER, -1])
def test_out_of_range(tmp_path, secret):
    with pytest.raises(KeystoreError, match="range"):
        keystore.save(tmp_path / "k.json", Kind.SEED, secret, "pw")


def test_missing_and_damaged(tmp_path):
    with pytest.raises(KeystoreError, match="no keystore"):
        keystore.load(tmp_path / "none.json", Kind.SEED, "pw")
    for text in ("", "[1]", "7"):
        (tmp_path / "k.json").write_text(text)
        with pytest.raises(KeystoreError, match="not a keystore"):
            keystore.load(tmp_path / "k.json", Kind.SEED, "pw")
    (tmp_path / "k.json").write_text('{"shadowpool": "seed", "version": 3}')
    with pytest.raises(KeystoreError, match="damaged"):
        keystore.load(tmp_path / "k.json", Kind.SEED, "pw")


def test_password_from_the_environment(monkeypatch):
    monkeypatch.setenv("SHADOWPOOL_PASSWORD", "pw")
    assert keystore.password() == "pw"
    monkeypatch.setenv("SHADOWPOOL_PASSWORD", "")
    with pytest.raises(KeystoreError, match="needs a password"):
        keystore.password()
