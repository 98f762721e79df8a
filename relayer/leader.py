"""The relayer's service on one chain: its stake and keys, and the epochs that it leads.

A settlement is built from blocks as deep as the ledger demands, held to what the contract says
of the same block, and simulated before it is sent (protocol §6).
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from offchain import circuits, keystore
from offchain.advance import next_claim
from offchain.babyjubjub import Point
from offchain.calls import Call, build_advance, build_print, build_register_key
from offchain.chain import Chain, Receipt
from offchain.claims import Print
from offchain.field import to_field
from offchain.keys import EncryptionKey, ShieldedKey
from offchain.ledger import Ledger
from offchain.records import EpochRecord
from relayer.aggregate import Aggregate, aggregate
from relayer.duties import Duties, Duty
from relayer.proving.job import Prover
from relayer.reveal_keys import RevealKeys
from relayer.settlement import EpochData, MarketTerms, Settlement, settle
from relayer.telemetry import metrics, span


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


@dataclass(frozen=True)
class Built:
    """A settlement that is proven, and the call that lands it."""

    settled: Settlement
    call: Call


class Leader:
    """`notes` owns the leader's fee notes; `folder` keeps reveal keys, under `password` (asked
    for as `keystore.password` does if None). The ledger must lag by the confirmed depth. Proofs are
    made by `prover` (of `relayer.proving`), by this process if None.

    `settle`, `print`, … send and wait for a block; `build_…` only make the call, for an outbox.
    """

    def __init__(
        self,
        chain: Chain,
        ledger: Ledger,
        account,
        notes: ShieldedKey,
        folder: Path,
        password: str | None = None,
        prover: Prover | None = None,
    ):
        self.chain, self.ledger, self.account, self.notes = chain, ledger, account, notes
        self.keys = RevealKeys(folder, keystore.password() if password is None else password)
        self.duties = Duties(chain, ledger, account.address)
        self._prover = prover

    # --- Stake and keys ---

    def register(self) -> Receipt:
        """Enter the registry, with the owner of the fee notes."""
        return self._send(Call("Relayers", "register", (self.notes.owner,)))

    def bond(self, amount: int) -> list[Receipt]:
        """Approve and bond `amount` of the stake token, in its units."""
        relayers = self.chain.contract("Relayers").address
        calls = Call("StakeToken", "approve", (relayers, amount)), Call("Relayers", "bond", (amount,))
        return [self._send(call) for call in calls]

    def register_key(self) -> Receipt:
        """Make a reveal key, store it, and then register it for windows that open later."""
        return self._send(self._register(self.keys.create(), None))

    def build_register_key(self, block: int, deadline: float | None = None) -> Call:
        """As `register_key`; a stored key that nobody has registered up to `block` is used first."""
        with self.ledger.lock:
            known = [key for (relayer, _), key in self.ledger.reveal_keys.items() if relayer == self.account.address]
        relayers = self.chain.contract("Relayers").functions
        version = self.chain.call(relayers.key_version(self.account.address), block)
        x, y, _ = self.chain.call(relayers.reveal_key(self.account.address, version), block)
        return self._register(self.keys.leftover([*known, Point(x, y)]) or self.keys.create(), deadline)

    def erase_final_keys(self, retention: int = 0) -> list[int]:
        """Erase every registered key that nothing can need any more, nor could for `retention` blocks; their versions.

        Needed is a key with which a commit window may yet open, or whose epoch is not over as
        deep as the ledger reads: the print of a settlement comes from the key, so until then.
        """
        with self.ledger.lock:
            self.ledger.sync()
            me, keys = self.account.address, self.ledger.reveal_keys.items()
            mine = {version: key for (relayer, version), key in keys if relayer == me}
            led = (record for record in self.ledger.epochs.values() if record.leader == me)
            needed = {record.reveal_version for record in led if not self._over(record)}
            first = self._first_window()
            block = self.ledger.block
        gone = [
            version
            for version, key in mine.items()
            if key in self.keys and version not in needed and self._last_window(version, block) + retention < first
        ]
        for version in gone:
            self.keys.erase(mine[version])
        return gone

    # --- Epochs ---

    def due(self) -> list[tuple[int, int]]:
        """(market, epoch) of all that this relayer leads, can settle now and has not."""
        return self._found(self.duties.settle)

    def printable(self) -> list[tuple[int, int]]:
        """(market, epoch) of its settlements whose deferral is over and whose print is not out."""
        return self._found(self.duties.print)

    def releasable(self) -> list[tuple[int, int]]:
        """(market, epoch) of all that this relayer led and that ended Empty or Void, with stake still reserved."""
        return self._found(self.duties.release)

    def release(self, market: int, epoch: int) -> Receipt:
        """Free the stake reserved for an epoch that ended Empty or Void; Reverted if it did not."""
        return self._send(Call("Market", "release", (market, epoch)))

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
        built = self.build_settle(market, epoch)
        self._unmoved(built.settled, self.chain.head())
        settled, receipt = built.settled, self._send(built.call)
        return SettleReport(
            receipt=receipt,
            size=settled.size,
            count=len(settled.slots),
            invalid=settled.invalid_mask.bit_count(),
            price=settled.clearing.price,
            volume=settled.clearing.volume,
            print_salt=settled.print_salt,
            prove_seconds=receipt.proof_seconds,
        )

    def build_settle(self, market: int, epoch: int, deadline: float | None = None) -> Built:
        """Clear the confirmed reveals of an epoch and prove it, before `deadline` (Unix seconds).

        LeaderError if it cannot be settled. The chain may have moved on meanwhile: nothing is asked of it any more,
        so that a node that is away costs no proof.
        """
        settled, deployment, begun = self._settlement(market, epoch), self.chain.deployment, time.monotonic()
        prove = self._proving(deadline)
        proven = prove(settled.circuit, *settled.assemble(), deployment.chain_id, deployment.pool)
        seconds = time.monotonic() - begun
        return Built(settled, Call("Market", "settle", _arguments(settled, proven), seconds))

    def print(self, market: int, epoch: int) -> Receipt:
        """Publish price and volume of a settled epoch; waits for the deferral's last block."""
        done = self._led(market, epoch).settlement
        if done is not None:
            due, head = done.block + self.ledger.markets[market].deferral, self.chain.head()
            if head + 1 < due:
                raise WindowClosed(f"the print of epoch {epoch} is deferred until block {due}; the head is {head}")
            self.chain.wait_for(due)
        return self._send(self.build_print(market, epoch))

    def build_print(self, market: int, epoch: int, deadline: float | None = None) -> Call:
        """The proof that price and volume are those of a settlement by this relayer's key; ChainMoved without one."""
        settled = self._settlement(market, epoch)
        done = self._led(market, epoch).settlement
        if done is None or done.print_commitment != settled.print_commitment:
            raise ChainMoved(f"no settlement of epoch {epoch} by this key stands at block {self.ledger.block} yet")
        claim = Print(settled.clearing.price, settled.clearing.volume, settled.print_salt)
        return build_print(self.chain.deployment, claim, market, epoch, self._proving(deadline))

    def aggregate(self, market: int, epoch: int) -> Aggregate | None:
        """What may be said of a batch that it settled; ValueError before the ledger holds its print."""
        settled = self._settlement(market, epoch)
        return aggregate(settled.clearing, settled.orders, self._led(market, epoch).printed)

    def build_advance(self, block: int, deadline: float | None = None) -> Call:
        """Move the chunk that is ready after `block` into the tree; WindowClosed if none is."""
        found = next_claim(self.chain, self.ledger, block)
        if found is None:
            raise WindowClosed(f"no chunk of leaves can be advanced after block {block}")
        return build_advance(self.chain.deployment, found[1], self._proving(deadline))

    def settle_key(self, market: int, epoch: int) -> str:
        """Names what there is to settle: other reveals or another reference are another settlement."""
        record = self._led(market, epoch)
        what = hashlib.sha256(record.reveal_chain + f"{record.reference}".encode()).hexdigest()
        return f"settle:{market}:{epoch}:{what[:16]}"

    def circuit(self, market: int, epoch: int) -> str:
        """The circuit that settles an epoch."""
        return f"settle_{self.size_for(len(self._led(market, epoch).reveals))}"

    # --- Reading an epoch ---

    def _found(self, find: Callable[[int], list[Duty]]) -> list[tuple[int, int]]:
        head = self.chain.head()
        self.ledger.sync(head - self.ledger.depth)
        return [(duty.market, duty.epoch) for duty in find(head)]

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
            with span("clear", market=market, epoch=epoch):
                settled = settle(
                    self._data(record),
                    self._key(record),
                    self.notes.address,
                    self.size_for(len(record.reveals)),
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

    def size_for(self, count: int) -> int:
        """Slots of the smallest deployed settle circuit that holds `count` reveals."""
        sizes = self.chain.deployment.settle_sizes
        fitting = [size for size in sizes if size >= count]
        if not fitting:
            most = max(sizes, default=0)
            raise LeaderError(f"no settle circuit is deployed for {count} reveals, only for up to {most}")
        return fitting[0]

    def _unmoved(self, settled: Settlement, block: int) -> None:
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

    # --- Proving and sending ---

    def _register(self, key: EncryptionKey, deadline: float | None) -> Call:
        return build_register_key(self.chain.deployment, key, self.account.address, self._proving(deadline))

    def _proving(self, deadline: float | None) -> Callable[..., circuits.Proven]:
        prove = circuits.prove if self._prover is None else partial(self._prover.prove, deadline=deadline)

        def watched(circuit: str, *statement) -> circuits.Proven:
            waiting, failing = metrics.queue_depth.labels(queue=circuit), metrics.proof_failures.labels(circuit=circuit)
            with span("prove", circuit=circuit), waiting.track_inprogress(), failing.count_exceptions():
                return prove(circuit, *statement)

        return watched

    def _send(self, call: Call) -> Receipt:
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
