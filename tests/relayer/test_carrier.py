"""The carrier as a service: what it carries, what it refuses, and that it sends nothing twice."""

import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import httpx
import pytest

from offchain.carrier import CarrierClient
from offchain.chain import Chain, Reverted, as_address
from offchain.field import R
from offchain.notes import Side, Terms
from offchain.paths import ROOT
from relayer.carrier import PROBLEM, Policy
from relayer.carrier_calls import KINDS, Q, SECP256K1_N
from tests.carrying import GENEROUS, SECONDS, carrier_account, carrying, name
from tests.world import account, anvil, build_world

FEE = 1_000


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with anvil() as url:
        made = build_world(url, tmp_path_factory.mktemp("world"))
        made.issuer.admit_carrier(carrier_account().address)
        for _ in range(3):
            made.wallet("ash").deposit(made.asset("USD"), 10**11, notes=2)
        made.wallet("birch").deposit(made.asset("BTC"), 10**10)
        made.wallet("cedar").deposit(made.asset("BTC"), 10**10)
        made.advance_tree()
        yield made


@pytest.fixture(scope="module")
def policy(world):
    return replace(GENEROUS, fees={world.asset("USD"): FEE, world.asset("BTC"): 10})


@pytest.fixture
def carrier(world, policy, tmp_path):
    with carrying(world.chain, tmp_path, policy) as service:
        yield service


@pytest.fixture
def still(world):
    """No block by itself: `world.mine` makes them."""
    world.chain.web3.provider.make_request("evm_setAutomine", [False])
    yield
    world.chain.web3.provider.make_request("evm_setAutomine", [True])
    world.mine(1)


def payment(world):
    """A payment within the pool, proven: ash's to itself, for the fee."""
    ash, usd = world.wallet("ash"), world.asset("USD")
    carrier = int(carrier_account().address, 16)
    return ash.build_transact(usd, ash._pick(usd, 5_000 + FEE), [(5_000, ash.address)], fee=FEE, carrier=carrier)


def problem(answer, status, slug):
    """The document of a refusal."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    found = answer.json()
    assert (answer.status_code, found["status"], found["type"]) == (status, status, PROBLEM + slug), found
    assert found["detail"]
    return found


def sent(world):
    return world.chain.nonce(carrier_account().address, "pending")


def zeros(world, kind, **words):
    """Calldata of a kind with nothing in it but these words of its struct."""
    function = world.chain.contract(KINDS[kind]).functions[kind].abi
    args = [_zero(part) for part in function["inputs"]]
    struct = next(arg for arg in args if isinstance(arg, dict))
    struct |= words
    contract = world.chain.contract(KINDS[kind])
    return {"to": contract.address, "data": contract.encode_abi(kind, args)}


def _zero(part):
    kind = part["type"]
    if kind == "tuple":
        return {inner["name"]: _zero(inner) for inner in part["components"]}
    if kind.endswith("]"):
        return [0] * int(kind[kind.index("[") + 1 : -1])
    return as_address(0) if kind == "address" else {"v": 27, "sig_r": 1, "sig_s": 1}.get(part["name"], 0)


def put(body, place, word):
    """Calldata with another word at a place."""
    at = 10 + 64 * place
    return body | {"data": body["data"][:at] + f"{word:064x}" + body["data"][at + 64 :]}


# --- A trade ---


def test_a_whole_trade_names_no_trader_but_where_tokens_leave(world, policy, tmp_path):
    """Commit, cancel, reveal, a payment, a withdrawal: all by the carrier; its database knows no trader either."""
    chain, usd, btc = world.chain, world.asset("USD"), world.asset("BTC")
    ash, birch, cedar = (world.wallet(trader) for trader in ("ash", "birch", "cedar"))
    first = chain.head() + 1
    with carrying(chain, tmp_path, policy) as service:
        client = CarrierClient(service.url, world.deployment)
        epoch = world.open_epoch()
        orders = [
            wallet.commit(0, epoch, Terms(side, 4, 500), world.traders[trader].credential, carrier=client)
            for trader, wallet, side in (("ash", ash, Side.BUY), ("birch", birch, Side.SELL), ("cedar", cedar, Side.SELL))
        ]
        world.confirm()
        assert cedar.reclaim(orders[2], carrier=client).name == "reclaim"
        windows = world.market.windows(epoch)
        world.go_to(windows.reveal)
        for wallet, placed in zip((ash, birch), orders):
            wallet.reveal(placed, carrier=client)
        report = world.settle(0, epoch)
        assert (report.count, report.volume) == (2, 4)
        world.advance_tree()
        birch.transfer(usd, 100, ash.address, fee=client.fee(usd), carrier=client)
        paid = ash.withdraw(btc, 1_000, ash.account.address, fee=client.fee(btc), carrier=client)
    for symbol, fee in (("USD", FEE), ("BTC", 10)):
        held = chain.token(world.asset(symbol)).functions.balanceOf(carrier_account().address)
        assert chain.call(held) == fee
    traders = [trader.account.address[2:].lower() for trader in world.traders.values()]
    seen = 0
    for block in range(first, chain.head() + 1):
        for tx in chain.web3.eth.get_block(block, full_transactions=True)["transactions"]:
            public = tx["from"].lower() + tx["input"].hex()
            logs = chain.web3.eth.get_transaction_receipt(tx["hash"])["logs"]
            public += "".join(log["data"].hex() + "".join(topic.hex() for topic in log["topics"]) for log in logs)
            named = [trader for trader in traders if trader in public]
            assert named == ([ash.account.address[2:].lower()] if tx["hash"].to_0x_hex() == paid.hash else [])
            seen += tx["from"] == carrier_account().address
    assert seen == 8
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert not any(trader.encode() in stored.lower() or bytes.fromhex(trader) in stored for trader in traders)


def test_info_says_what_is_carried_for_what(world, carrier):
    answer = carrier.get("/info")
    assert answer.json() == {
        "chain_id": world.chain.chain_id,
        "pool": world.deployment.contracts["Pool"],
        "market": world.deployment.contracts["Market"],
        "carrier": carrier_account().address,
        "fees": {world.deployment.tokens["USD"].address: str(FEE), world.deployment.tokens["BTC"].address: "10"},
        "limits": {
            "body_bytes": 8_192, "requests_per_second": 10**5, "burst": 10**5, "free_gas_per_hour": GENEROUS.free_gas,
        },
    }  # fmt: skip
    assert not {"set-cookie", "server", "date"} & set(answer.headers)


# --- Once ---


def test_asked_often_and_at_once_it_is_one_transaction(world, carrier):
    body, before = carrier.body(payment(world)), sent(world)
    with ThreadPoolExecutor(8) as pool:
        answers = [answer.json() for answer in pool.map(carrier.post, [body] * 8)]
    assert len({answer["transaction"] for answer in answers}) == 1
    assert {answer["id"] for answer in answers} == {name(body)}
    world.mine(2)
    done = carrier.until(name(body), "confirmed")
    assert done["block"] and carrier.post(body).json() == done
    assert sent(world) == before + 1


def test_a_note_is_spent_by_one_transaction_at_a_time(world, policy, tmp_path, still):
    """409 while another one is under way, after a restart too; then the contract's own refusal."""
    one, other = payment(world), payment(world)
    assert one.args[2]["nf0"] == other.args[2]["nf0"]
    before = sent(world)
    with carrying(world.chain, tmp_path, policy) as service:
        body = service.body(one)
        assert service.post(body).json()["state"] == "pending"
        problem(service.post(other), 409, "conflict")
    with carrying(world.chain, tmp_path, policy) as service:
        problem(service.post(other), 409, "conflict")
        again = service.post(body).json()
        assert (again["state"], sent(world)) == ("pending", before + 1)
        world.mine(3)
        assert service.until(name(body), "confirmed")["transaction"] == again["transaction"]
        refused = problem(service.post(other), 422, "refused")
        assert refused["reason"] == "pool: note spent"


def test_killed_mid_flight_the_command_goes_on_where_it_was(world, tmp_path, still):
    """`shadowpool relayer carry`, killed with a transaction in the node's pool alone, then started again."""
    world.deployment.save(tmp_path / "deployment.json")
    call, before = payment(world), sent(world)
    pool = world.chain.contract("Pool")
    body = {"to": pool.address, "data": pool.encode_abi("transact", list(call.args))}
    with httpx.Client(trust_env=False, timeout=SECONDS) as http:
        with command(world, tmp_path) as (process, url):
            first = http.post(f"{url}/v1/carry", json=body).json()
            os.kill(process.pid, signal.SIGKILL)
        with command(world, tmp_path) as (process, url):
            assert http.post(f"{url}/v1/carry", json=body).json()["transaction"] == first["transaction"]
            world.mine(1 + 5)
            deadline = time.monotonic() + SECONDS
            while (found := http.get(f"{url}/v1/carried/{name(body)}").json())["state"] != "confirmed":
                assert time.monotonic() < deadline, found
                time.sleep(0.05)
            process.terminate()
            assert process.wait(SECONDS) == 0
    assert found["transaction"] == first["transaction"] and sent(world) == before + 1


@contextmanager
def command(world, folder):
    """(process, URL) of the command, from when it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [
        sys.executable, "-m", "scripts.cli", "--rpc", world.chain.rpc_url, "--deployment", folder / "deployment.json",
        "relayer", "carry", "--fee", "USD=0.001", "--listen", f"127.0.0.1:{port}",
        "--database", f"sqlite:///{folder}/outbox.sqlite3",
    ]  # fmt: skip
    variables = os.environ | {"SHADOWPOOL_KEY": carrier_account().key.hex()}
    process = subprocess.Popen(words, cwd=ROOT, env=variables, stdout=subprocess.DEVNULL)
    try:
        yield process, _answering(f"http://127.0.0.1:{port}", process)
    finally:
        process.kill()
        process.wait()


def _answering(url, process):
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            httpx.get(f"{url}/v1/info", trust_env=False, timeout=SECONDS)
            return url
        except httpx.HTTPError:
            assert process.poll() is None and time.monotonic() < deadline, "the carrier does not start"
            time.sleep(0.1)


# --- Refused ---


def test_a_transact_pays_this_carrier_what_it_asks(world, carrier):
    before, usd = sent(world), world.deployment.tokens["USD"].address
    words = {"fee": FEE, "carrier": account(17).address, "asset": usd}
    found = problem(carrier.post(zeros(world, "transact", **words)), 422, "wrong-carrier")
    assert carrier_account().address in found["detail"]
    words |= {"fee": FEE - 1, "carrier": carrier_account().address}
    assert str(FEE) in problem(carrier.post(zeros(world, "transact", **words)), 402, "fee-too-low")["detail"]
    problem(carrier.post(zeros(world, "transact")), 402, "fee-too-low")
    words |= {"fee": 10**9, "asset": world.deployment.tokens["STAKE"].address}
    problem(carrier.post(zeros(world, "transact", **words)), 402, "fee-too-low")
    problem(carrier.post(zeros(world, "transact", deposit=1)), 422, "deposit")
    assert sent(world) == before


def test_what_would_fail_is_refused_with_the_contract_s_reason_and_costs_nothing(world, carrier):
    before, call = sent(world), payment(world)
    forged = replace(call, args=(call.args[0], call.args[1] ^ 1, *call.args[2:]))
    assert problem(carrier.post(forged), 422, "refused")["reason"] == "statement: proof refused"
    words = call.args[2] | {"root0": 5}
    unknown = replace(call, args=(*call.args[:2], words, *call.args[3:]))
    assert problem(carrier.post(unknown), 422, "refused")["reason"]
    assert carrier.get(f"/carried/{name(carrier.body(forged))}").status_code == 404
    assert sent(world) == before


def test_only_four_functions_of_this_deployment_are_carried(world, carrier):
    pool, market = (world.chain.contract(name) for name in ("Pool", "Market"))
    for body in (
        {"to": pool.address, "data": pool.encode_abi("pause")},
        {"to": market.address, "data": market.encode_abi("fail", [0, 0])},
        {"to": pool.address, "data": zeros(world, "commit")["data"]},
        zeros(world, "commit") | {"to": world.deployment.tokens["USD"].address},
        {"to": pool.address, "data": "0x00"},
    ):
        problem(carrier.post(body), 422, "unknown-function")


@pytest.mark.parametrize("kind", KINDS)
def test_calldata_has_one_spelling(world, carrier, kind):
    body = zeros(world, kind)
    problem(carrier.post(body | {"data": body["data"] + "00"}), 400, "malformed")
    problem(carrier.post(body | {"data": body["data"] + "00" * 32}), 400, "malformed")
    problem(carrier.post(body | {"data": body["data"][:-2]}), 400, "malformed")
    problem(carrier.post(body | {"data": body["data"][:-1]}), 400, "malformed")
    problem(carrier.post(body | {"data": body["data"].upper()}), 400, "malformed")
    problem(carrier.post(body | {"gas": 1}), 400, "malformed")
    problem(carrier.post({"to": body["to"]}), 400, "malformed")
    problem(carrier.post({"to": "0x00", "data": body["data"]}), 400, "malformed")


@pytest.mark.parametrize(
    ("kind", "place", "word"),
    [
        ("commit", 0, Q), ("commit", 8, R), ("commit", 9, 1 << 64), ("commit", 15, R), ("commit", 22, 1 << 64),
        ("commit", 23, R), ("reveal", 0, 1 << 64), ("reveal", 3, R), ("reveal", 8, R), ("reveal", 10, 0), ("reveal", 10, 29),
        ("reveal", 11, 0), ("reveal", 11, SECP256K1_N), ("reveal", 12, SECP256K1_N // 2 + 1), ("reclaim", 14, 1 << 16),
        ("transact", 18, 1 << 128), ("transact", 20, 1 << 128),
    ],
)  # fmt: skip
def test_every_number_is_of_its_range(world, carrier, kind, place, word):
    problem(carrier.post(put(zeros(world, kind), place, word)), 422, "out-of-range")
    if word > 30:   # what is refused is the range alone
        assert not carrier.post(put(zeros(world, kind), place, word - 1)).json()["type"].endswith("out-of-range")


def test_an_address_of_more_than_twenty_bytes_is_malformed(world, carrier):
    problem(carrier.post(put(zeros(world, "commit"), 20, 1 << 160)), 400, "malformed")


def test_free_kinds_name_an_order_that_exists(world, carrier):
    world.open_epoch()
    for kind in ("reveal", "reclaim"):
        problem(carrier.post(zeros(world, kind, quota_nullifier=7)), 422, "no-order")


def test_an_epoch_or_market_beyond_all_is_refused(world, carrier):
    problem(carrier.post(zeros(world, "commit", epoch=(1 << 64) - 1)), 422, "window")
    found = problem(carrier.post(zeros(world, "commit", market=5)), 422, "refused")
    assert found["reason"] == "market: unknown market"


def test_what_would_land_after_its_window_is_not_sent(world, carrier):
    """It would pass as of the head, and fail in the block that takes it."""
    ash, before = world.traders["ash"], sent(world)
    epoch = world.open_epoch()
    _, call = ash.wallet.build_commit(0, epoch, Terms(Side.BUY, 1, 500), ash.credential)
    world.go_to(world.market.windows(epoch).freeze - 1)
    world.chain.call(call.on(world.chain))
    assert str(world.market.windows(epoch).freeze) in problem(carrier.post(call), 422, "window")["detail"]
    assert sent(world) == before


# --- Limits ---


def test_bodies_are_small(world, carrier):
    problem(carrier.post({"to": "0x", "data": "0x" + "00" * 8_192}), 413, "too-large")
    chunks = (b"x" * 1_000 for _ in range(20))
    answer = httpx.post(f"{carrier.url}/v1/carry", content=chunks, timeout=SECONDS, trust_env=False)
    problem(answer, 413, "too-large")


def test_junk_is_answered_as_a_problem(carrier):
    post = lambda content: httpx.post(f"{carrier.url}/v1/carry", content=content, timeout=SECONDS, trust_env=False)  # noqa: E731
    for content in (b"", b"{", b"[]", b"null", b'{"to":"\xff"}', b"[" * 8_000):
        assert "input" not in problem(post(content), 400, "malformed")
    problem(carrier.get("/carried/0x00"), 400, "malformed")
    problem(carrier.get("/carried/0x" + "00" * 32), 404, "unknown")
    problem(carrier.get("/nothing"), 404, "unknown")
    assert carrier.get("/carry").status_code == 405


def test_too_many_requests_wait(world, tmp_path):
    clock = [0.0]
    with carrying(world.chain, tmp_path, Policy(client_burst=2), clock=lambda: clock[0]) as service:
        body = {"to": world.deployment.contracts["Pool"], "data": "0x00"}
        for _ in range(2):
            problem(service.post(body), 422, "unknown-function")
        answer = service.post(body)
        problem(answer, 429, "rate")
        assert answer.headers["retry-after"] == "2"
        clock[0] += 1.0
        problem(service.post(body), 422, "unknown-function")


def test_free_gas_has_a_budget(world, tmp_path):
    cedar = world.traders["cedar"]
    epoch, before = world.open_epoch(), sent(world)
    _, call = cedar.wallet.build_commit(0, epoch, Terms(Side.SELL, 1, 500), cedar.credential)
    with carrying(world.chain, tmp_path, replace(GENEROUS, free_gas=100_000)) as service:
        answer = service.post(call)
        problem(answer, 429, "budget")
        assert int(answer.headers["retry-after"]) > 60
    assert sent(world) == before


def test_a_lost_chain_is_said_without_its_address(world, tmp_path):
    chain = Chain(world.chain.rpc_url, world.deployment, confirmations=2)
    with carrying(chain, tmp_path, GENEROUS) as service:
        body = zeros(world, "commit")
        chain.web3.provider.endpoint_uri = "http://127.0.0.1:9"
        answer = service.post(body)
        problem(answer, 503, "unavailable")
        assert "127.0.0.1" not in answer.text and answer.headers["retry-after"]


def test_a_transaction_that_failed_on_chain_says_why_and_stays_failed(world, policy, tmp_path, still):
    """Another one spends its note first, in the block that takes both."""
    one, other = payment(world), payment(world)
    with carrying(world.chain, tmp_path, policy) as service:
        world.chain.submit(world.accounts["stranger"], other.on(world.chain), gas=2_000_000)
        body = service.body(one)
        assert service.post(body).json()["state"] == "pending"
        world.mine(3)
        assert service.until(name(body), "failed")["reason"].startswith("failed in block")
        assert problem(service.post(body), 422, "refused")["reason"] == "pool: note spent"
        assert service.get(f"/carried/{name(body)}").json()["state"] == "failed"
