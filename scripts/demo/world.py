"""The demonstration's world: who takes part, with what keys, on which chain.

The end-to-end tests build the same world and take the same steps.
"""

import secrets
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from eth_account import Account
from eth_account.signers.local import LocalAccount

from offchain.advance import APPEND_DELAY, advance
from offchain.chain import Chain, Receipt
from offchain.keys import EncryptionKey, ShieldedKey
from offchain.ledger import Ledger
from offchain.wallet import Wallet
from relayer.leader import Leader
from scripts.demo.narration import Narrator
from scripts.demo.report import Report
from scripts.orders import INSTITUTIONS

T = TypeVar("T")

RELAYERS = ("north", "south")
FEEDERS = ("first feeder", "second feeder", "third feeder")
WITHOUT_CREDENTIAL = "gorse"
EXPIRED = "hazel"
OFFICES = ("deployer", "governor", "guardian", "issuer", "carrier", "auditor", "treasury", "stranger")
# Proofs that share two cores with six nodes: more at once only wait for each other.
AT_ONCE = 3


class DemoError(Exception):
    """Something did not come out as promised; the message says what."""


@dataclass
class Institution:
    """A trader: its EVM account, shielded key, wallet, and the credential that it was given."""

    name: str
    account: LocalAccount
    key: ShieldedKey | None = None
    wallet: Wallet | None = None
    credential: Any = None


@dataclass
class World:
    """Everything that a run holds. Keys live in memory alone and end with it, but for the auditor's where the
    explorer is served."""

    folder: Path
    report: Report
    say: Narrator
    accounts: dict[str, LocalAccount]
    institutions: dict[str, Institution]
    auditor: EncryptionKey
    treasury: EncryptionKey
    treasury_notes: ShieldedKey | None = None
    chain: Chain | None = None
    ledger: Ledger | None = None
    leaders: dict[str, Leader] = field(default_factory=dict)
    leader_notes: dict[str, ShieldedKey] = field(default_factory=dict)
    market: int = 0
    last_block: int = 0
    # Of the keystore files that services keep on disk while the run lasts.
    password: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def sent(self, name: str, receipts: Receipt | Iterable[Receipt], detail: str = "") -> None:
        """Enter transactions in the report under one step's name."""
        many = [receipts] if isinstance(receipts, Receipt) else list(receipts)
        with self._lock:
            for receipt in many:
                proof = receipt.proof_seconds or None
                self.last_block = max(self.last_block, receipt.block)
                self.report.sent(name, receipt.gas, receipt.seconds + receipt.proof_seconds, detail, proof)

    def members(self) -> list[Institution]:
        """The six institutions that the issuer admits for good."""
        return [self.institutions[name] for name in INSTITUTIONS]

    def sync(self) -> None:
        """Bring the ledger to everything that was sent, once it is deep enough."""
        self.chain.wait_for(self.last_block + self.chain.confirmations)
        self.ledger.sync()

    def advance_tree(self) -> None:
        """Move what was appended up to now into the tree, so that it can be spent: anyone may."""
        self.sync()
        chunk = self.ledger.next_chunk
        if not self.ledger.chunk_leaves(chunk):
            return
        self.chain.wait_for(self.ledger.leaf_blocks[chunk] + APPEND_DELAY)
        self.sent("advance", advance(self.chain, self.ledger, self.accounts["carrier"]))
        self.say.line(f"note tree advanced to chunk {self.chain.call(self.chain.contract('Pool').functions.next_chunk())}")
        self.sync()


def new_world(folder: Path, validators: int, say: Narrator) -> World:
    names = (*OFFICES, *FEEDERS, *RELAYERS)
    traders = (*INSTITUTIONS, WITHOUT_CREDENTIAL, EXPIRED)
    return World(
        folder=folder,
        report=Report(validators),
        say=say,
        accounts={name: Account.create() for name in names},
        institutions={name: Institution(name, Account.create()) for name in traders},
        auditor=EncryptionKey.generate(),
        treasury=EncryptionKey.generate(),
    )


def side_by_side(items: Iterable[T], action: Callable[[T], Any]) -> list[Any]:
    """`action` of every item, a few at once; the first failure is raised when all have ended."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [future.result() for future in [pool.submit(action, item) for item in items]]


def need(holds: bool, otherwise: str) -> None:
    """Raise DemoError unless a promise holds."""
    if not holds:
        raise DemoError(otherwise)
