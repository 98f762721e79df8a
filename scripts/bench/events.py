"""A chain of a busy pool, made up: consistent to the last root and chain, but for its proofs.

Every epoch has eight orders, each with a deposit before and a withdrawal after it in half the cases; all
are revealed, settled and printed, and chunks advance as they fill. Tables of JSON texts, as a node gives them.
"""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from random import Random
from typing import Any

from eth_utils import keccak, to_checksum_address
from eth_utils.abi import collapse_if_tuple

from indexer.reading import INDEXED
from indexer.trees import Edge
from offchain import contracts
from offchain.babyjubjub import Point
from offchain.deployment import CircuitEntry, Deployment
from offchain.merkle import CHUNK, CredentialTree
from offchain.streams import Reveal, commit_link, reveal_link

ORDERS = 8
MARKET = 0
START, COMMIT, FREEZE, REVEAL, SETTLE, DEFERRAL = 40, 8, 1, 8, 8, 10
CIRCUITS = ("transact", "commit", "reclaim", "advance", "print", "key", "settle_8")
CREDENTIALS = 64
"""Leaves that the issuer sets at once, every CREDENTIAL_EPOCHS epochs."""
CREDENTIAL_EPOCHS = 50


def address(name: str) -> str:
    return to_checksum_address(keccak(text=name)[12:])


def deployment() -> Deployment:
    """Addresses and circuit ids that nothing stands behind."""
    found = {name: address(name) for name in (*INDEXED, "StakeToken")}
    verifiers = {name: CircuitEntry(address(f"verifier {name}"), "0x" + keccak(text=name).hex()) for name in CIRCUITS}
    return Deployment(31337, 1, found, verifiers, {})


def encoded(inputs: list[dict], values: list[Any]) -> bytes:
    """The ABI encoding of values of which at most one is a dynamic array."""
    head, tail = [], []
    size = 32 * sum(1 if part["type"].endswith("[]") else len(_flat(value)) for part, value in zip(inputs, values))
    for part, value in zip(inputs, values, strict=True):
        if part["type"].endswith("[]"):
            head.append(size)
            tail = [len(value), *_flat(value)]
        else:
            head += _flat(value)
    return b"".join(word.to_bytes(32, "big") for word in (*head, *tail))


def _flat(value: Any) -> list[int]:
    if isinstance(value, (list, tuple)):
        return [word for one in value for word in _flat(one)]
    return [int(value, 16) if isinstance(value, str) else int(value)]


class Abi:
    """Entries of the followed contracts by (contract, name), with their topic or selector."""

    def __init__(self) -> None:
        self.events: dict[tuple[str, str], tuple[dict, str]] = {}
        self.functions: dict[tuple[str, str], tuple[dict, bytes]] = {}
        for contract in INDEXED:
            for entry in contracts.artifact(contract).abi:
                types = ",".join(map(collapse_if_tuple, entry.get("inputs", ())))
                signed = keccak(text=f"{entry.get('name')}({types})")
                if entry["type"] == "event":
                    self.events[contract, entry["name"]] = entry, "0x" + signed.hex()
                elif entry["type"] == "function":
                    self.functions[contract, entry["name"]] = entry, signed[:4]


@dataclass
class Epoch:
    orders: list[tuple[int, int, str]] = field(default_factory=list)
    commit_chain: bytes = bytes(32)
    reveal_chain: bytes = bytes(32)
    reveals: int = 0
    reference: int = 0
    print_commitment: int | None = None


class Made:
    """The chain after `events` events or a few more: `headers`, `logs`, and `transactions` with `receipts`
    (as JSON texts) by block or hash; `edge`, `next_leaf`, `credentials` and `epochs` as they are in the end."""

    def __init__(self, events: int, seed: int = 1):
        self.rng, self.abi, self.deployment = Random(seed), Abi(), deployment()
        self.leader, self.carrier = address("leader"), address("carrier")
        self.edge, self.next_leaf, self.leaves = Edge(), 0, {}
        self.credentials, self.epochs = CredentialTree(), defaultdict(Epoch)
        self.headers: list[str] = []
        self.hashes: list[str] = []
        self.logs: list[list[str]] = []
        self.transactions: dict[str, str] = {}
        self.receipts: dict[str, str] = {}
        self.count = self.nonce = 0
        self.head = -1
        self._block()
        self._block(self._set_up)
        while self.count < events or self._open_epochs():
            self._block(lambda more=self.count < events: self._turn(more))

    # --- Blocks ---

    def _block(self, act=lambda: None) -> None:
        self.head += 1
        self.block_hash, self._place, self._index = "0x" + self.rng.randbytes(32).hex(), 0, 0
        self.logs.append([])
        parent = self.hashes[-1] if self.hashes else "0x" + bytes(32).hex()
        self.hashes.append(self.block_hash)
        act()
        header = {
            "number": hex(self.head), "hash": self.block_hash, "parentHash": parent, "timestamp": hex(1_700_000_000 + self.head),
            "logsBloom": "0x" + "00" * 256, "stateRoot": self.block_hash, "gasUsed": "0x0", "gasLimit": "0x1c9c380",
        }  # fmt: skip
        self.headers.append(json.dumps(header))

    def _tx(self, contract: str, method: str, values: list[Any]) -> None:
        """Start a transaction that calls one of the contracts; what is logged next is its."""
        entry, selector = self.abi.functions[contract, method]
        self.tx = "0x" + self.rng.randbytes(32).hex()
        self.nonce += 1
        self._place += 1
        body = {
            "hash": self.tx, "blockHash": self.block_hash, "blockNumber": hex(self.head), "transactionIndex": hex(self._place),
            "from": self.carrier.lower(), "to": self.deployment.contracts[contract].lower(), "nonce": hex(self.nonce),
            "value": "0x0", "gas": "0x7a1200", "gasPrice": "0x3b9aca00",
            "input": "0x" + (selector + encoded(entry["inputs"], values)).hex(),
        }  # fmt: skip
        self.transactions[self.tx] = json.dumps(body)
        receipt = {"transactionHash": self.tx, "status": "0x1", "gasUsed": "0x6ddd0", "effectiveGasPrice": "0x3b9aca00"}
        self.receipts[self.tx] = json.dumps(receipt)

    def _log(self, contract: str, name: str, *values: Any) -> None:
        entry, topic = self.abi.events[contract, name]
        parts = list(zip(entry["inputs"], values, strict=True))
        plain = [(part, value) for part, value in parts if not part["indexed"]]
        topics = [topic, *("0x" + encoded([part], [value]).hex() for part, value in parts if part["indexed"])]
        log = {
            "address": self.deployment.contracts[contract].lower(), "topics": topics,
            "data": "0x" + encoded([part for part, _ in plain], [value for _, value in plain]).hex(),
            "blockNumber": hex(self.head), "blockHash": self.block_hash, "transactionHash": self.tx,
            "transactionIndex": hex(self._place), "logIndex": hex(self._index), "removed": False,
        }  # fmt: skip
        self._index += 1
        self.count += 1
        self.logs[-1].append(json.dumps(log))

    def _word(self) -> int:
        return self.rng.getrandbits(253)

    def _words(self, count: int) -> list[int]:
        return [self._word() for _ in range(count)]

    # --- What happens ---

    def _set_up(self) -> None:
        market = {
            "base": address("BTC"), "quote": address("USD"), "lot": 1_000, "min_quantity": 1, "fee_bps": 10, "bond_bps": 500,
            "jurisdictions": 1 << 57, "tier": 2, "start_block": START, "commit_blocks": COMMIT, "freeze_blocks": FREEZE,
            "reveal_blocks": REVEAL, "settle_blocks": SETTLE, "capacity": ORDERS, "quota": 2, "split_bps": 6_000,
            "deferral": DEFERRAL, "source": address("feed"), "max_age": 100_000, "collar_bps": 5_000,
        }  # fmt: skip
        self._tx("Governor", "accept_admin", [])
        self._log("Market", "MarketOpened", MARKET, list(market.values()))
        self._log("Keys", "AuditorKeySet", 1, address("auditor"), *self._words(2))
        self._log("Keys", "TreasurySet", 1, address("treasury"), *self._words(3))
        self._log("Relayers", "Registered", self.leader, self._word())
        self._log("Relayers", "KeyRegistered", self.leader, 1, *self._words(2))

    def _open_epochs(self) -> bool:
        return any(epoch.orders and epoch.print_commitment is None for epoch in self.epochs.values())

    def _turn(self, more: bool) -> None:
        """What is due in this block, of up to three epochs at once."""
        if self.head < START:
            return
        number, place = divmod(self.head - START, COMMIT)
        if more:
            self._transact(deposit=10**6)
            self._commit(number, opens=place == 0)
            if place % 2:
                self._transact(withdrawal=10**6)
            if place == 0 and number % CREDENTIAL_EPOCHS == 0:
                self._admit()
        revealing, at = divmod(self.head - START - COMMIT - FREEZE, COMMIT)
        if revealing in self.epochs and at < len(self.epochs[revealing].orders):
            self._reveal(revealing, at)
        settling, at = divmod(self.head - START - COMMIT - FREEZE - REVEAL, COMMIT)
        if settling in self.epochs and at == 1 and self.epochs[settling].reveals:
            self._settle(settling)
        printing = settling - 2
        if printing in self.epochs and at == 2 and self.epochs[printing].reveals:
            self._print(printing)
        while self.next_leaf - self.edge.position >= CHUNK:
            self._advance()

    def _append(self, leaves: list[int]) -> int:
        first = self.next_leaf
        self.leaves |= dict(enumerate(leaves, first))
        self.next_leaf += len(leaves)
        self._log("Pool", "Appended", first, leaves)
        return first

    def _transact(self, deposit: int = 0, withdrawal: int = 0) -> None:
        who, asset, nowhere = address("trader"), address("USD"), "0x" + "00" * 20
        spent, made, memos = self._words(2), self._words(2), [self._words(8), self._words(8)]
        t = [0, self.edge.root, 0, self.edge.root, *spent, *made, asset, deposit, withdrawal, 0, who, nowhere]
        self._tx("Pool", "transact", [self._words(8), self._word(), t, *memos])
        self._log("Pool", "Spent", spent)
        position = self._append(made)
        self._log("Pool", "Transacted", position, asset, deposit, withdrawal, 0, who, nowhere, *memos)

    def _commit(self, number: int, opens: bool) -> None:
        epoch, rk = self.epochs[number], to_checksum_address(self.rng.randbytes(20))
        spent, (change, quota, oc), memo = self._words(2), self._words(3), self._words(8)
        c = [MARKET, number, 0, self.edge.root, 0, self.edge.root, *spent, change, quota, oc, rk, self.credentials.root, 0]
        self._tx("Market", "commit", [self._words(8), self._word(), c, memo])
        if opens:
            self._log("Relayers", "Reserved", self.leader, 10**20)
            self._log("Market", "EpochOpened", MARKET, number, self.leader, 1, 1, 1)
        self._log("Pool", "Spent", spent)
        position = self._append([change])
        self._log("Market", "Committed", MARKET, number, quota, oc, rk, position, memo)
        epoch.orders.append((quota, oc, rk))
        epoch.commit_chain = commit_link(epoch.commit_chain, oc, int(rk, 16))

    def _reveal(self, number: int, slot: int) -> None:
        epoch = self.epochs[number]
        quota, oc, _ = epoch.orders[slot]
        point, ciphertext = self._words(2), self._words(4)
        self._tx("Market", "reveal", [[MARKET, number, quota, oc, point, ciphertext], 27, 1, 1])
        if slot == 0:
            epoch.reference, epoch.reveal_chain = 500, epoch.commit_chain
            self._log("Market", "ReferenceFixed", MARKET, number, 500, False)
        self._log("Market", "Revealed", MARKET, number, slot, quota, oc, point, ciphertext)
        epoch.reveal_chain = reveal_link(epoch.reveal_chain, Reveal(oc, Point(*point), tuple(ciphertext)))
        epoch.reveals += 1

    def _settle(self, number: int) -> None:
        epoch, (printed, pad, leader, treasury), memo = self.epochs[number], self._words(4), self._words(8)
        point, audit = self._words(2), self._words(2)
        slots = [[epoch.orders[slot][1], *self._words(10)] for slot in range(epoch.reveals)]
        s = [MARKET, number, ORDERS, 0, printed, point, audit, pad, leader, treasury]
        self._tx("Market", "settle", [self._words(8), self._word(), s, slots, memo])
        self._log("Relayers", "ReleasedStake", self.leader, 10**20)
        position = self._append([leaf for slot in slots for leaf in slot[7:9]] + [leader, treasury])
        receipts = [slot[9:] for slot in slots]
        told = [MARKET, number, epoch.reveals, 0, printed, point, audit, pad, leader, treasury, position, receipts, memo]
        self._log("Market", "Settled", *told)
        epoch.print_commitment = printed

    def _print(self, number: int) -> None:
        self._tx("Market", "print_epoch", [self._words(8), self._word(), MARKET, number, 500, 32])
        self._log("Market", "Printed", MARKET, number, 500, 32)

    def _advance(self) -> None:
        before = self.edge
        leaves = [self.leaves.pop(before.position + offset) for offset in range(CHUNK)]
        root, self.edge = before.insert(leaves)
        self._tx("Pool", "advance", [self._words(8), self._word(), root, leaves])
        self._log("Pool", "Advanced", before.tree, before.chunk, CHUNK, root)

    def _admit(self) -> None:
        first = self.head // COMMIT // CREDENTIAL_EPOCHS * CREDENTIALS
        leaves = self._words(CREDENTIALS)
        self.credentials.update(dict(enumerate(leaves, first)))
        self._tx("Credentials", "set_leaves", [first, leaves, self.credentials.root, True])
        self._log("Credentials", "LeavesSet", first, leaves, self.credentials.root, True)

    # --- What the contracts answer in the end ---

    def answers(self) -> dict[str, str]:
        """Views by their calldata, as hexadecimal."""
        contracts_, found = self.deployment.contracts, {}
        words = {
            ("Pool", "root"): self.edge.root, ("Pool", "next_leaf"): self.next_leaf,
            ("Pool", "next_chunk"): self.edge.number, ("Credentials", "root"): self.credentials.root,
        }  # fmt: skip
        for (contract, name), word in words.items():
            found[contracts_[contract] + self.abi.functions[contract, name][1].hex()] = _hex(word)
        selector = self.abi.functions["Market", "epochs"][1].hex()
        for number, epoch in self.epochs.items():
            fields = [
                self.leader, 1, 0, 0, 1, 1, len(epoch.orders), epoch.reveals, epoch.commit_chain, epoch.reveal_chain,
                epoch.reference, 1, 0, 0, 0, 1, 0, epoch.print_commitment or 0, 1, 500, 32,
            ]  # fmt: skip
            data = contracts_["Market"] + selector + f"{MARKET:064x}{number:064x}"
            found[data] = "0x" + "".join(map(_raw, fields))
        return found


def _raw(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else f"{_flat(value)[0]:064x}"


def _hex(word: int) -> str:
    return f"0x{word:064x}"
