"""What the carrier refuses, each by its own kind of refusal, before anything is sent; and its limits."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import httpx
import pytest
from web3.exceptions import Web3RPCError

from offchain.chain import Chain
from offchain.deployment import DeploymentError
from offchain.field import R
from offchain.keys import SECP256K1_ORDER
from offchain.limits import TokenBucket
from offchain.notes import Side, Terms
from offchain.prover import Q
from relayer.carrier import Policy
from relayer.carrier_calls import KINDS, Refusal
from relayer.carrier_desk import Desk, Status
from relayer.carrier_limits import ClientLimiter
from relayer.config import RelayerConfig
from scripts.cli.common import CommandError
from scripts.cli.relayer.run import policy
from tests.carrying import FEE, GENEROUS, SECONDS, carrier_account, carrying, name, payment, problem, put, sent, zeros
from tests.world import account, anvil, build_world


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with anvil() as url:
        made = build_world(url, tmp_path_factory.mktemp("world"))
        made.issuer.admit_carrier(carrier_account().address)
        made.fund("ash", USD=10**11)
        yield made


@pytest.fixture
def carrier(world, tmp_path):
    policy = replace(GENEROUS, fees={world.asset("USD"): FEE, world.asset("BTC"): 10})
    with carrying(world.chain, tmp_path, policy) as service:
        yield service


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


def test_the_relayer_s_own_carrier_asks_what_its_configuration_says(world):
    """In whole tokens there, in base units here; only of one that may be paid, in tokens that there are."""
    me, usd = carrier_account().address, world.asset("USD")
    config = RelayerConfig(carrier_fees={"USD": "0.50"}, carrier_rate=7, carrier_in_flight=9)
    found = policy(config, world.chain, me)
    assert (found.fees, found.rate, found.in_flight) == ({usd: 500_000}, 7, 9)
    with pytest.raises(CommandError, match="have the issuer admit it"):
        policy(config, world.chain, account(17).address)
    with pytest.raises(DeploymentError, match="no token 'EUR'"):
        policy(replace(config, carrier_fees={"EUR": "1"}), world.chain, me)
    assert policy(RelayerConfig(), world.chain, account(17).address).fees == {}


def test_what_would_fail_is_refused_with_the_contract_s_reason_and_costs_nothing(world, carrier):
    before, call = sent(world), payment(world)
    forged = replace(call, args=(call.args[0], call.args[1] ^ 1, *call.args[2:]))
    assert problem(carrier.post(forged), 422, "refused")["reason"] == "statement: proof refused"
    words = call.args[2] | {"root0": 5}
    unknown = replace(call, args=(*call.args[:2], words, *call.args[3:]))
    assert problem(carrier.post(unknown), 422, "refused")["reason"]
    assert carrier.get(f"/carried/{name(carrier.body(forged))}").status_code == 404
    assert sent(world) == before


def test_what_was_made_while_it_was_asked_for_again_is_no_refusal(monkeypatch):
    """Looked for in vain, then sent by another request: the contract would refuse it now."""
    made = Status("0x01", "reveal", "included")
    looks, desk = iter([None, made]), Desk.__new__(Desk)
    desk._reader = SimpleNamespace(read=lambda to, data: SimpleNamespace(id=made.id, kind=made.kind, words={}))

    def refuse(*_):
        raise Refusal("refused", "market: already revealed")

    monkeypatch.setattr(Desk, "_standing", lambda *_: next(looks))
    monkeypatch.setattr(Desk, "_simulate", refuse)
    assert desk.carry("0x", b"") is made


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
        ("commit", 23, R), ("reveal", 0, 1 << 64), ("reveal", 3, R), ("reveal", 8, R), ("reveal", 10, 0),
        ("reveal", 10, 29), ("reveal", 11, 0), ("reveal", 11, SECP256K1_ORDER), ("reveal", 12, SECP256K1_ORDER // 2 + 1),
        ("reclaim", 14, 1 << 16),
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


def test_a_bucket_refills_with_time():
    now = [0.0]
    bucket = TokenBucket(10, 2, lambda: now[0])
    assert (bucket.take(10), bucket.take(4)) == (0.0, 2.0)
    now[0] = 1.9
    assert bucket.take(4) == pytest.approx(0.1)
    now[0] = 2.0
    assert (bucket.take(4), bucket.take(1)) == (0.0, 0.5)
    now[0] = 1_000.0
    assert (bucket.take(10), bucket.take(1)) == (0.0, 0.5)


def test_a_client_uses_up_its_own_rate_and_all_together_everyone_s():
    limiter = ClientLimiter(2, 1, 5, 1, clients=3, clock=lambda: 0.0)
    assert [limiter.take("192.0.2.1", 1) for _ in range(3)] == [0.0, 0.0, 1.0]
    assert limiter.take("::ffff:192.0.2.1", 1) == 1.0
    assert [limiter.take(host, 1) for host in ("2001:db8::1", "2001:db8::2", "2001:db8:0:0:9::")] == [0.0, 0.0, 1.0]
    assert [limiter.take(host, 1) for host in ("192.0.2.2", "192.0.2.3")] == [0.0, 1.0]


def test_the_clients_that_are_remembered_are_few():
    limiter = ClientLimiter(1, 1, 10**6, 1, clients=3, clock=lambda: 0.0)
    assert [limiter.take(f"192.0.2.{i % 4}", 1) for i in range(12)] == [0.0] * 12
    assert [limiter.take("192.0.2.3", 1), len(limiter._buckets)] == [1.0, 3]


def test_bodies_are_small(world, carrier):
    problem(carrier.post({"to": "0x", "data": "0x" + "00" * 8_192}), 413, "too-large")
    chunks = (b"x" * 1_000 for _ in range(20))
    answer = httpx.post(f"{carrier.url}/v1/carry", content=chunks, timeout=SECONDS, trust_env=False)
    problem(answer, 413, "too-large")


def test_junk_is_answered_as_a_problem(carrier):
    for content in (b"", b"{", b"[]", b"null", b'{"to":"\xff"}', b"[" * 8_000):
        answer = httpx.post(f"{carrier.url}/v1/carry", content=content, timeout=SECONDS, trust_env=False)
        assert "input" not in problem(answer, 400, "malformed")
    problem(carrier.get("/carried/0x00"), 400, "malformed")
    problem(carrier.get("/carried/0x" + "00" * 32), 404, "unknown")
    problem(carrier.get("/nothing"), 404, "unknown")
    assert carrier.get("/carry").status_code == 405


def test_a_page_of_any_origin_may_ask(carrier):
    origin = {"Origin": "https://desk.example"}
    asks = origin | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    assert httpx.options(f"{carrier.url}/v1/carry", headers=asks, timeout=SECONDS).status_code == 200
    answer = httpx.get(f"{carrier.url}/v1/info", headers=origin, timeout=SECONDS)
    assert answer.headers["access-control-allow-origin"] == "*" and "access-control-allow-credentials" not in answer.headers


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
    ash = world.traders["ash"]
    epoch, before = world.open_epoch(), sent(world)
    _, call = ash.wallet.build_commit(0, epoch, Terms(Side.BUY, 1, 500), ash.credential)
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


def test_a_node_that_answers_with_an_error_is_tried_again(world, tmp_path, monkeypatch):
    def refused(*_, **__):
        raise Web3RPCError("header not found")

    chain = Chain(world.chain.rpc_url, world.deployment, confirmations=2)
    with carrying(chain, tmp_path, GENEROUS) as service:
        body = zeros(world, "commit")
        monkeypatch.setattr(chain.web3.manager, "request_blocking", refused)
        answer = service.post(body)
        problem(answer, 503, "unavailable")
        assert "header" not in answer.text and answer.headers["retry-after"]


def test_a_node_that_refuses_to_be_looked_at_ends_no_carrier(world, tmp_path, monkeypatch):
    looked = []

    def refused(head):
        looked.append(head)
        raise Web3RPCError("header not found")

    with carrying(world.chain, tmp_path, GENEROUS) as service:
        monkeypatch.setattr(service.sender, "pump", refused)
        world.mine(1)
        deadline = time.monotonic() + SECONDS
        while len(looked) < 3:
            assert time.monotonic() < deadline, "it looks no more"
            time.sleep(0.02)


def test_a_call_asked_for_often_at_once_takes_free_gas_once(world, tmp_path, monkeypatch):
    """Else a client could use up, with one commit, what everybody's reveals need."""
    ash = world.traders["ash"]
    _, call = ash.wallet.build_commit(0, world.open_epoch(), Terms(Side.BUY, 1, 500), ash.credential)
    with carrying(world.chain, tmp_path, replace(GENEROUS, free_gas=1_000_000)) as service:
        post = service.sender.post

        def slow(*args, **options):
            time.sleep(1)
            return post(*args, **options)

        monkeypatch.setattr(service.sender, "post", slow)
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(service.post, [call] * 4))
    assert [answer.status_code for answer in answers] == [202] * 4, [answer.json() for answer in answers]
