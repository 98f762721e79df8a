"""/v1 over a real story: what it says is what the ledger and the contracts say."""

import json

import pytest
from fastapi.testclient import TestClient

from indexer import database
from indexer.api import Settings, create_app
from indexer.follow import Follower
from offchain.chain import Chain
from offchain.ledger import Ledger
from offchain.records import EpochState
from tests.indexer.conftest import new_database


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def client(request, story, tmp_path_factory):
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('api')}/index.sqlite"
    else:
        url = new_database(request.getfixturevalue("postgres"))
    engine = database.open(url)
    follower = Follower(engine, Chain(story.url, story.world.deployment, poll_seconds=0.01))
    follower.sync()
    follower.finish()
    follower.close()
    with TestClient(create_app(engine, story.world.deployment, Settings(rpc=story.url))) as client:
        yield client
    engine.dispose()


@pytest.fixture(scope="module")
def ledger(story):
    found = Ledger(story.world.chain, depth=0)
    found.sync()
    return found


def get(client, path: str, status: int = 200, **options):
    answer = client.get(path, **options)
    assert answer.status_code == status, answer.text
    return answer.json()


def everything(client, path: str) -> list[dict]:
    """Every item of a list, page by page of two."""
    found, cursor = [], None
    while True:
        page = get(client, path, params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            return found


def test_status(client, story, ledger):
    status = get(client, "/v1/status")
    assert (status["block"], status["sync"], status["divergence"]) == (ledger.block, "live", None)
    assert status["head"] == story.world.chain.head() and status["pool"] == story.world.deployment.contracts["Pool"]
    assert status["counts"]["orders"] == len(ledger.orders) and status["counts"]["notes"] == len(ledger.leaves)
    assert status["counts"]["credentials"] == ledger.credential_count
    verified = [one for one in everything(client, "/v1/proofs") if one["verified"]]
    assert status["counts"]["proofs"] == len(verified)


def test_states_are_those_of_the_contract(client, story):
    chain = story.world.chain
    items = everything(client, "/v1/epochs")
    assert {story.settled, story.failed} <= {one["epoch"] for one in items}
    for one in items:
        state = chain.call(chain.contract("Market").functions.state(one["market"], one["epoch"]))
        assert one["state"] == EpochState(state).name.lower()
        assert get(client, "/v1/epochs", params={"state": one["state"], "market": 0})["items"]


def test_epoch_as_the_ledger_has_it(client, story, ledger):
    for (market, epoch), record in ledger.epochs.items():
        found = get(client, f"/v1/epochs/{market}/{epoch}")
        assert found["commit_chain"] == "0x" + record.commit_chain.hex()
        assert found["reveal_chain"] == "0x" + record.reveal_chain.hex()
        assert (found["commits"], found["live"], found["reveals"]) == (len(record.orders), record.live, len(record.reveals))
        assert [int(one["oc"]) for one in found["orders"]] == [one.oc for one in record.orders]
        assert [one["slot"] for one in found["orders"]] == [one.reveal and one.reveal.slot for one in record.orders]
        assert [one["reclaimed"] is None for one in found["orders"]] == [one.reclaim is None for one in record.orders]
        assert found["leader"] == record.leader and found["reference"] == str(record.reference)
        assert len(found["reveal_list"]) == len(record.reveals) and found["transactions"]
        if record.settlement:
            assert [tuple(map(int, pair)) for pair in found["settlement"]["slots"]] == list(record.settlement.slots)
            assert (int(found["print"]["price"]), int(found["print"]["volume"])) == record.printed
        else:
            assert found["settlement"] is None and found["print"] is None
    assert get(client, f"/v1/epochs/0/{story.failed}")["slashed"] is not None


def test_unopened_epochs(client, story, ledger):
    now = get(client, "/v1/markets/0")["epoch"]
    assert now == ledger.markets[0].epoch_at(ledger.block)
    assert get(client, f"/v1/epochs/0/{now + 1}")["state"] == "unopened"
    for path in (f"/v1/epochs/0/{now + 2}", "/v1/epochs/1/0", "/v1/markets/1", "/v1/transactions/0x" + "00" * 32, "/v1/blocks/999999"):
        problem = client.get(path)
        assert problem.status_code == 404 and problem.headers["content-type"] == "application/problem+json"
        assert set(problem.json()) == {"type", "title", "status", "detail"}


def test_market(client, story):
    [market] = get(client, "/v1/markets")["items"]
    assert market["base"]["symbol"] == "BTC" and market["terms"]["lot"] == str(story.world.market.lot)
    assert (market["settled"], market["failed"], market["last_print"]["epoch"]) == (1, 1, story.settled)
    [last] = get(client, "/v1/prints")["items"]
    assert last["price"] == market["last_print"]["price"]
    inside = {"from": last["timestamp"], "to": last["timestamp"]}
    assert get(client, "/v1/prints", params=inside)["items"] and not get(client, "/v1/prints", params={"from": last["timestamp"] + 1})["items"]


def test_pages_of_lists_add_up(client):
    for path in ("/v1/transactions", "/v1/proofs", "/v1/epochs"):
        items = everything(client, path)
        whole = get(client, path, params={"limit": 200})["items"]
        assert items == whole and len({json.dumps(one) for one in items}) == len(items)
        assert [one["block"] for one in items if "block" in one] == sorted((one["block"] for one in items if "block" in one), reverse=True)


def test_transactions_and_proofs_are_whole(client, story):
    circuits = {one["circuit"]: one for one in get(client, "/v1/circuits")["items"]}
    for head in everything(client, "/v1/proofs"):
        assert head["verified"] and head["words"] == circuits[head["circuit"]]["words"]
        proof = get(client, f"/v1/proofs/{head['tx']}")
        assert len(proof["words"]) == head["words"] and len(proof["proof"]) == 8 and proof["publics"][0] == head["digest"]
    for one in everything(client, "/v1/transactions"):
        whole = get(client, f"/v1/transactions/{one['hash']}")
        receipt = story.world.chain.web3.eth.get_transaction_receipt(one["hash"])
        assert (receipt["gasUsed"], receipt["from"], receipt["status"]) == (one["gas_used"], one["from"], one["status"])
        assert whole["events"] and (whole["arguments"] is None) == (one["method"] is None)
        if one["contract"] == "Market" and one["method"] in ("commit", "settle"):
            assert one["circuit"] in circuits and one["epoch"] in (story.settled, story.failed)


def test_relayers(client, story):
    world = story.world
    [row] = get(client, "/v1/relayers")["items"]
    detail = get(client, f"/v1/relayers/{row['relayer'].lower()}")
    stakes = world.chain.call(world.chain.contract("Relayers").functions.stakes(row["relayer"]))
    assert tuple(int(row[name]) for name in ("bonded", "unbonding")) == stakes[:2] and int(row["reserved"]) == stakes[3]
    assert (row["seat"], row["led"], row["settled"], row["failed"]) == (0, 2, 1, 1)
    assert [one["epoch"] for one in detail["faults"]] == [story.failed]
    assert detail["faults"][0]["caller"] == world.accounts["stranger"].address
    assert {"Registered", "Bonded", "KeyRegistered", "Reserved", "ReleasedStake", "Slashed"} == {one["event"] for one in detail["history"]}
    parameters = get(client, "/v1/relayers/parameters")
    assert parameters["stake_token"]["address"] == world.deployment.contracts["StakeToken"]


def test_registries(client, story, ledger):
    credentials = get(client, "/v1/credentials")
    assert (credentials["ids"], credentials["active"], int(credentials["root"])) == (ledger.credential_count, 4, ledger.credential_root)
    assert credentials["issuer"] == story.world.accounts["issuer"].address
    assert [int(word) for word in get(client, "/v1/keys")["auditor"][0]["point"]] == list(story.world.auditor.public)
    governance = get(client, "/v1/governance")
    assert governance["admin"] == story.world.accounts["governor"].address and governance["delay"] > 0
    assert {one["method"] for one in governance["proposals"]} == {"set_auditor", "set_treasury", "open_market"}
    contracts = get(client, "/v1/contracts")["items"]
    assert all(one["code_bytes"] > 0 for one in contracts) and {one["kind"] for one in contracts} == {"contract", "verifier", "token"}
    summary = get(client, "/v1/notes/summary")
    pool = story.world.chain.contract("Pool")
    assert int(summary["root"]) == story.world.chain.call(pool.functions.root()) and int(summary["leaves"]) == len(ledger.leaves)
    for one in summary["totals"]:
        assert int(one["total"]) == story.world.chain.call(pool.functions.total(one["token"]["address"]))


def test_search(client, story, ledger):
    order = next(iter(ledger.orders.values()))
    block = get(client, "/v1/status")
    for q, kind in (
        (str(order.oc), "order"), (hex(order.quota_nullifier), "order"), (order.rk, "reveal_account"), (f"0/{order.epoch}", "epoch"),
        (f"epoch {order.epoch}", "epoch"), (str(order.epoch), "epoch"), ("btc", "market"), ("0", "market"), (block["block_hash"], "block"),
        (story.world.leader.account.address, "relayer"), (story.world.deployment.contracts["Pool"], "contract"),
        (str(ledger.leaves[0]), "note"), (str(next(iter(ledger.spent))), "nullifier"), (str(ledger.trees[0].root), "root"),
        (str(ledger.credential_root), "root"), (story.world.deployment.verifiers["commit"].circuit_id, "circuit"),
    ):  # fmt: skip
        assert kind in {one["kind"] for one in get(client, "/v1/search", params={"q": q})["items"]}, q
    for q in ("nothing", "0/", "/", "\0", "²", "1_0", "0x", "9" * 90, "0/" + "9" * 30):
        assert get(client, "/v1/search", params={"q": q}) == {"items": []}


def test_tags(client):
    for path in ("/v1/status", "/v1/epochs", "/v1/relayers"):
        answer = client.get(path)
        again = client.get(path, headers={"If-None-Match": f'"other", {answer.headers["etag"]}'})
        assert again.status_code == 304 and not again.content and again.headers["etag"] == answer.headers["etag"]
        assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_bad_input_is_a_problem(client):
    for path in (
        "/v1/epochs?limit=0", "/v1/epochs?limit=201", "/v1/epochs?cursor=none", "/v1/epochs?cursor=WzFd", "/v1/epochs?state=open",
        "/v1/markets/-1", f"/v1/epochs/0/{1 << 63}", "/v1/proofs/0x12", "/v1/relayers/0x12", "/v1/blocks/01", "/v1/search",
    ):  # fmt: skip
        answer = client.get(path)
        assert answer.status_code == 422 and answer.headers["content-type"] == "application/problem+json", path
    other = get(client, "/v1/transactions", params={"limit": 1})["next"]
    assert "not of this list" in get(client, f"/v1/epochs?cursor={other}", 422)["detail"]
    assert client.post("/v1/status").status_code == 405


# --- Nothing pre-trade ---

PRIVATE_NAMES = {"depth", "bids", "asks", "book", "side", "quantity", "limit_price", "owner", "blinding", "salt", "amount_in", "fills"}
PRICED = {"LastPrint", "EpochPrint", "Print"}
LIQUIDITY = {"LiquidityWindow", "VenueShare", "HeatCell"}
"""Sums of prints (indexer/api/liquidity.py)."""


def secrets_of(story) -> dict[str, set[int]]:
    """Words that only keys open, by what they are: of every order and note of the story."""
    found: dict[str, set[int]] = {"opening": set(), "note": set(), "key": set()}
    for trader in story.world.traders.values():
        wallet = story.world.restore(trader.name)
        wallet.sync()
        for placed in wallet.holdings.orders:
            terms, owner, _, salt = placed.order.opening
            found["opening"] |= {terms, owner, salt}
        found["note"] |= {own.note.blinding for own in wallet.holdings.notes} | {own.nullifier for own in wallet.holdings.notes if not own.spent}
        found["key"] |= {trader.key.sk, trader.key.viewing.scalar}
    found["key"] |= {story.world.auditor.scalar, story.world.treasury.scalar}
    return found


def every_answer(client, story) -> dict[str, str]:
    """What the public gets of every endpoint that it may read, at every place that the lists name."""
    paths = {path for path, methods in client.app.openapi()["paths"].items() if "get" in methods and not path.startswith(("/v1/me", "/v1/audit", "/v1/compliance"))}
    transactions = [one["hash"] for one in everything(client, "/v1/transactions")]
    epochs = [(0, one["epoch"]) for one in everything(client, "/v1/epochs")]
    blocks = {one["block"] for one in everything(client, "/v1/transactions")}
    places = {
        "/v1/markets/{market}": ["/v1/markets/0"],
        "/v1/epochs/{market}/{epoch}": [f"/v1/epochs/{market}/{epoch}" for market, epoch in epochs],
        "/v1/transactions/{hash}": [f"/v1/transactions/{hash}" for hash in transactions],
        "/v1/proofs/{tx}": [f"/v1/proofs/{hash}" for hash in transactions],
        "/v1/blocks/{block}": [f"/v1/blocks/{block}" for block in blocks],
        "/v1/relayers/{address}": [f"/v1/relayers/{story.world.leader.account.address}"],
        "/v1/search": ["/v1/search?q=0", "/v1/search?q=BTC"],
        "/artifacts/{name}": ["/artifacts/transact.wasm"],      # a circuit, the same for all
    }
    unknown = {path for path in paths if "{" in path} - places.keys()
    assert not unknown, f"say what {unknown} is asked for"
    asked = [one for path in sorted(paths) for one in places.get(path, [f"{path}?limit=200" if "liquidity" not in path else path])]
    return {path: client.get(path).content.hex() if path.partition("?")[0].endswith((".bin", ".wasm")) else client.get(path).text for path in asked}


def test_nothing_that_only_keys_open_is_told(client, story):
    answers = every_answer(client, story)
    assert len(answers) > 60
    for kind, words in secrets_of(story).items():
        assert words
        for word in words:
            spelled = str(word), f"{word:x}"
            for path, text in answers.items():
                assert not any(one in text for one in spelled if len(one) > 12), f"{path} tells a word of {kind}"


def test_prices_are_of_prints_alone(client, story):
    schemas = client.app.openapi()["components"]["schemas"]
    for name, schema in schemas.items():
        fields = set(schema.get("properties", {}))
        fields -= {"depth"} if name == "Credentials" else set()     # of the issuer's tree
        assert not fields & PRIVATE_NAMES, (name, fields & PRIVATE_NAMES)
        assert name in PRICED | LIQUIDITY or not fields & {"price", "volume"}, name
    for one in everything(client, "/v1/epochs"):
        if one["print"] is None:
            assert one["epoch"] != story.settled and '"price"' not in client.get(f"/v1/epochs/0/{one['epoch']}").text


