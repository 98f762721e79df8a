"""Roles, limits, GraphQL, the explorer's files, and schemathesis against all of it, over the made-up chain."""

import os
from dataclasses import replace

import pytest
from eth_account import Account
from fastapi.testclient import TestClient
from sqlalchemy import select

from indexer import database, models
from indexer.api import Settings, create_app
from indexer.api.tokens import Holder, KeyFileError, Role, Signer, TokenError, load_key
from indexer.follow import Follower
from offchain.chain import Chain
from offchain.limits import Buckets
from scripts.bench import api as bench
from scripts.bench.events import Made
from scripts.bench.indexer import served

MEMBER, OFFICER = Account.create(), Account.create()


@pytest.fixture(scope="module")
def made():
    return Made(600)


@pytest.fixture(scope="module")
def engine(made, tmp_path_factory):
    engine = database.open(f"sqlite:///{tmp_path_factory.mktemp('app')}/index.sqlite")
    with served(made) as rpc:
        follower = Follower(engine, Chain(rpc, made.deployment), proofs=False)
        follower.sync()
        follower.close()
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    (folder / "assets").mkdir()
    (folder / "index.html").write_text("<!doctype html>page")
    (folder / "assets" / "app-1.js").write_text("1")
    (folder.parent / "secret.txt").write_text("secret")
    return Settings(key_file=folder / "key", compliance=frozenset({OFFICER.address}), frontend=folder)


@pytest.fixture
def client(engine, made, settings):
    with TestClient(create_app(engine, made.deployment, settings)) as client:
        yield client


# --- Roles ---


def log_in(client, account, role: str, signer=None):
    asked = {"address": account.address, "role": role}
    challenge = client.post("/v1/login/challenge", json=asked).json()
    signature = "0x" + (signer or account).sign_typed_data(full_message=challenge["message"]).signature.hex().removeprefix("0x")
    return client.post("/v1/login", json=asked | {"nonce": challenge["nonce"], "signature": signature}), challenge["nonce"], signature


def bearer(answer) -> dict[str, str]:
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['token']}"}


def test_a_member_sees_its_own(client, engine):
    with engine.connect() as connection:
        [account] = connection.execute(select(models.Transact.__table__.c.account).limit(1)).scalars()
    answer, nonce, signature = log_in(client, MEMBER, "member")
    mine = bearer(answer)
    me = client.get("/v1/me", headers=mine)
    assert me.json()["address"] == MEMBER.address and me.json()["movements"] == 0 and me.headers["cache-control"] == "no-store"
    token = client.app.state.signer.token(Holder(Role.MEMBER, account.lower()))[0]
    theirs = client.get("/v1/me/movements", headers={"Authorization": f"Bearer {token}"}).json()
    assert theirs["items"] and {one["token"]["address"] for one in theirs["items"]}
    assert client.get("/v1/me/movements", headers=mine).json()["items"] == []
    again = client.post("/v1/login", json={"address": MEMBER.address, "role": "member", "nonce": nonce, "signature": signature})
    assert again.status_code == 401 and "answered already" in again.json()["detail"]


def test_who_is_refused_and_who_reads_it(client):
    assert log_in(client, MEMBER, "member", OFFICER)[0].status_code == 401
    assert log_in(client, MEMBER, "compliance")[0].status_code == 403
    assert log_in(client, MEMBER, "auditor")[0].status_code == 403
    for path in ("/v1/me", "/v1/me/movements", "/v1/audit/access", "/v1/compliance/refusals"):
        refused = client.get(path)
        assert refused.status_code == 401 and refused.headers["www-authenticate"] == "Bearer"
        assert client.get(path, headers={"Authorization": "Bearer x.y"}).status_code == 401
    mine, office = bearer(log_in(client, MEMBER, "member")[0]), bearer(log_in(client, OFFICER, "compliance")[0])
    assert client.get("/v1/compliance/refusals", headers=mine).status_code == 403
    assert client.get("/v1/me", headers=office).status_code == 403
    refusals = client.get("/v1/compliance/refusals", headers=office).json()
    assert {one["subject"] for one in refusals} >= {MEMBER.address.lower(), OFFICER.address.lower()}
    assert any("not of that address" in one["outcome"] for one in refusals)
    access = client.get("/v1/audit/access", headers=office).json()
    assert access[0]["resource"] == "/v1/audit/access" and access[0]["outcome"] == "granted"


def test_the_auditor_is_whom_the_chain_names(engine, made, settings, monkeypatch):
    with engine.connect() as connection:
        named = connection.execute(select(models.AuditorKey.__table__.c.account)).scalars().first()
    app = create_app(engine, made.deployment, settings)
    with TestClient(app) as client:
        token = app.state.signer.token(Holder(Role.AUDITOR, named.lower()))[0]
        assert client.get("/v1/audit/access", headers={"Authorization": f"Bearer {token}"}).status_code == 200
        other = app.state.signer.token(Holder(Role.AUDITOR, MEMBER.address.lower()))[0]
        assert client.get("/v1/audit/access", headers={"Authorization": f"Bearer {other}"}).status_code == 403


def test_tokens_and_challenges_expire():
    clock = [1_000.0]
    signer = Signer(bytes(32), 60, lambda: clock[0])
    holder = Holder(Role.MEMBER, "0xab")
    token, nonce = signer.token(holder)[0], signer.challenge("0xab", Role.MEMBER)[0]
    assert signer.holder(token) == holder
    for bad in (nonce, token[:-4] + "AAAA", "", "a.b", token + ".x", Signer(bytes(31) + b"1", 60).token(holder)[0]):
        with pytest.raises(TokenError):
            signer.holder(bad)
    for address, role in (("0xac", Role.MEMBER), ("0xab", Role.AUDITOR)):
        with pytest.raises(TokenError, match="another use"):
            signer.answer(nonce, address, role)
    signer.answer(nonce, "0xab", Role.MEMBER)
    late = signer.challenge("0xab", Role.MEMBER)[0]
    clock[0] += 301
    with pytest.raises(TokenError, match="expired"):
        signer.holder(token)
    with pytest.raises(TokenError, match="expired"):
        signer.answer(late, "0xab", Role.MEMBER)


def test_the_key_is_its_owner_s(tmp_path):
    key = load_key(tmp_path / "a" / "key")
    assert load_key(tmp_path / "a" / "key") == key and (tmp_path / "a" / "key").stat().st_mode & 0o777 == 0o600
    os.chmod(tmp_path / "a" / "key", 0o644)
    with pytest.raises(KeyFileError, match="chmod 600"):
        load_key(tmp_path / "a" / "key")
    (tmp_path / "short").write_bytes(b"1")
    os.chmod(tmp_path / "short", 0o600)
    with pytest.raises(KeyFileError, match="32 bytes"):
        load_key(tmp_path / "short")


# --- Limits ---


def test_buckets_fill_again_and_are_bounded():
    clock = [0.0]
    buckets = Buckets(3, 2.0, clients=2, clock=lambda: clock[0])
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    clock[0] = 0.5
    assert buckets.take("a") == 0 and buckets.take("a") == 0.5
    for client in ("b", "c"):
        buckets.take(client)
    assert len(buckets) == 2 and buckets.take("a") == 0


def test_too_many_requests(engine, made, settings):
    with TestClient(create_app(engine, made.deployment, replace(settings, reads_per_s=0.001, burst=2))) as client:
        assert [client.get("/v1/status").status_code for _ in range(3)] == [200, 200, 429]
        refused = client.get("/v1/status")
        assert refused.headers["content-type"] == "application/problem+json" and int(refused.headers["retry-after"]) > 0


# --- The explorer's files ---


def test_files_and_their_headers(client):
    for path in ("/", "/epochs/0/1", "/index.html"):
        page = client.get(path)
        assert page.status_code == 200 and page.headers["cache-control"] == "no-cache" and "page" in page.text
        assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
        assert page.headers["x-content-type-options"] == "nosniff"
    script = client.get("/assets/app-1.js")
    assert script.headers["content-type"].startswith("text/javascript") and "immutable" in script.headers["cache-control"]
    for path in ("/none.js", "/v1/none", "/graphql/x", "/..%2fsecret.txt", "/%2e%2e/secret.txt", "/" + "x" * 5000 + ".js", "/a%00.js"):
        answer = client.get(path)
        assert answer.status_code == 404 and answer.headers["content-type"] == "application/problem+json", path


def test_no_explorer_built(engine, made, settings, tmp_path):
    with TestClient(create_app(engine, made.deployment, replace(settings, frontend=tmp_path / "none"))) as client:
        assert "make setup" in client.get("/").json()["detail"]


# --- GraphQL ---


def ask(client, query: str) -> dict:
    return client.post("/graphql", json={"query": query}).json()


def test_graphql_answers_as_rest_does(client):
    found = ask(client, "{epochs(limit:3){items{market epoch state print{price}} next block} transactions(limit:1){items{hash from to}}}")["data"]
    rest = client.get("/v1/epochs?limit=3").json()
    assert [one["state"] for one in found["epochs"]["items"]] == [one["state"] for one in rest["items"]]
    assert found["epochs"]["next"] == rest["next"]
    [one] = client.get("/v1/transactions?limit=1").json()["items"]
    assert found["transactions"]["items"] == [{name: one[name] for name in ("hash", "from", "to")}]
    assert ask(client, "{market(market:9){market}}")["data"] == {"market": None}


@pytest.mark.parametrize(
    "query",
    [
        "{epochs(limit:51){next}}", "{epochs(limit:0){next}}", '{epochs(state:"x"){next}}', '{epochs(cursor:"x"){next}}',
        '{proof(tx:"0x"){tx}}', "{market(market:-1){market}}", "mutation{status{block}}", "subscription{status{block}}",
        "{" + "".join(f"a{n}:status{{block}}" for n in range(11)) + "}", "{" + "status{block}" * 200 + "}",
    ],
)  # fmt: skip
def test_graphql_has_bounds(client, query):
    assert ask(client, query)["errors"]


# --- Schemathesis ---


def test_schemathesis_finds_nothing(engine, made, settings, tmp_path):
    found = bench.schemathesis_run(create_app(engine, made.deployment, replace(settings, reads_per_s=10**9, burst=10**9)), examples=3)
    assert found["cases"] > 100 and found["failures"] == [], found["failures"][:3]
