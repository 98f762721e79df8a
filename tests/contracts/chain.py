"""An anvil of our own (London rules) and contracts on it, by plain JSON-RPC."""

import http.client
import json
import subprocess
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest
from eth_abi import decode, encode
from eth_utils import keccak, to_checksum_address
from eth_utils.abi import collapse_if_tuple

from scripts.contracts import load
from scripts.ports import kept_port
from tests.world import ANVIL, ANVIL_STATES

GAS = 8_000_000
GENESIS_TIME = 1_700_000_000


class Reverted(Exception):
    """A call that the chain refused; the message is the contract's reason."""


@contextmanager
def reverts(reason: str):
    with pytest.raises(Reverted) as caught:
        yield
    assert str(caught.value) == reason


class Chain:
    """One block a transaction and one second a block, so that gas and times repeat exactly."""

    def __init__(self):
        self._kept = ExitStack()
        self.port = self._kept.enter_context(kept_port())
        options = ["--hardfork", "london", "--host", "127.0.0.1", "--port", str(self.port), "--silent"]
        options += ["--timestamp", str(GENESIS_TIME), "--accounts", "40", "--gas-limit", "60000000"]
        options += ["--disable-default-create2-deployer", *ANVIL_STATES]
        self.automine = True
        self.process = subprocess.Popen([str(ANVIL), *options], stdin=subprocess.DEVNULL)
        self._http = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        self._await()
        self.rpc("anvil_setBlockTimestampInterval", 1)
        self.accounts = [to_checksum_address(account) for account in self.rpc("eth_accounts")]
        self.id = int(self.rpc("eth_chainId"), 16)

    def stop(self):
        self._http.close()
        self.process.kill()
        self.process.wait()
        self._kept.close()

    def _await(self):
        deadline = time.monotonic() + 60
        while True:
            try:
                self.rpc("eth_chainId")
                return
            except ConnectionRefusedError:
                self._http.close()
                if time.monotonic() > deadline or self.process.poll() is not None:
                    self.stop()
                    raise
                time.sleep(0.02)

    def rpc(self, method: str, *params):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        self._http.request("POST", "/", body, {"Content-Type": "application/json"})
        answer = json.loads(self._http.getresponse().read())
        if "error" in answer:
            error = answer["error"]
            data = error.get("data")
            if error.get("code") == 3 or "revert" in error["message"]:
                raise Reverted(_reason(data if isinstance(data, str) else "0x"))
            raise RuntimeError(f"{method}: {error}")
        return answer["result"]

    @property
    def block(self) -> int:
        return int(self.rpc("eth_blockNumber"), 16)

    @property
    def time(self) -> int:
        return int(self.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def mine(self, count: int = 1):
        self.rpc("anvil_mine", hex(count))

    def before(self, number: int):
        """Mine until the next transaction runs in block `number`."""
        gap = number - 1 - self.block
        assert gap >= 0, f"block {number} is past"
        if gap:
            self.mine(gap)

    @contextmanager
    def one_block(self):
        """What is sent inside lands in one block, unchecked."""
        self.rpc("evm_setAutomine", False)
        self.automine = False
        try:
            yield
            self.mine()
        finally:
            self.rpc("evm_setAutomine", True)
            self.automine = True

    @contextmanager
    def undone(self):
        """What happens inside did not happen, once it is over."""
        mark, block = self.rpc("evm_snapshot"), self.block
        yield
        # A receipt may be out before its transaction has left the pool: it would be mined once more.
        while int(self.rpc("txpool_status")["pending"], 16):
            time.sleep(0.001)
        assert self.rpc("evm_revert", mark) and self.block == block, "anvil did not revert"

    def impersonate(self, account: str):
        """Let a contract send transactions."""
        self.rpc("anvil_impersonateAccount", account)
        self.rpc("anvil_setBalance", account, hex(10**18))

    def send(self, sender: str, data: str, to: str | None = None, gas: int = GAS) -> "Receipt | None":
        """Mine a transaction; Reverted with its reason if it fails. None inside `one_block`."""
        request = {"from": sender, "data": data, "gas": hex(gas)} | ({"to": to} if to else {})
        hash_ = self.rpc("eth_sendTransaction", request)
        if not self.automine:
            return None
        while (receipt := self.rpc("eth_getTransactionReceipt", hash_)) is None:
            time.sleep(0.001)
        if int(receipt["status"], 16) == 0:
            trace = self.rpc("debug_traceTransaction", hash_, {"tracer": "callTracer"})
            raise Reverted(_reason(trace.get("output", "0x")))
        return Receipt(receipt)

    def deploy(self, name: str, *arguments, sender: str | None = None) -> "Contract":
        artifact = load(name)
        entry = next((e for e in artifact["abi"] if e["type"] == "constructor"), {"inputs": []})
        data = artifact["bytecode"] + encode(_types(entry["inputs"]), arguments).hex()
        receipt = self.send(sender or self.accounts[0], data)
        return Contract(self, to_checksum_address(receipt.raw["contractAddress"]), artifact["abi"])


def _reason(output: str) -> str:
    raw = bytes.fromhex(output[2:])
    return decode(["string"], raw[4:])[0] if raw[:4] == bytes.fromhex("08c379a0") else raw.hex()


def _types(entries: list[dict]) -> list[str]:
    return [collapse_if_tuple(entry) for entry in entries]


def _selector(entry: dict) -> str:
    return "0x" + keccak(text=f"{entry['name']}({','.join(_types(entry['inputs']))})")[:4].hex()


@dataclass
class Receipt:
    raw: dict

    @property
    def gas(self) -> int:
        return int(self.raw["gasUsed"], 16)

    @property
    def block(self) -> int:
        return int(self.raw["blockNumber"], 16)


class Contract:
    """Its functions are methods: views are called, the others sent (`sender=`, `gas=`)."""

    def __init__(self, chain: Chain, address: str, abi: list[dict]):
        self.chain, self.address, self.abi = chain, address, abi
        self.functions = {e["name"]: e for e in abi if e["type"] == "function"}
        self.events = {e["name"]: e for e in abi if e["type"] == "event"}

    def encode(self, name: str, *arguments) -> str:
        entry = self.functions[name]
        return _selector(entry) + encode(_types(entry["inputs"]), arguments).hex()

    def __getattr__(self, name: str):
        entry = self.functions[name]
        if entry["stateMutability"] in ("view", "pure"):
            return lambda *arguments: self.call(name, *arguments)
        return lambda *arguments, sender=None, gas=GAS: self.chain.send(
            sender or self.chain.accounts[0], self.encode(name, *arguments), self.address, gas
        )

    def call(self, name: str, *arguments, sender: str | None = None):
        """What the function returns, against the state after the last block."""
        request = {"from": sender or self.chain.accounts[0], "to": self.address, "gas": hex(GAS)}
        raw = self.chain.rpc("eth_call", request | {"data": self.encode(name, *arguments)}, "latest")
        values = decode(_types(self.functions[name]["outputs"]), bytes.fromhex(raw[2:]))
        return values[0] if len(values) == 1 else values

    def fields(self, name: str, *arguments) -> dict:
        """A view that returns one struct, by member name."""
        members = self.functions[name]["outputs"][0]["components"]
        return dict(zip([m["name"] for m in members], self.call(name, *arguments), strict=True))

    def logs(self, receipt: Receipt, name: str) -> list[dict]:
        """The receipt's events of that name by this contract."""
        entry = self.events[name]
        topic = "0x" + keccak(text=f"{name}({','.join(_types(entry['inputs']))})").hex()
        plain = [e for e in entry["inputs"] if not e["indexed"]]
        indexed = [e for e in entry["inputs"] if e["indexed"]]
        found = []
        for log in receipt.raw["logs"]:
            if log["topics"][0] == topic and to_checksum_address(log["address"]) == self.address:
                values = decode(_types(plain), bytes.fromhex(log["data"][2:]))
                event = dict(zip([e["name"] for e in plain], values, strict=True))
                for member, word in zip(indexed, log["topics"][1:], strict=True):
                    event[member["name"]] = decode([member["type"]], bytes.fromhex(word[2:]))[0]
                found.append(event)
        return found
