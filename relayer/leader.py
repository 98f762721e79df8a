"""The relayer's service on one chain: its stake and keys, and the epochs that it leads.

A settlement is built from blocks as deep as the ledger demands, held to what the contract says
of the same block, and simulated before it is sent (protocol §6).
"""

import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from offchain import circuits, keystore
from offchain.calls import Call, build_print, build_register_key
from offchain.chain import Chain, Receipt
from offchain.claims import Print
from offchain.field import to_field
from offchain.keys import EncryptionKey, ShieldedKey
from offchain.ledger import Ledger
from offchain.records import EpochRecord
from relayer.reveal_keys import RevealKeys
from relayer.settlement import EpochData, MarketTerms, Settlement, settle


class LeaderError(Exception):
    """The relayer cannot do this now; the message says why and, where one can, what to do."""


class NotLeader(LeaderError):
    """Another relayer leads the epoch."""


class WindowClosed(LeaderError):
    """It is too early or too late."""


class NoKey(LeaderError):
    """The epoch's reveal key is not in this relayer's store."""


class ChainMoved(LeaderError):
    """The epoch is no longer as it was read: ask again."""


@dataclass(frozen=True)
class SettleReport:
    """A settlement that a block holds; price in quote units a lot, volume in lots.

    Price, volume and salt open the print commitment: secret until the market's deferral is over.
    """

    receipt: Receipt
    size: int
    count: int
    invalid: int
    price: int = field(repr=False)
    volume: int = field(repr=False)
    print_salt: int = field(repr=False)
    prove_seconds: float


class Leader:
    """`notes` owns the leader's fee notes; `folder` keeps reveal keys, under `password` (asked
    for as `keystore.password` does if None). The ledger must lag by the confirmed depth."""

    def __init__(
        self, chain: Chain, ledger: Ledger, account, notes: ShieldedKey, folder: Path, password: str | None = None
    ):
        self.chain, self.ledger, self.account, self.notes = chain, ledger, account, notes
        self.keys = RevealKeys(folder, keystore.password() if password is None else password)

    # --- Stake and keys ---

    def register(self) -> Receipt:
        """Enter the registry, with the owner of the fee notes."""
        return self._send("Relayers", "register", self.notes.owner)

    def bond(self, amount: int) -> list[Receipt]:
        """Approve and bond `amount` of the stake token, in its units."""
        relayers = self.chain.contract("Relayers").address
        return [self._send("StakeToken", "approve", relayers, amount), self._send("Relayers", "bond", amount)]

    def register_key(self) -> Receipt:
        """Make a reveal key, store it, and then register it for windows that open later."""
        key = self.keys.create()
        call = build_register_key(self.chain.deployment, key, self.account.address)
        return self._prove_and_send(call)

    def erase_final_keys(self) -> list[int]:
        """Erase every registered key that nothing can need any more; their versions.

        Needed is a key with which a commit window may yet open, or whose epoch is not over as
        deep as the ledger reads: the print of a settlement comes from the key, so until then.
        """
        with self.ledger.lock:
            self.ledger.sync()
            me, keys = self.account.address, self.ledger.reveal_keys.items()
            mine = {version: key for (relayer, version), key in keys if relayer == me}
            needed = {record.reveal_version for record in self._mine() if not self._over(record)}
            first = self._first_window()
            block = self.ledger.block
        gone = [
            version
            for version, key in mine.items()
            if key in self.keys and version not in needed and self._last_window(version, block) < first
        ]
        for version in gone:
            self.keys.erase(mine[version])
        return gone

    # --- Epochs ---

    def due(self) -> list[tuple[int, int]]:
        """(market, epoch) of all that this relayer leads, can settle now and has not."""
        with self.ledger.lock:
            self.ledger.sync()
            lands = self.chain.head() + 1
            found = [
                record
                for record in self._mine()
                if record.reveals
                and not (record.settlement or record.void)
                and self._windows(record).settle <= self.ledger.block + 1
                and lands < self._windows(record).deadline
            ]
        return [(r.market, r.epoch) for r in found if self._now(r).settled_block == 0]

    def printable(self) -> list[tuple[int, int]]:
        """(market, epoch) of its settlements whose deferral is over and whose print is not out."""
        with self.ledger.lock:
            self.ledger.sync()
            lands = self.chain.head() + 1
            found = [
                record
                for record in self._mine()
                if (done := record.settlement) and record.printed is None
                and done.block + self.ledger.markets[record.market].deferral <= lands
            ]
        return [(r.market, r.epoch) for r in found if not self._now(r).printed]

    def releasable(self) -> list[tuple[int, int]]:
        """(market, epoch) of all that this relayer led and that ended Empty or Void, with stake still reserved."""
        with self.ledger.lock:
            self.ledger.sync()
            found = [
                record
                for record in self._mine()
                if not record.released
                and (record.void or not record.reveals and self._windows(record).settle <= self.ledger.block + 1)
            ]
        return [(r.market, r.epoch) for r in found if not self._now(r).released]

    def release(self, market: int, epoch: int) -> Receipt:
        """Free the stake reserved for an epoch that ended Empty or Void; Reverted if it did not."""
        return self._send("Market", "release", market, epoch)

    def settle(self, market: int, epoch: int) -> SettleReport:
        """Settle an epoch with one proof, as soon as its last reveal is deep enough.

        Raises LeaderError before anything is sent; Reverted where the contract refuses.
        """
        record = self._led(market, epoch)
        windows, head = self._windows(record), self.chain.head()
        if record.settlement:
            raise WindowClosed(f"epoch {epoch} of market {market} was settled in block {record.settlement.block}")
        if head + 1 < windows.settle:
            raise WindowClosed(f"reveals for epoch {epoch} come until block {windows.settle}; the head is {head}")
        if head + 1 >= windows.deadline:
            raise WindowClosed(f"epoch {epoch} had to be settled before block {windows.deadline}; the head is {head}")
        self.chain.wait_for(windows.settle - 1 + self.ledger.depth)
        settled = self._settlement(market, epoch)
        deployment, begun = self.chain.deployment, time.monotonic()
        proven = circuits.prove(settled.circuit, *settled.assemble(), deployment.chain_id, deployment.pool)
        seconds = time.monotonic() - begun
        self._unmoved(settled, "latest")
        receipt = replace(self._send("Market", "settle", *_arguments(settled, proven)), proof_seconds=seconds)
        return SettleReport(
            receipt=receipt,
            size=settled.size,
            count=len(settled.slots),
            invalid=settled.invalid_mask.bit_count(),
            price=settled.clearing.price,
            volume=settled.clearing.volume,
            print_salt=settled.print_salt,
            prove_seconds=seconds,
        )

    def print(self, market: int, epoch: int) -> Receipt:
        """Publish price and volume of a settled epoch; waits for the deferral's last block."""
        settled = self._settlement(market, epoch)
        done = self._led(market, epoch).settlement
        if done is None or done.print_commitment != settled.print_commitment:
            raise ChainMoved(f"no settlement of epoch {epoch} by this key stands at block {self.ledger.block} yet")
        due, head = done.block + self.ledger.markets[market].deferral, self.chain.head()
        if head + 1 < due:
            raise WindowClosed(f"the print of epoch {epoch} is deferred until block {due}; the head is {head}")
        self.chain.wait_for(due)
        clearing = settled.clearing
        claim = Print(clearing.price, clearing.volume, settled.print_salt)
        return self._prove_and_send(build_print(self.chain.deployment, claim, market, epoch))

    # --- Reading an epoch ---

    def _now(self, record: EpochRecord):
        """The contract's record of an epoch at the head, where this relayer's last transaction counts."""
        return self.chain.call(self.chain.contract("Market").functions.epochs(record.market, record.epoch))

    def _mine(self) -> list[EpochRecord]:
        return [record for record in self.ledger.epochs.values() if record.leader == self.account.address]

    def _led(self, market: int, epoch: int) -> EpochRecord:
        """The record of an epoch with reveals that this relayer leads."""
        with self.ledger.lock:
            self.ledger.sync()
            record = self.ledger.epochs.get((market, epoch))
        if record is None:
            raise LeaderError(f"epoch {epoch} of market {market} has no commits up to block {self.ledger.block}")
        if record.leader != self.account.address:
            raise NotLeader(f"epoch {epoch} of market {market} is led by {record.leader}, not {self.account.address}")
        if record.void:
            raise LeaderError(f"epoch {epoch} of market {market} is void: its orders are reclaimed, not settled")
        return record

    def _settlement(self, market: int, epoch: int) -> Settlement:
        """What the confirmed reveals of an epoch settle to, by the smallest circuit that holds them."""
        record = self._led(market, epoch)
        with self.ledger.lock:
            if not record.reveals:
                raise LeaderError(f"epoch {epoch} of market {market} has no reveals: it ends empty, unsettled")
            settled = settle(
                self._data(record),
                self._key(record),
                self.notes.address,
                self._size(len(record.reveals)),
                EncryptionKey.generate().scalar,
            )
            self._unmoved(settled, self.ledger.block)
        return settled

    def _data(self, record: EpochRecord) -> EpochData:
        ledger, terms = self.ledger, self.ledger.markets[record.market]
        treasury, rules = ledger.treasuries[record.treasury_version], terms.rules(record.market)
        return EpochData(
            context=ledger.context(record.market, record.epoch),
            commit_chain=record.commit_chain,
            market=MarketTerms(rules.base, rules.quote, terms.lot, terms.fee_bps, terms.split_bps, terms.collar_bps),
            auditor_key=ledger.auditors[record.auditor_version],
            treasury_key=treasury.key,
            treasury_owner=treasury.owner,
            reveals=tuple(revealed.reveal for revealed in record.reveals),
        )

    def _key(self, record: EpochRecord) -> EncryptionKey:
        if self.ledger.relayer_owners[self.account.address] != self.notes.owner:
            raise NoKey("the registry names another owner for this relayer's fees: give that owner's shielded key")
        public = self.ledger.reveal_keys[self.account.address, record.reveal_version]
        if public not in self.keys:
            raise NoKey(
                f"epoch {record.epoch} needs version {record.reveal_version} of the reveal key, which is not in "
                f"{self.keys.folder}: was it made elsewhere, or erased?"
            )
        return self.keys.load(public)

    def _size(self, count: int) -> int:
        """Slots of the smallest deployed settle circuit that holds `count` reveals."""
        names = (name.split("_") for name in self.chain.deployment.verifiers)
        sizes = sorted(int(size) for kind, *rest in names if kind == "settle" for size in rest)
        fitting = [size for size in sizes if size >= count]
        if not fitting:
            raise LeaderError(f"no settle circuit is deployed for {count} reveals, only for up to {max(sizes, default=0)}")
        return fitting[0]

    def _unmoved(self, settled: Settlement, block: int | str) -> None:
        """ChainMoved unless the contract's epoch at `block` is the one that was settled."""
        context = settled.epoch.context
        theirs = self.chain.call(self.chain.contract("Market").functions.epochs(context.market, context.epoch), block)
        ours = len(settled.epoch.reveals), context.reveal_chain, context.reference
        if (theirs.reveals, to_field(theirs.reveal_chain), theirs.reference) != ours:
            raise ChainMoved(f"epoch {context.epoch} is not as it was read at block {block}: ask again")

    def _windows(self, record: EpochRecord):
        return self.ledger.markets[record.market].windows(record.epoch)

    # --- When keys end ---

    def _over(self, record: EpochRecord) -> bool:
        """Whether nothing can ever need the epoch's key, as of the ledger's block."""
        windows, block = self._windows(record), self.ledger.block
        empty = not record.reveals and block + 1 >= windows.settle
        failed = record.settlement is None and block + 1 >= windows.deadline
        return record.printed is not None or record.void or empty or failed

    def _first_window(self) -> int:
        """The earliest block at which a commit window opens whose leader may not be fixed yet."""
        block = self.ledger.block
        markets = self.ledger.markets.values()
        begun = [terms.windows(terms.epoch_at(block)).open for terms in markets if terms.start_block <= block]
        return min([block + 1, *begun])

    def _last_window(self, version: int, block: int) -> int:
        """The last block at which a window can open with a key: it ages, or its successor is there."""
        relayers = self.chain.contract("Relayers").functions
        ages = self.chain.call(relayers.key_max_age(), block)
        _, _, registered = self.chain.call(relayers.reveal_key(self.account.address, version), block)
        _, _, succeeded = self.chain.call(relayers.reveal_key(self.account.address, version + 1), block)
        return min(registered + ages, succeeded or registered + ages)

    # --- Sending ---

    def _send(self, contract: str, function: str, *args) -> Receipt:
        return self.chain.send(self.account, Call(contract, function, args).on(self.chain))

    def _prove_and_send(self, call: Call) -> Receipt:
        receipt = self.chain.send(self.account, call.on(self.chain))
        return replace(receipt, proof_seconds=call.proof_seconds)


def _arguments(settled: Settlement, proven: circuits.Proven) -> tuple:
    """The arguments of Market.settle."""
    context = settled.epoch.context
    words = {
        "market": context.market,
        "epoch": context.epoch,
        "size": settled.size,
        "invalid_mask": settled.invalid_mask,
        "print_commitment": settled.print_commitment,
        "audit_point": list(settled.audit_point),
        "audit": list(settled.audit),
        "treasury_pad": settled.treasury_pad,
        "leader_cm": settled.leader_cm,
        "treasury_cm": settled.treasury_cm,
    }
    return proven.words, proven.digest, words, [list(slot) for slot in settled.slots], list(settled.memo)
