"""The files that a browser proves with, over an empty database: what is served, hashed and refused."""

import gzip
import hashlib
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from indexer import database
from indexer.api import Settings, create_app
from indexer.api.shapes import Deployment
from offchain import circuits
from offchain.deployment import CircuitEntry
from scripts.bench.events import Made

CONTENT = {"transact.wasm": b"\0asm", "transact.zkey": b"zkey" * 10_000, "reclaim.wasm": b"\0asm-", "reclaim.zkey": b"another"}


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "circuits"
    folder.mkdir()
    for name in ("transact", "reclaim", "settle_8"):
        (folder / f"{name}.vkey.json").write_bytes(circuits.file(name, "vkey.json").read_bytes())
    for name, content in CONTENT.items():
        (folder / name).write_bytes(content)
    (folder / "settle_8.zkey").write_bytes(b"a leader's")
    (folder / "settle_8.wasm").write_bytes(b"a leader's")
    return folder


@pytest.fixture
def client(folder, tmp_path):
    """`transact` is deployed as built, `reclaim` under another key."""
    made, entry = Made(2).deployment, Made(2).deployment.verifiers["transact"]
    ids = {"transact": f"0x{circuits.load('transact').id.hex()}", "reclaim": "0x" + "1" * 64}
    verifiers = {name: CircuitEntry(entry.address, circuit_id) for name, circuit_id in ids.items()}
    engine = database.open(f"sqlite:///{tmp_path}/index.sqlite")
    settings = Settings(key_file=tmp_path / "key", circuits=folder, compressed=tmp_path / "compressed", frontend=folder)
    with TestClient(create_app(engine, replace(made, verifiers=verifiers), settings)) as client:
        yield client
    engine.dispose()


def manifest(client) -> dict:
    return client.get("/artifacts/manifest.json").json()["circuits"]


def test_the_manifest_names_what_is_deployed_as_built(client):
    expected = {
        kind: {"sha256": hashlib.sha256(CONTENT[f"transact.{kind}"]).hexdigest(), "bytes": len(CONTENT[f"transact.{kind}"])}
        for kind in ("wasm", "zkey")
    }
    assert manifest(client) == {"transact": expected}


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_files_arrive_whole_compressed_or_not(client, encoding, tmp_path):
    for name in ("transact.wasm", "transact.zkey"):
        answer = client.get(f"/artifacts/{name}", headers={"Accept-Encoding": encoding})
        assert answer.status_code == 200 and answer.content == CONTENT[name]
        assert answer.headers["cache-control"] == "no-store" and answer.headers["vary"] == "Accept-Encoding"
        assert answer.headers.get("content-encoding", "identity") == encoding
    kept = {gzip.decompress(path.read_bytes()) for path in (tmp_path / "compressed").glob("*.gz")}
    assert kept == ({CONTENT["transact.wasm"], CONTENT["transact.zkey"]} if encoding == "gzip" else set())


@pytest.mark.parametrize(
    "name", ["reclaim.zkey", "settle_8.zkey", "transact.vkey.json", "transact", "commit.zkey", "..%2Fkey", "nothing"]
)
def test_nothing_else_is_given_out(client, name):
    assert client.get(f"/artifacts/{name}").status_code == 404


def test_a_file_built_again_has_another_hash(client, folder):
    before = manifest(client)["transact"]
    (folder / "transact.zkey").write_bytes(b"a new key")
    after = manifest(client)["transact"]
    assert after["zkey"] == {"sha256": hashlib.sha256(b"a new key").hexdigest(), "bytes": 9}
    assert after["wasm"] == before["wasm"]
    assert client.get("/artifacts/transact.zkey").content == b"a new key"


def test_the_deployment_is_that_of_the_file(client):
    told = client.get("/v1/deployment").json()
    assert set(told) == set(Deployment.__annotations__)
    assert told["verifiers"]["reclaim"]["circuit_id"] == "0x" + "1" * 64
    assert told["contracts"] == Made(2).deployment.contracts


def test_pages_are_isolated_and_reach_only_this_machine(client, folder):
    (folder / "index.html").write_text("<!doctype html>")
    headers = client.get("/").headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'" and policy["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert policy["worker-src"] == "'self'"
    assert policy["connect-src"] == "'self' http://127.0.0.1:* ws://127.0.0.1:*"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-embedder-policy"] == "require-corp"
