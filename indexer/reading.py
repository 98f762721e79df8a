"""A range of blocks read from the node: all of one branch, with the events and transactions that are ours."""

import json
from dataclasses import dataclass
from typing import Any

from eth_utils import keccak
from eth_utils.abi import collapse_if_tuple

from indexer.node import Node
from offchain import contracts
from offchain.abi import ABIError, Tuple, checksummed
from offchain.chain import ChainError
from offchain.deployment import Deployment
from offchain.events import BadLog, Event, EventType
from offchain.ledger import Reorganised

INDEXED = (*contracts.FOLLOWED, "Governor", "Oracle")
"""The contracts of a deployment whose events are kept."""


@dataclass(frozen=True)
class Call:
    """What calldata asks of one of our contracts; `args` by name."""

    contract: str
    method: str
    args: dict[str, Any]


@dataclass(frozen=True)
class Transaction:
    """A transaction as its row keeps it, and the call that it makes of one of our contracts, if it does."""

    row: dict[str, Any]
    call: Call | None


@dataclass(frozen=True)
class Range:
    """Rows of the blocks, in order; events in chain order; transactions by hash."""

    blocks: list[dict[str, Any]]
    events: list[Event]
    transactions: dict[str, Transaction]

    @property
    def last(self) -> dict[str, Any]:
        return self.blocks[-1]


class Reader:
    """Reads a deployment's chain through a node."""

    def __init__(self, node: Node, deployment: Deployment):
        self.node = node
        self.addresses = {deployment.contracts[name]: name for name in INDEXED}
        self._events: dict[tuple[str, bytes], EventType] = {}
        self._functions: dict[tuple[str, bytes], tuple[str, list[str], Tuple]] = {}
        for name in INDEXED:
            for entry in contracts.artifact(name).abi:
                self._learn(name, deployment.contracts[name], entry)

    def _learn(self, name: str, address: str, entry: dict) -> None:
        if entry["type"] == "event":
            kind = EventType(name, entry)
            self._events[address.lower(), kind.topic] = kind
        elif entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure"):
            names = [part["name"] for part in entry["inputs"]]
            self._functions[address, _selector(entry)] = (entry["name"], names, Tuple(entry["inputs"]))

    def head(self) -> int:
        return int(self.node.call("eth_blockNumber"), 16)

    def headers(self, first: int, last: int) -> list[dict | None]:
        """Rows of blocks; None for one that the chain does not have."""
        calls = [(hex(number), False) for number in range(first, last + 1)]
        return [None if header is None else _block(header) for header in self.node.batch("eth_getBlockByNumber", calls)]

    def read(self, first: int, last: int, parent: str | None) -> Range:
        """Blocks `first` to `last`, the first on top of the block called `parent` (if not None).

        Reorganised if they are not one branch; ChainError if the node gives a log that is not ours.
        """
        blocks = self.headers(first, last)
        self._linked(blocks, first, parent)
        hashes = {row["block"]: row["hash"] for row in blocks}
        logs = self._logs(first, last)
        if any(hashes.get(int(log["blockNumber"], 16)) != log["blockHash"] for log in logs):
            raise Reorganised(f"the chain reorganised between blocks {first} and {last} while they were read")
        events = [event for event in map(self._event, logs) if event is not None]
        events.sort(key=lambda event: (event.block, event.index))
        found = Range(blocks, events, self._transactions(events, hashes))
        if self.headers(last, last) != blocks[-1:]:
            raise Reorganised(f"the chain reorganised at or before block {last} while it was read")
        return found

    def _linked(self, blocks: list[dict | None], first: int, parent: str | None) -> None:
        for number, row in enumerate(blocks, first):
            if row is None or row["block"] != number or parent not in (None, row["parent"]):
                raise Reorganised(f"block {number} does not stand on the block before it any more")
            parent = row["hash"]

    def _logs(self, first: int, last: int) -> list[dict]:
        """Logs of a range, halved where a node thinks it too long."""
        span = {"fromBlock": hex(first), "toBlock": hex(last), "address": sorted(self.addresses)}
        try:
            return self.node.call("eth_getLogs", span)
        except ChainError:
            if first == last:
                raise
            middle = (first + last) // 2
            return self._logs(first, middle) + self._logs(middle + 1, last)

    def _event(self, log: dict) -> Event | None:
        try:
            topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
            kind = self._events.get((log["address"].lower(), topics[0] if topics else b""))
            if kind is None:
                return None
            raw = {
                "topics": topics,
                "data": bytes.fromhex(log["data"][2:]),
                "blockNumber": int(log["blockNumber"], 16),
                "blockHash": bytes.fromhex(log["blockHash"][2:]),
                "logIndex": int(log["logIndex"], 16),
                "transactionHash": bytes.fromhex(log["transactionHash"][2:]),
            }
            return kind.read(raw)
        except BadLog as error:
            raise ChainError(str(error)) from None
        except (KeyError, TypeError, ValueError) as error:
            raise ChainError(f"the node gave a malformed log: {error!r}") from None

    def _transactions(self, events: list[Event], hashes: dict[int, str]) -> dict[str, Transaction]:
        wanted = list(dict.fromkeys(event.tx for event in events))
        calls = [(tx,) for tx in wanted]
        sent = self.node.batch("eth_getTransactionByHash", calls)
        done = self.node.batch("eth_getTransactionReceipt", calls)
        found = {}
        for tx, body, receipt in zip(wanted, sent, done):
            if not body or not receipt or hashes.get(int(body["blockNumber"] or "0x0", 16)) != body["blockHash"]:
                raise Reorganised(f"transaction {tx} left the chain while it was read")
            found[tx] = self._transaction(body, receipt)
        return found

    def _transaction(self, body: dict, receipt: dict) -> Transaction:
        target = body.get("to") and checksummed(bytes.fromhex(body["to"][2:]))
        data = bytes.fromhex(body["input"][2:])
        call = self.call(target, data)
        row = {
            "hash": body["hash"],
            "block": int(body["blockNumber"], 16),
            "place": int(body["transactionIndex"], 16),
            "sender": checksummed(bytes.fromhex(body["from"][2:])),
            "target": target,
            "contract": call and call.contract,
            "method": call and call.method,
            "nonce": int(body["nonce"], 16),
            "gas_price": int(receipt["effectiveGasPrice"], 16),
            "gas_used": int(receipt["gasUsed"], 16),
            "input": data,
        }
        return Transaction(row, call)

    def call(self, target: str | None, data: bytes) -> Call | None:
        """What `data` asks of the contract at `target`; None where that is not one of ours."""
        if (found := self._functions.get((target, data[:4]))) is None:
            return None
        method, names, inputs = found
        try:
            return Call(self.addresses[target], method, dict(zip(names, inputs.read(data[4:]), strict=True)))
        except ABIError:
            return None     # the contract took another spelling of it: its words stay hidden


def args_json(args: dict[str, Any]) -> str:
    """An event's arguments as their row keeps them: integers as decimal strings, bytes as 0x…"""
    return json.dumps(_plain(args), separators=(",", ":"))


def _plain(value: Any) -> Any:
    if type(value) is int:
        return str(value)
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return "0x" + value.hex() if isinstance(value, bytes) else value


def _selector(entry: dict) -> bytes:
    return keccak(text=f"{entry['name']}({','.join(map(collapse_if_tuple, entry['inputs']))})")[:4]


def _block(header: dict) -> dict[str, Any]:
    return {
        "block": int(header["number"], 16),
        "hash": header["hash"],
        "parent": header["parentHash"],
        "timestamp": int(header["timestamp"], 16),
    }
