"""The issuer's side of the credential registry: a book of institutions, and its publication.

The book is a JSON file without secrets. It says what the chain should hold; `publish` makes
it so, and can be repeated after any interruption.
"""

import copy
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from eth_account.signers.local import LocalAccount
from eth_utils import is_checksum_address

from offchain.chain import Chain, Receipt
from offchain.deployment import write_atomically
from offchain.field import R, RangeError, check_range, decimal
from offchain.ledger import Ledger
from offchain.material import Credential
from offchain.merkle import CREDENTIAL_DEPTH, CredentialTree

BATCH = 64
"""Leaves a transaction sets."""


class IssuerError(Exception):
    """The book cannot do what was asked; the message says why and what to do."""


@dataclass(frozen=True)
class Issued:
    """A credential with its id, as its holder keeps it."""

    id: int
    credential: Credential

    def save(self, path: Path) -> None:
        """Write the holder's file, mode 0600: it links an id to an owner word."""
        data = {"id": self.id} | asdict(self.credential)
        write_atomically(path, json.dumps(data | {"owner": str(data["owner"])}, indent=2) + "\n", 0o600)

    @classmethod
    def load(cls, path: Path) -> "Issued":
        try:
            data = dict(json.loads(path.read_text()))
            number = check_range(data.pop("id"), 0, 1 << CREDENTIAL_DEPTH, "credential id")
            return cls(number, Credential(**(data | {"owner": decimal(data["owner"], R, "owner")})))
        except FileNotFoundError:
            raise IssuerError(f"no credential file at {path}; ask the issuer for it") from None
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise IssuerError(f"{path} is not a credential file: {error}") from None


@dataclass(frozen=True)
class Institution:
    """A row of the book: who was admitted, and on what terms. `expiry` in Unix seconds."""

    id: int
    name: str
    wallet: str
    owner: int
    jurisdiction: int
    tier: int
    expiry: int
    revoked: bool = False

    @classmethod
    def read(cls, row: dict, place: int) -> "Institution":
        """The row that stands at a place of the book's file; ValueError, KeyError or TypeError if none does."""
        made = cls(**(row | {"owner": decimal(row["owner"], R, "owner")}))
        if type(made.id) is not int or made.id != place:
            raise RangeError(f"row {place} has id {made.id!r}")
        if not isinstance(made.name, str) or not is_checksum_address(made.wallet) or not isinstance(made.revoked, bool):
            raise RangeError(f"row {place} needs a name, a checksummed wallet and whether it is revoked")
        made.issued  # checks every range
        return made

    @property
    def issued(self) -> Issued:
        return Issued(self.id, Credential(self.owner, self.jurisdiction, self.tier, self.expiry))

    @property
    def leaf(self) -> int:
        return 0 if self.revoked else self.issued.credential.leaf


class Issuer:
    """The issuer's account, its book at `path`, and the chain.

    It follows the chain at its head, where it alone changes the tree.
    """

    def __init__(self, chain: Chain, account: LocalAccount, path: Path):
        self.chain, self.account, self.path = chain, account, path
        self.ledger = Ledger(chain, depth=0)
        self.contract = chain.contract("Credentials")
        self.book = self._read()

    def admit(self, name: str, owner: int, wallet: str, jurisdiction: int, tier: int, expiry: int) -> Issued:
        """Enter an institution in the book; `publish` then puts it on chain."""
        if any(row.owner == owner and not row.revoked for row in self.book):
            raise IssuerError(f"{name}'s owner word has a credential already; revoke that first")
        if not is_checksum_address(wallet):
            raise IssuerError(f"{wallet!r} is not a checksummed address")
        if len(self.book) >= 1 << CREDENTIAL_DEPTH:
            raise IssuerError("the credential tree is full")
        row = Institution(len(self.book), name, wallet, owner, jurisdiction, tier, expiry)
        issued = row.issued     # checks every range
        self._write([*self.book, row])
        return issued

    def revoke(self, id: int) -> None:
        """Mark a credential revoked in the book; `publish` then ends it on chain at once."""
        row = self._row(id)
        if row.revoked:
            raise IssuerError(f"credential {id} is revoked already")
        self._write([replace(r, revoked=True) if r.id == id else r for r in self.book])

    def renew(self, id: int, expiry: int) -> Issued:
        """Give a credential another expiry (Unix seconds), under the same id."""
        row = replace(self._row(id), expiry=expiry)
        if row.revoked:
            raise IssuerError(f"credential {id} is revoked; admit the institution anew")
        issued = row.issued
        self._write([row if r.id == id else r for r in self.book])
        return issued

    def publish(self) -> list[Receipt]:
        """Bring the chain's tree and wallets to what the book says; nothing if they are there."""
        self.ledger.sync()
        known = self.ledger.credential_count
        if len(self.book) < known:
            raise IssuerError(f"the chain has {known} credentials and the book {len(self.book)}: restore the book")
        return self._publish_leaves() + self._publish_wallets()

    def _publish_leaves(self) -> list[Receipt]:
        receipts, tree = [], copy.deepcopy(self.ledger.credentials)
        fits = self.ledger.credentials_fit      # a root that does not must not outlive the change
        while rows := self._first_difference(tree):
            additive = fits and tree.leaf(rows[0].id) == 0
            for row in rows:
                tree.set(row.id, row.leaf)
            receipts.append(self._set_leaves(rows[0].id, [row.leaf for row in rows], tree, additive))
            fits = True
        return receipts if fits else [self._set_leaves(0, [tree.leaf(0)], tree, False)]

    def _set_leaves(self, first: int, leaves: list[int], tree: CredentialTree, additive: bool) -> Receipt:
        return self.chain.send(self.account, self.contract.functions.set_leaves(first, leaves, tree.root, additive))

    def _first_difference(self, tree: CredentialTree) -> list[Institution]:
        """The first run of rows that the tree lacks: all of them new, or all of them changes."""
        rows = [row for row in self.book if tree.leaf(row.id) != row.leaf]
        run = []
        for row in rows[:BATCH]:
            new = tree.leaf(row.id) == 0
            if row.id != rows[0].id + len(run) or new != (tree.leaf(rows[0].id) == 0):
                break
            run.append(row)
        return run

    def _publish_wallets(self) -> list[Receipt]:
        functions = self.contract.functions
        wanted = {row.wallet for row in self.book if not row.revoked}
        sent = []
        for wallet in sorted({row.wallet for row in self.book}):
            if self.chain.call(functions.is_wallet(wallet)) != (wallet in wanted):
                change = functions.admit_wallet if wallet in wanted else functions.drop_wallet
                sent.append(self.chain.submit(self.account, change(wallet)))
        return [self.chain.receipt(pending) for pending in sent]

    def admit_carrier(self, wallet: str) -> Receipt:
        """Admit a wallet without a credential: a carrier, to be paid the fees of what it sends."""
        if not is_checksum_address(wallet):
            raise IssuerError(f"{wallet!r} is not a checksummed address")
        return self.chain.send(self.account, self.contract.functions.admit_wallet(wallet))

    def _row(self, id: int) -> Institution:
        if not 0 <= id < len(self.book):
            raise IssuerError(f"no credential {id}; the book has {len(self.book)}")
        return self.book[id]

    def _read(self) -> list[Institution]:
        if not self.path.exists():
            return []
        try:
            rows = json.loads(self.path.read_text())
            return [Institution.read(row, place) for place, row in enumerate(rows)]
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise IssuerError(f"{self.path} is not a credential book: {error}") from None

    def _write(self, book: list[Institution]) -> None:
        rows = [asdict(row) | {"owner": str(row.owner)} for row in book]
        write_atomically(self.path, json.dumps(rows, indent=2) + "\n", 0o600)
        self.book = book
