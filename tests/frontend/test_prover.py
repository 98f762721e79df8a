"""The SDK's prover in Chromium, its files from the real API: proofs that our verifier takes, and files that it refuses."""

import os
import shutil

import httpx
import pytest

from offchain import circuits, prover
from scripts.bench import browser


@pytest.fixture(scope="module", autouse=True)
def page():
    browser.build_page()


def accepted(circuit: str, told: dict) -> bool:
    """Whether our verifier takes the proof, and for no other statement."""
    made, vkey = browser.proof(told), circuits.file(circuit, "vkey.json")
    other = prover.Proof(made.a, made.b, made.c, (made.publics[0] ^ 1, *made.publics[1:]))
    return prover.verify(vkey, made) and not prover.verify(vkey, other)


def test_proofs_are_made_from_the_store_which_is_not_trusted(tmp_path):
    """In turn: downloaded; kept; kept with changed bytes; cancelled; made by one thread."""
    cancelled = browser.job("transact", cancel={"stage": "proof", "after": 50})
    steps = [browser.job("transact"), browser.job("transact"), {"spoil": True}, browser.job("transact")]
    with browser.serving(tmp_path) as address:
        outcomes = browser.drive(address, [*steps, cancelled, browser.job("transact", threads=1)], tmp_path)
    first, kept, spoilt, renewed, stopped, alone = outcomes
    stated = [browser.inputs("transact")[name] for name in ("digest", "challenge", "evaluation")]
    for outcome in (first, kept, renewed, alone):
        assert outcome["isolated"] and "error" not in outcome
        [made] = outcome["proofs"]
        assert accepted("transact", made) and made["publicSignals"] == stated
        assert outcome["stages"] == ["key", "witness", "proof"]
    files = ["manifest.json", "transact.wasm", "transact.zkey"]
    assert first["fetched"] == files and spoilt == 2 and renewed["fetched"] == files
    assert kept["fetched"] == stopped["fetched"] == alone["fetched"] == files[:1]
    assert first["proofs"][0]["words"] != kept["proofs"][0]["words"]    # blinded anew
    assert stopped["error"].startswith("AbortError") and stopped["cancelled"] == 0 and not stopped["proofs"]


def test_a_changed_byte_from_the_server_is_refused_and_no_isolation_is_needed(tmp_path):
    folder = tmp_path / "circuits"
    folder.mkdir()
    for end in ("wasm", "zkey", "vkey.json"):
        shutil.copy(circuits.file("reclaim", end), folder / f"reclaim.{end}")
    key = folder / "reclaim.zkey"
    with browser.serving(tmp_path, isolated=False, files=folder) as address:
        assert httpx.get(f"{address}/artifacts/manifest.json").json()["circuits"].keys() == {"reclaim"}
        _change_unseen(key)
        [refused] = browser.drive(address, [browser.job("reclaim")], tmp_path)
        key.touch()    # the manifest now says what the file holds, which is no key of the circuit
        [useless] = browser.drive(address, [browser.job("reclaim")], tmp_path)
        shutil.copy(circuits.file("reclaim", "zkey"), key)
        elsewhere = browser.job("reclaim", circuitId="0x" + "12" * 32)    # a pool that verifies by another key
        made, foreign = browser.drive(address, [browser.job("reclaim", threads=2), elsewhere], tmp_path)
    assert refused["error"].startswith("ArtifactError: reclaim.zkey") and not refused["proofs"]
    assert useless["error"].startswith("ProverError") and not useless["proofs"]
    assert foreign["error"].startswith("ArtifactError: the key of reclaim") and foreign["stages"] == ["key"]
    assert not made["isolated"] and accepted("reclaim", made["proofs"][0])


def _change_unseen(path) -> None:
    """Another byte in the middle, which the server does not look for: size and time stay."""
    content, stat = bytearray(path.read_bytes()), path.stat()
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
