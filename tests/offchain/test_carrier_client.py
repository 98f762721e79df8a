"""The client of a carrier against one that fails, lies or is another's: on this machine, by a script."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from hexbytes import HexBytes
from web3 import Web3
from web3.exceptions import TransactionNotFound

from offchain import contracts
from offchain.calls import Call
from offchain.carrier import CarrierClient, CarrierError, carried_id
from offchain.chain import Reverted
from offchain.deployment import Deployment, Token

POOL, MARKET, CARRIER, USD = (Web3.to_checksum_address(f"0x{digit * 40}") for digit in "1234")
DEPLOYMENT = Deployment(31337, 1, {"Pool": POOL, "Market": MARKET}, {}, {"USD": Token(USD, 6)})
INFO = {"chain_id": 31337, "pool": POOL, "carrier": CARRIER, "fees": {USD: "1000"}}
WORDS = {"market": 0, "epoch": 0, "quota_nullifier": 5, "oc": 6, "point": [0, 1], "ciphertext": [0, 0, 0, 0]}
CALL = Call("Market", "reveal", (WORDS, 27, 1, 1))
TX = "0x" + "ab" * 32
PENDING = {"id": "", "kind": "reveal", "state": "pending", "transaction": TX, "block": None, "reason": None}


class Script:
    """A carrier that answers each request by the next of `answers`: (status, body, headers), or None for a lost
    connection. The last one is given for ever."""

    def __init__(self):
        self.answers, self.seen = [], []
        script = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):  # noqa: N802
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                script.seen.append((self.command, self.path, body, dict(self.headers)))
                answer = (200, INFO, {}) if self.path == "/v1/info" else script.next()
                if answer is None:
                    self.connection.close()
                    return
                status, said, headers = answer
                said = said if isinstance(said, bytes) else json.dumps(said).encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(said)), "Connection": "close", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(said)

            do_POST = do_GET  # noqa: N815

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def next(self):
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def asked(self, method):
        return [entry for entry in self.seen if entry[0] == method and entry[1] != "/v1/info"]


@pytest.fixture
def script():
    made = Script()
    yield made
    made.server.shutdown()
    made.server.server_close()


class Node:
    """Our own node: what it has is in `mined`, by hash."""

    def __init__(self):
        self.market = Web3().eth.contract(address=MARKET, abi=contracts.artifact("Market").abi)
        self.data = self.market.encode_abi("reveal", list(CALL.args))
        self.mined, self.receipts = {}, []
        self.on_receipt = self.receipts.append
        self.web3 = SimpleNamespace(eth=self)

    def contract(self, _name):
        return self.market

    def mine(self, tx=TX, to=MARKET, data=None, status=1):
        sent = {"to": to, "input": HexBytes(data or self.data)}
        self.mined[tx] = sent | {"status": status, "blockNumber": 9, "gasUsed": 7}

    def get_transaction_receipt(self, tx):
        if tx not in self.mined:
            raise TransactionNotFound(tx)
        return self.mined[tx]

    get_transaction = get_transaction_receipt


@pytest.fixture
def node():
    return Node()


def client(script, patience=60.0):
    return CarrierClient(script.url, DEPLOYMENT, patience)


def test_a_lost_connection_is_tried_again_with_the_same_words(script, node):
    node.mine()
    script.answers = [None, None, (202, PENDING, {})]
    receipt = client(script).carry(node, CALL)
    assert (receipt.name, receipt.hash, receipt.block, receipt.gas) == ("reveal", TX, 9, 7)
    assert node.receipts == [receipt]
    posts = script.asked("POST")
    assert len(posts) == 3 and {body for _, _, body, _ in posts} == {posts[0][2]}
    assert json.loads(posts[0][2]) == {"to": MARKET, "data": node.data}


def test_it_waits_for_its_own_node_and_follows_a_higher_offer(script, node):
    other = "0x" + "cd" * 32
    node.mine(other)
    script.answers = [(202, PENDING, {}), (200, PENDING, {}), (200, PENDING | {"transaction": other}, {})]
    assert client(script).carry(node, CALL).hash == other
    [path] = {path for _, path, _, _ in script.asked("GET")}
    assert path == f"/v1/carried/{carried_id(MARKET, bytes.fromhex(node.data[2:]))}"


def test_a_carrier_that_forgot_is_told_again(script, node):
    script.answers = [(202, PENDING | {"transaction": None}, {}), (404, {"detail": "?"}, {}), (202, PENDING, {})]
    node.mine()
    assert client(script).carry(node, CALL).hash == TX
    assert [entry[0] for entry in script.seen[1:]] == ["POST", "GET", "POST"]


def test_it_waits_as_told(script, node):
    node.mine()
    script.answers = [(429, {"detail": "slow"}, {"Retry-After": "1"}), (503, b"<html>", {}), (202, PENDING, {})]
    assert client(script).carry(node, CALL).hash == TX
    script.answers = [(429, {"detail": "full"}, {"Retry-After": "60"})]
    with pytest.raises(CarrierError, match="full.*another carrier"):
        client(script).carry(node, CALL)


def test_the_contract_s_reason_is_its_own_error(script, node):
    script.answers = [(422, {"detail": "the contract refuses it", "reason": "market: window closed"}, {})]
    with pytest.raises(Reverted, match="^reveal: market: window closed$"):
        client(script).carry(node, CALL)
    script.answers = [(202, PENDING | {"state": "failed", "reason": "market: epoch\x1b[31m full"}, {})]
    with pytest.raises(Reverted) as refused:
        client(script).carry(node, CALL)
    assert refused.value.reason == "market: epoch[31m full"


def test_a_refusal_of_the_carrier_s_own_says_what_to_do(script, node):
    script.answers = [(409, {"detail": "another transaction under way uses the same note"}, {})]
    with pytest.raises(CarrierError, match="reveal: .*uses the same note.*another carrier"):
        client(script).carry(node, CALL)
    assert len(script.asked("POST")) == 1


@pytest.mark.parametrize("mined", [{"data": "0x00"}, {"to": POOL}])
def test_another_transaction_is_not_ours(script, node, mined):
    node.mine(**mined)
    script.answers = [(202, PENDING, {})]
    with pytest.raises(CarrierError, match="another transaction"):
        client(script).carry(node, CALL)


def test_what_lands_nowhere_is_given_up_and_not_lost(script, node):
    script.answers = [(202, PENDING, {}), (200, PENDING | {"state": "confirmed", "block": 9}, {})]
    with pytest.raises(CarrierError, match="Nothing is lost"):
        client(script, patience=0.1).carry(node, CALL)
    node.mine(status=0)
    with pytest.raises(CarrierError, match="Nothing is lost"):
        client(script, patience=0.1).carry(node, CALL)


@pytest.mark.parametrize(
    "answer",
    [
        (202, b"not JSON", {}), (202, b"[]", {}), (202, b"[" * 60_000, {}), (202, b" " * 100_000, {}),
        (302, {}, {"Location": "http://127.0.0.1:9/"}),
    ],
)  # fmt: skip
def test_junk_is_refused(script, node, answer):
    script.answers = [answer]
    with pytest.raises(CarrierError):
        client(script, patience=0.1).carry(node, CALL)


@pytest.mark.parametrize("state", [{"transaction": 5}, {"transaction": "0xzz"}, {"state": None, "transaction": {}}])
def test_a_hash_that_is_none_does_not_get_further(script, node, state):
    script.answers = [(202, PENDING | state, {})]
    with pytest.raises(CarrierError, match="names no transaction"):
        client(script).carry(node, CALL)


@pytest.mark.parametrize(
    ("info", "words"),
    [
        ({"chain_id": 1}, "another pool or chain"), ({"pool": MARKET}, "another pool or chain"),
        ({"carrier": "0x12"}, "no carrier"), ({"fees": {USD: 5}}, "no carrier"), ({"fees": {USD: "-5"}}, "no carrier"),
        ({"fees": {"0x12": "5"}}, "no carrier"), ({"fees": 5}, "no carrier"), ({"carrier": None}, "no carrier"),
    ],
)  # fmt: skip
def test_another_deployment_s_carrier_is_refused(script, monkeypatch, info, words):
    monkeypatch.setattr(f"{__name__}.INFO", INFO | info)
    with pytest.raises(CarrierError, match=words):
        client(script)


def test_fees_are_the_carrier_s_by_asset(script):
    made = client(script)
    assert (made.address, made.fee(int(USD, 16))) == (CARRIER, 1_000)
    with pytest.raises(CarrierError, match="names no fee"):
        made.fee(int(POOL, 16))


def test_nothing_there_says_so(script):
    url = script.url
    script.server.shutdown()
    script.server.server_close()
    with pytest.raises(CarrierError, match="does not answer.*is it running"):
        CarrierClient(url, DEPLOYMENT)


@pytest.mark.parametrize(
    "url",
    [
        "", "carrier.example", "http://carrier.example", "ftp://127.0.0.1", "https://", "https://a:b@carrier.example",
        "https://carrier.example/?key=1",
    ],
)  # fmt: skip
def test_where_somebody_could_listen_it_does_not_go(url):
    with pytest.raises(CarrierError, match="no carrier's address"):
        CarrierClient(url, DEPLOYMENT)


def test_every_wallet_s_requests_look_alike(script, node):
    node.mine()
    script.answers = [(202, PENDING, {"Set-Cookie": "who=me"}), (202, PENDING, {})]
    made = client(script)
    for _ in range(2):
        made.carry(node, CALL)
    headers = [{name.lower() for name in entry[3]} for entry in script.asked("POST")]
    assert headers[0] == headers[1] == {
        "host", "user-agent", "accept", "accept-encoding", "connection", "content-length", "content-type",
    }  # fmt: skip
    assert {entry[3]["User-Agent"] for entry in script.seen} == {"shadowpool"}
