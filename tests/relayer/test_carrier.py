"""The carrier as a service: a whole trade through it, and nothing sent twice, whatever dies."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import httpx
import pytest
from typer.testing import CliRunner

from offchain.carrier import CarrierClient
from offchain.notes import Side, Terms
from offchain.paths import ROOT
from scripts.cli.app import app
from scripts.cli.common import CommandError
from scripts.cli.wallet import address_text
from scripts.ports import kept_port
from tests.carrying import FEE, GENEROUS, SECONDS, carrier_account, carrying, name, payment, problem, sent
from tests.world import anvil, build_world


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with anvil() as url:
        made = build_world(url, tmp_path_factory.mktemp("world"))
        made.issuer.admit_carrier(carrier_account().address)
        for _ in range(4):
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
            world.wallet(who).commit(0, epoch, Terms(side, 4, 500), world.traders[who].credential, carrier=client)
            for who, side in (("ash", Side.BUY), ("birch", Side.SELL), ("cedar", Side.SELL))
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


def test_the_command_line_goes_by_a_carrier_for_at_most_what_is_allowed(world, carrier, tmp_path, monkeypatch):
    ash, file = world.traders["ash"], tmp_path / "deployment.json"
    world.deployment.save(file)
    world.mine(5)   # as deep as the command line reads
    monkeypatch.setenv("SHADOWPOOL_KEY", ash.account.key.hex())
    words = ["--rpc", world.chain.rpc_url, "--deployment", str(file), "wallet", "transfer", "USD", "0.001"]
    words += [address_text(ash.key.address), "--carrier-url", carrier.url, "--json"]
    refused = CliRunner().invoke(app, words)
    assert isinstance(refused.exception, CommandError) and "allow it with --max-fee 0.001000" in str(refused.exception)
    done = CliRunner().invoke(app, [*words, "--max-fee", "0.001"])
    assert done.exit_code == 0, done.exception
    tx = world.chain.web3.eth.get_transaction(json.loads(done.stdout)["hash"])
    assert tx["from"] == carrier_account().address
    world.confirm()
    both = CliRunner().invoke(app, [*words, "--in-my-name"])
    assert isinstance(both.exception, CommandError) and "--carrier-url URL" in str(both.exception)


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
    world.mine(3)   # the node mines what it took in its own time: at the latest in the first of these
    done = carrier.until(name(body), "confirmed")
    assert done["block"] and carrier.post(body).json() == done
    assert sent(world) == before + 1


def test_of_two_that_spend_a_note_at_once_one_is_taken(world, carrier, still, monkeypatch):
    """While the outbox still signs the one, the other is refused already."""
    post, before = carrier.sender.post, sent(world)

    def slow(*args, **options):
        time.sleep(1)
        return post(*args, **options)

    monkeypatch.setattr(carrier.sender, "post", slow)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(carrier.post, [payment(world), payment(world)]))
    assert sorted(answer.status_code for answer in answers) == [202, 409]
    taken = next(answer.json() for answer in answers if answer.status_code == 202)
    world.mine(3)
    carrier.until(taken["id"], "confirmed")
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
    with kept_port() as port:
        words = [
            sys.executable, "-m", "scripts.cli", "--rpc", world.chain.rpc_url,
            "--deployment", folder / "deployment.json", "relayer", "carry", "--fee", "USD=0.001",
            "--listen", f"127.0.0.1:{port}", "--database", f"sqlite:///{folder}/outbox.sqlite3",
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
