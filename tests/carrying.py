"""A carrier's service for tests: on a free port of this machine, in this process."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from offchain.calls import Call
from offchain.carrier import carried_id
from offchain.chain import Chain, as_address
from relayer.carrier import PROBLEM, Policy, carrier_app, serve, server
from relayer.carrier_calls import KINDS
from relayer.sender import Sender
from relayer.store import Store
from tests.world import account

SECONDS = 240.0
FEE = 1_000
GENEROUS = Policy(client_burst=10**5, burst=10**5, client_rate=10**5, rate=10**5)


def carrier_account():
    """An account that nobody else in a test's world sends from."""
    return account(18)


@dataclass
class Carrying:
    """The service at `url`, asked as plain HTTP."""

    url: str
    chain: Chain
    sender: Sender

    def body(self, call: Call) -> dict:
        contract = self.chain.contract(call.contract)
        return {"to": contract.address, "data": contract.encode_abi(call.function, list(call.args))}

    def post(self, what: Call | dict) -> httpx.Response:
        body = what if isinstance(what, dict) else self.body(what)
        return httpx.post(f"{self.url}/v1/carry", json=body, timeout=SECONDS, trust_env=False)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.url}/v1{path}", timeout=SECONDS, trust_env=False)

    def until(self, id: str, *states: str) -> dict:
        """The submission once it is in one of the states."""
        deadline = time.monotonic() + SECONDS
        while (found := self.get(f"/carried/{id}").json())["state"] not in states:
            assert time.monotonic() < deadline, found
            time.sleep(0.02)
        return found


def name(body: dict) -> str:
    """The id of a submission."""
    return carried_id(body["to"], bytes.fromhex(body["data"][2:]))


@contextmanager
def carrying(chain: Chain, folder: Path, policy: Policy = GENEROUS, who=None, **options) -> Iterator[Carrying]:
    """A running carrier over an outbox in `folder`; started again over the same one it goes on."""
    store = Store.open(f"sqlite:///{folder}/carrier.sqlite3", chain.deployment)
    sender = Sender(chain, store, who or carrier_account())
    serving = server(carrier_app(chain, sender, policy, **options), port=0)
    thread = threading.Thread(target=serve, args=(serving, sender), daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + SECONDS
        while not serving.started:
            assert thread.is_alive() and time.monotonic() < deadline, "the carrier does not start"
            time.sleep(0.01)
        port = serving.servers[0].sockets[0].getsockname()[1]
        yield Carrying(f"http://127.0.0.1:{port}", chain, sender)
    finally:
        serving.should_exit = True
        thread.join(SECONDS)
        sender.close()
        store.close()


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
