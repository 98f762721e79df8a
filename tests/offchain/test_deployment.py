"""The deployment file."""

import json
import os
import stat

import pytest

from offchain.deployment import CONTRACTS, CircuitEntry, Deployment, DeploymentError, Token, write_atomically

DEPLOYMENT = Deployment(
    chain_id=31337,
    start_block=7,
    contracts={name: "0x" + f"{i:040x}" for i, name in enumerate(CONTRACTS, start=1)},
    verifiers={"commit": CircuitEntry("0x" + "11" * 20, "0x" + "22" * 32)},
    tokens={"BTC": Token("0x" + "33" * 20, 8)},
)


def test_round_trip(tmp_path):
    DEPLOYMENT.save(tmp_path / "d.json")
    assert Deployment.load(tmp_path / "d.json") == DEPLOYMENT


def test_words():
    assert DEPLOYMENT.pool == 1
    assert DEPLOYMENT.asset("BTC") == int("33" * 20, 16)
    assert DEPLOYMENT.verifiers["commit"].id == bytes.fromhex("22" * 32)
    with pytest.raises(DeploymentError, match="known: BTC"):
        DEPLOYMENT.asset("EUR")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"contracts": 1}'])
def test_a_file_that_is_none_is_refused(tmp_path, text):
    (tmp_path / "d.json").write_text(text)
    with pytest.raises(DeploymentError):
        Deployment.load(tmp_path / "d.json")


def test_a_missing_contract_is_named(tmp_path):
    DEPLOYMENT.save(tmp_path / "d.json")
    data = json.loads((tmp_path / "d.json").read_text())
    del data["contracts"]["Keys"]
    (tmp_path / "d.json").write_text(json.dumps(data))
    with pytest.raises(DeploymentError, match="Keys"):
        Deployment.load(tmp_path / "d.json")


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "f"
    write_atomically(path, "old")
    with pytest.raises(TypeError):
        write_atomically(path, None)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_write_is_durable_with_its_name(tmp_path, monkeypatch):
    """The content before the name changes, the folder's entry after it."""
    done, sync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (done.append(stat.S_IFMT(os.fstat(handle).st_mode)), sync(handle)))
    monkeypatch.setattr(os, "replace", lambda *names: (done.append("replace"), replace(*names)))
    write_atomically(tmp_path / "f", "text")
    assert done == [stat.S_IFREG, "replace", stat.S_IFDIR]
