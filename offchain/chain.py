"""A typed client of one chain: transactions on nonce lanes, calls at named blocks, events.

Nothing here is trusted to be final: `confirmations` says how deep a block must be before a
service acts on it (protocol §6).
"""

import threading
import time
from collections import defaultdict, namedtuple
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from eth_account.signers.local import LocalAccount
from requests.exceptions import RequestException
from web3 import HTTPProvider, Web3
from web3.contract import Contract
from web3.contract.contract import ContractConstructor, ContractFunction
from web3.exceptions import BlockNotFound, ContractLogicError, TransactionNotFound, Web3RPCError
from web3.middleware import ExtraDataToPOAMiddleware
from web3.types import RPCEndpoint, RPCResponse

from offchain import contracts
from offchain.deployment import Deployment
from offchain.events import BadLog, Event, EventType

CONFIRMATIONS = 5
TIP_WEI = 10**9
GAS_CAP = 15_000_000
GAS_MARGIN = 250_000
"""Beyond a quarter more than estimated: another order of transactions, or another branch, leaves this
one the work of being first (opening an epoch 157k, asking its source 150k). What is unused is unpaid."""

LOG_SPAN = 2_000
"""Blocks asked for in one request of logs."""

RECEIPTS_AT_ONCE = 100

Sendable = ContractFunction | ContractConstructor


class ChainError(Exception):
    """The node refused, or cannot be reached; the message says why."""


class Reverted(ChainError):
    """A contract refuses the call; `reason` is its own text."""

    def __init__(self, name: str, reason: str):
        super().__init__(f"{name}: {reason}")
        self.name, self.reason = name, reason


@dataclass(frozen=True)
class Receipt:
    """A transaction that a block holds. `seconds` from sending to inclusion."""

    name: str
    hash: str
    block: int
    gas: int
    seconds: float
    proof_seconds: float = 0.0


@dataclass(frozen=True)
class Pending:
    """A transaction that was sent."""

    name: str
    hash: str
    sender: str
    sent: float = field(compare=False)


@dataclass(frozen=True)
class Inclusion:
    """Where a transaction stands on the present branch, and whether it succeeded."""

    block: int
    block_hash: str
    gas: int
    ok: bool


def where(url: str) -> str:
    """A node's address without its path and user, which hold a provider's key: errors are shown and kept."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def silence(url: str, error: Exception) -> ChainError:
    """What a node's silence is told as."""
    return ChainError(f"no chain answers at {where(url)} ({type(error).__name__}): is the node running?")


def calldata(function: Sendable) -> str:
    """A call's bytes, structs given by field name included; the rest of this transaction is nobody's."""
    unused = ("gas", "nonce", "value", "chainId", "maxFeePerGas", "maxPriorityFeePerGas")
    return function.build_transaction(dict.fromkeys(unused, 0))["data"]


class _Node(HTTPProvider):
    """The node, whose silence is a ChainError."""

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        try:
            return super().make_request(method, params)
        except RequestException as error:
            raise silence(self.endpoint_uri, error) from None

    def make_batch_request(self, batch_requests: list[tuple[RPCEndpoint, Any]]) -> list[RPCResponse]:
        try:
            answer = super().make_batch_request(batch_requests)
        except (RequestException, ValueError) as error:
            raise silence(self.endpoint_uri, error) from None
        if not isinstance(answer, list) or len(answer) != len(batch_requests):
            raise ChainError(f"the node at {where(self.endpoint_uri)} refused a batch of {len(batch_requests)} requests")
        return answer


class _Lane:
    """One account's nonces: taken under a lock, so that many sends can be in flight."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.next: int | None = None


class Chain:
    """`deployment` may be None for a chain on which nothing is deployed yet."""

    def __init__(
        self,
        rpc_url: str,
        deployment: Deployment | None = None,
        confirmations: int = CONFIRMATIONS,
        poll_seconds: float = 0.1,
        on_receipt: Callable[[Receipt], None] = lambda receipt: None,
    ):
        self.rpc_url = rpc_url
        self.deployment = deployment
        self.confirmations = confirmations
        self.poll_seconds = poll_seconds
        self.on_receipt = on_receipt
        self.web3 = Web3(_Node(rpc_url, request_kwargs={"timeout": 30}))
        self.web3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)
        self._lanes: dict[str, _Lane] = defaultdict(_Lane)
        self._contracts: dict[str, Contract] = {}
        self.chain_id = self.web3.eth.chain_id
        if deployment and deployment.chain_id != self.chain_id:
            raise ChainError(
                f"the deployment is for chain {deployment.chain_id}, but {where(rpc_url)} is chain {self.chain_id}"
            )

    # --- Reading ---

    def head(self) -> int:
        return self.web3.eth.block_number

    def block_hash(self, number: int) -> bytes | None:
        """The block's hash on the present branch; None if there is no such block."""
        try:
            return bytes(self.web3.eth.get_block(number)["hash"])
        except BlockNotFound:
            return None

    def timestamp(self, number: int) -> int:
        """Seconds of a block."""
        return self.web3.eth.get_block(number)["timestamp"]

    def wait_for(self, block: int, progress: Callable[[int], None] = lambda head: None) -> int:
        """Wait until the head is `block` or later; return it. `progress` sees every new head."""
        seen = -1
        while (head := self.head()) < block:
            if head != seen:
                progress(head)
                seen = head
            time.sleep(self.poll_seconds)
        return head

    def contract(self, name: str) -> Contract:
        """One of the deployment's contracts, by its name there."""
        if name not in self._contracts:
            address = self.deployment.contracts[name]
            self._contracts[name] = self.at(contracts.SOURCES.get(name, name), address)
        return self._contracts[name]

    def at(self, artifact: str, address: str) -> Contract:
        """A contract of a compiled type at an address."""
        return self.web3.eth.contract(address=address, abi=contracts.artifact(artifact).abi)

    def token(self, address: str | int) -> Contract:
        if isinstance(address, int):
            address = as_address(address)
        return self.at("Token", address)

    def call(self, function: ContractFunction, block: int | str = "latest", sender: str | None = None) -> Any:
        """What a view answers, a struct as a named tuple; Reverted with the contract's reason."""
        params = {"from": sender} if sender else {}
        answer = _refusable(function.fn_name, lambda: function.call(params, block_identifier=block))
        outputs = function.abi["outputs"]
        if len(outputs) == 1 and outputs[0]["type"] == "tuple":
            return namedtuple("Struct", [part["name"] for part in outputs[0]["components"]])(*answer)
        return answer

    def events(self, from_block: int, to_block: int) -> list[Event]:
        """Every event of the deployment's contracts in [from_block, to_block], in chain order."""
        types = self._event_types
        found = []
        for first in range(from_block, to_block + 1, LOG_SPAN):
            last = min(first + LOG_SPAN - 1, to_block)
            span = {"fromBlock": first, "toBlock": last, "address": sorted({at for at, _ in types})}
            for log in self.web3.eth.get_logs(span):
                if (kind := types.get((log["address"], b"".join(log["topics"][:1])))) is not None:
                    found.append(_read(kind, log))
        return sorted(found, key=lambda event: (event.block, event.index))

    @cached_property
    def _event_types(self) -> dict[tuple[str, bytes], EventType]:
        """By (address, topic): what a ledger follows."""
        found = {}
        for name in contracts.FOLLOWED:
            contract = self.contract(name)
            for entry in contract.abi:
                if entry["type"] == "event":
                    kind = EventType(name, entry)
                    found[contract.address, kind.topic] = kind
        return found

    # --- Sending ---

    def send(self, account: LocalAccount, call: Sendable, value: int = 0, gas: int | None = None, name: str = "") -> Receipt:
        """Send one transaction and wait until a block holds it."""
        return self.receipt(self.submit(account, call, value, gas, name))

    def submit(
        self, account: LocalAccount, call: Sendable, value: int = 0, gas: int | None = None, name: str = ""
    ) -> Pending:
        """Sign and send `call` (a contract function or constructor) from `account`.

        Without `gas` it is estimated first, so that a refusal is Reverted and nothing is sent;
        with it, a call may depend on one still in flight. ChainError for anything else.
        """
        name = name or getattr(call, "fn_name", "deploy")
        params = {"from": account.address, "value": value}
        gas = self.allowance(call, params, name, gas)
        params |= self.fees() | {"gas": gas, "chainId": self.chain_id}
        sent = time.monotonic()
        return Pending(name, self._send_on_lane(account, call, params, name), account.address, sent)

    def allowance(
        self, call: Sendable, params: dict, name: str, gas: int | None = None, block: int | None = None
    ) -> int:
        """Gas to send a call with: what is given, else estimated on the state after `block` or the head.

        Reverted if the call is refused there; ChainError above the cap.
        """
        if gas is None:
            gas = _refusable(name, lambda: call.estimate_gas(params, block_identifier=block)) * 5 // 4 + GAS_MARGIN
        if gas > GAS_CAP:
            raise ChainError(f"{name} needs {gas} gas, more than the cap of {GAS_CAP}")
        return gas

    def refusal(self, sender: str, tx: dict, block: int) -> str | None:
        """Why a transaction (`to`, `data`, `value`, `gas`) would fail after `block`; None if it would not."""
        try:
            _refusable("call", lambda: self.web3.eth.call(tx | {"from": sender}, block))
        except Reverted as error:
            return error.reason
        except ChainError:
            pass    # the node cannot say
        return None

    def nonce(self, address: str, block: int | str) -> int:
        """How many transactions of an account the chain up to `block` holds; with "pending", and the node's pool."""
        return self.web3.eth.get_transaction_count(address, block)

    def broadcast(self, raw: bytes) -> None:
        """Give the node a signed transaction; ChainError with its words if it does not take it."""
        try:
            self.web3.eth.send_raw_transaction(raw)
        except (Web3RPCError, ValueError) as error:
            raise ChainError(f"the node refused it: {_text(error)}") from None

    def inclusions(self, hashes: list[str]) -> dict[str, Inclusion]:
        """Those of the transactions that the present branch holds, asked for in batches."""
        found = {}
        for first in range(0, len(hashes), RECEIPTS_AT_ONCE):
            asked = [("eth_getTransactionReceipt", [tx]) for tx in hashes[first : first + RECEIPTS_AT_ONCE]]
            for answer in self.web3.provider.make_batch_request(asked):
                if answer.get("error"):
                    raise ChainError(f"the node gave no receipts: {answer['error'].get('message')}")
                if (one := answer["result"]) is not None:
                    number, gas, status = (int(one[name], 16) for name in ("blockNumber", "gasUsed", "status"))
                    found[one["transactionHash"]] = Inclusion(number, one["blockHash"], gas, status == 1)
        return found

    def receipt(self, pending: Pending, timeout: float = 120) -> Receipt:
        """Wait for a sent transaction. Reverted if it failed, ChainError after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while (found := self._find(pending.hash)) is None:
            if time.monotonic() > deadline:
                self._lanes[pending.sender].next = None
                raise ChainError(f"{pending.name}: no block took {pending.hash} in {timeout:.0f} s")
            time.sleep(self.poll_seconds)
        seconds = time.monotonic() - pending.sent
        if found["status"] != 1:
            raise Reverted(pending.name, self.why(pending.hash, found["blockNumber"]))
        receipt = Receipt(pending.name, pending.hash, found["blockNumber"], found["gasUsed"], seconds)
        self.on_receipt(receipt)
        return receipt

    def transfer(self, account: LocalAccount, recipient: str, wei: int) -> Receipt:
        """Send the chain's own coin, which pays for gas."""
        params = {"from": account.address, "to": recipient, "value": wei, "gas": 21_000}
        params |= self.fees() | {"chainId": self.chain_id}
        sent = time.monotonic()
        found = self._send_on_lane(account, None, params, "transfer")
        return self.receipt(Pending("transfer", found, account.address, sent))

    def created(self, pending: Pending) -> str:
        """The address at which a deployment that was mined stands."""
        return self._find(pending.hash)["contractAddress"]

    def fees(self) -> dict:
        """What a transaction offers for gas: four times the base fee, so that it holds while that rises."""
        base = self.web3.eth.get_block("latest")["baseFeePerGas"]
        return {"maxFeePerGas": 4 * base + TIP_WEI, "maxPriorityFeePerGas": TIP_WEI}

    def _send_on_lane(self, account: LocalAccount, call: Sendable | None, params: dict, name: str) -> str:
        lane = self._lanes.setdefault(account.address, _Lane())     # one, whichever thread comes first
        with lane.lock:
            for attempt in range(2):
                if lane.next is None:
                    lane.next = self.web3.eth.get_transaction_count(account.address, "pending")
                full = params | {"nonce": lane.next}
                signed = account.sign_transaction(full if call is None else call.build_transaction(full))
                try:
                    found = self.web3.eth.send_raw_transaction(signed.raw_transaction)
                except (Web3RPCError, ValueError) as error:
                    lane.next = None
                    if attempt == 0 and "nonce too low" in str(error):
                        continue    # another process used the account
                    raise ChainError(f"{name}: the node refused it: {_text(error)}") from None
                lane.next += 1
                return Web3.to_hex(found)

    def _find(self, tx: str) -> dict | None:
        try:
            return self.web3.eth.get_transaction_receipt(tx)
        except TransactionNotFound:
            return None

    def why(self, tx: str, block: int) -> str:
        """Replay a failed transaction on the state before its block, for the reason."""
        sent = self.web3.eth.get_transaction(tx)
        again = {"from": sent["from"], "data": sent["input"], "value": sent["value"]}
        if sent.get("to"):
            again["to"] = sent["to"]
        try:
            self.web3.eth.call(again, block - 1)
        except ContractLogicError as error:
            return _reason(error)
        except (Web3RPCError, ValueError) as error:
            return _text(error)
        return f"failed in block {block}, where the state had changed or its gas ran out"


def as_address(word: int) -> str:
    """A checksummed address from its word."""
    return Web3.to_checksum_address(word.to_bytes(20, "big"))


def _read(kind: EventType, log) -> Event:
    try:
        return kind.read(log)
    except BadLog as error:
        raise ChainError(str(error)) from None


def _refusable(name: str, action: Callable[[], Any]) -> Any:
    try:
        return action()
    except ContractLogicError as error:
        raise Reverted(name, _reason(error)) from None
    except Web3RPCError as error:
        raise ChainError(f"{name}: {_text(error)}") from None


def _reason(error: ContractLogicError) -> str:
    text = str(error.message or error).removeprefix("execution reverted").removeprefix(":").strip()
    return text or "refused without a reason"


def _text(error: Exception) -> str:
    response = getattr(error, "rpc_response", None) or {}
    return str(response.get("error", {}).get("message", error))
