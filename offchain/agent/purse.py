"""The wallet as the agent uses it: what it owns and has ordered as of the ledger, and calls built but not sent.

Notes and quota places that a call uses up are held back from the next one as soon as it is built,
and until the call has landed or never can: `held`, by whose they are.
"""

import hashlib
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from offchain import admission
from offchain.agent.book import Entry, Parcel, Transfer
from offchain.agent.desk import Balance
from offchain.calls import Call, build_commit
from offchain.chain import as_address
from offchain.coins import MAX_INPUTS, choose
from offchain.holdings import Fill, OwnedNote, PlacedOrder
from offchain.issuer import Issued
from offchain.notes import Terms
from offchain.orders import OrderStatus, order_status
from offchain.records import EpochState, OrderRecord, Windows
from offchain.wallet import Wallet


@dataclass(frozen=True)
class Sight:
    """An order of the key as the ledger shows it. `asset` and `lock` are what it holds while it is `live`; `bound`
    names what its reveal is made for: the set as it froze, and the leader's key."""

    placed: PlacedOrder
    record: OrderRecord
    status: OrderStatus
    windows: Windows
    reference: int | None
    fill: Fill | None
    asset: int
    lock: int
    bound: str

    @property
    def word(self) -> int:
        return self.placed.quota_nullifier

    @property
    def live(self) -> bool:
        return self.fill is None and self.record.reclaim is None


@dataclass(frozen=True)
class Look:
    """What the key has at `block`: its orders, and its unspent notes."""

    block: int
    sights: list[Sight]
    notes: list[OwnedNote]

    def totals(self) -> dict[int, int]:
        """Units by asset: unspent notes, and what live orders hold."""
        found: dict[int, int] = {}
        parts = [(own.note.asset, own.note.amount) for own in self.notes]
        for asset, amount in [*parts, *((sight.asset, sight.lock) for sight in self.sights if sight.live)]:
            found[asset] = found.get(asset, 0) + amount
        return found


@dataclass(frozen=True)
class Built:
    """A call with what a `Parcel` tells of it."""

    call: Call
    word: int
    mark: int
    words: tuple[int, ...]
    index: int = 0


class Purse:
    """`credentials` are files that the issuer gave; they are read when needed, so that a renewed one counts at once."""

    def __init__(self, wallet: Wallet, credentials: list[Path]):
        self.wallet, self.credentials = wallet, credentials
        self.chain, self.ledger, self.key = wallet.chain, wallet.ledger, wallet.key
        self.symbols = {token.word: (name, token.decimals) for name, token in wallet.deployment.tokens.items()}
        self.held: dict[str, frozenset[int]] = {}
        self._ended: dict[int, Sight] = {}
        self._claims = threading.Lock()

    def hold(self, entries: Iterable[Entry], transfers: Iterable[Transfer], parcels: Iterable[Parcel]) -> None:
        """Hold what calls from before a restart may use up."""
        for entry in entries:
            if entry.index is not None and not entry.order.ended:
                self._hold(entry.order.client_id, [entry.order.quota_nullifier])
        for transfer in transfers:
            self._hold(transfer.movement.key, transfer.inputs)
        for parcel in parcels:
            self._hold(parcel.holder, parcel.words)

    def release(self, holder: str) -> None:
        self.held.pop(holder, None)

    def _hold(self, holder: str, words: Iterable[int]) -> None:
        self.held[holder] = self.held.get(holder, frozenset()) | frozenset(words)

    # --- What the ledger shows ---

    def look(self) -> Look:
        """Follow the chain; all that the key has at one block. The epoch's state is asked for where an order is live.

        For who holds the ledger's lock, what else it reads is of the same block.
        """
        states: dict[tuple[int, int], EpochState] = {}
        with self.ledger.lock:
            block = self.wallet.sync()
            sights = [self._sight(placed, states) for placed in self.wallet.holdings.orders]
            return Look(block, sights, self.notes())

    def _sight(self, placed: PlacedOrder, states: dict[tuple[int, int], EpochState]) -> Sight:
        known = self._ended.get(placed.quota_nullifier)
        if known is not None and known.placed is placed:    # nothing changes it on this branch of the chain
            return known
        record = self.ledger.orders[placed.quota_nullifier]
        place = record.market, record.epoch
        fill = self.wallet.holdings.fills.get(placed.quota_nullifier)
        if fill is None and record.reclaim is None and place not in states:
            states[place] = self.wallet.epoch_state(record)
        status = order_status(placed, record, states.get(place, EpochState.SETTLED), fill, self.wallet.bond(placed))
        market = self.ledger.markets[record.market]
        asset, lock = market.rules(record.market).lock(placed.order.terms)
        epoch = self.ledger.epochs[place]
        set_and_key = f"{epoch.commit_chain.hex()} {epoch.leader} {epoch.reveal_version}"
        bound = hashlib.sha256(set_and_key.encode()).hexdigest()[:16]
        windows = market.windows(record.epoch)
        sight = Sight(placed, record, status, windows, epoch.reference, fill, asset, lock, bound)
        if not sight.live:
            self._ended[sight.word] = sight
        return sight

    def unreadable(self) -> int:
        return len(self.wallet.holdings.unreadable)

    def landed(self, parcel: Parcel) -> bool | None:
        """Whether the ledger shows a call; None if it shows that another has taken what it needs."""
        with self.ledger.lock:
            if parcel.kind == "transact":
                if parcel.word not in self.ledger.spent:
                    return False
                return True if parcel.mark in self.ledger.leaves.values() else None
            record = self.ledger.orders.get(parcel.word)
            if parcel.kind == "commit":
                if record is None:
                    return None if any(word in self.ledger.spent for word in parcel.words) else False
                return True if record.oc == parcel.mark else None
            if record is None:
                return False
            return (record.reveal if parcel.kind == "reveal" else record.reclaim) is not None

    def notes(self) -> list[OwnedNote]:
        return [own for own in self.wallet.holdings.notes if not own.spent]

    def balances(self, look: Look) -> list[Balance]:
        """Of every token of the deployment, and every other asset held."""
        held = self._held_by_others("")
        totals = look.totals()
        found = []
        for asset in sorted(self.symbols.keys() | totals.keys()):
            free = [own for own in look.notes if own.note.asset == asset and own.nullifier not in held]
            spendable = sorted((own.note.amount for own in free if own.advanced), reverse=True)
            available = sum(own.note.amount for own in free)
            symbol, decimals = self.symbols.get(asset, (as_address(asset), 0))
            locked = totals.get(asset, 0) - available
            found.append(
                Balance(as_address(asset), symbol, decimals, len(free), available, locked, sum(spendable[:MAX_INPUTS]))
            )
        return found

    # --- Calls ---

    def commit(self, holder: str, market: int, epoch: int, terms: Terms, index: int | None) -> Built:
        """A proven commit; `admission.Refused` or `InsufficientFunds` if nothing can be proven now."""
        with self._claims:
            self.wallet.held = self._held_by_others(holder)
            credential = self._credential(market)
            placed, claim = self.wallet.claim_commit(market, epoch, terms, credential, index)
            spent = [one.note.nullifier(self.key, one.position) for one in claim.spent if one.note.amount]
            words = (placed.quota_nullifier, *spent)
            self._hold(holder, words)
        call = build_commit(self.wallet.deployment, claim)
        return Built(call, placed.quota_nullifier, placed.order.commitment, words, placed.index)

    def reveal(self, placed: PlacedOrder) -> Built:
        return Built(self.wallet.build_reveal(placed), placed.quota_nullifier, 0, ())

    def reclaim(self, placed: PlacedOrder) -> Built:
        return Built(self.wallet.build_reclaim(placed), placed.quota_nullifier, 0, ())

    def pick(self, holder: str, asset: int, amount: int) -> list[OwnedNote]:
        """Notes that pay so much, held from now on; `InsufficientFunds`."""
        with self._claims:
            self.wallet.held = self._held_by_others(holder)
            found = choose((own for own in self.wallet.notes() if own.note.asset == asset), amount)
            self._hold(holder, [own.nullifier for own in found])
            return found

    def pick_these(self, holder: str, nullifiers: tuple[int, ...]) -> list[OwnedNote]:
        """The notes of these nullifiers, if all are unspent and nobody else's; else none."""
        with self._claims:
            taken = self._held_by_others(holder)
            found = [own for own in self.notes() if own.nullifier in nullifiers and own.nullifier not in taken]
            if len(found) < len(nullifiers):
                return []
            self._hold(holder, nullifiers)
            return found

    def free(self, asset: int) -> list[OwnedNote]:
        """Notes of an asset that can be spent now, the smallest first."""
        held = self._held_by_others("")
        found = (own for own in self.notes() if own.note.asset == asset and own.advanced and own.nullifier not in held)
        return sorted(found, key=lambda own: own.note.amount)

    def transact(self, asset: int, inputs: list[OwnedNote], **public: int) -> Built:
        """A proven join-split whose change returns; `public` are `Wallet.build_transact`'s deposit, withdrawal, …"""
        deposit = public.get("deposit", 0)
        outputs = [(deposit, self.key.address)] if deposit else []
        call = self.wallet.build_transact(asset, inputs, outputs, **public)
        words = call.args[2]
        word = inputs[0].nullifier if inputs else words["nf0"]
        return Built(call, word, words["cm0"], tuple(own.nullifier for own in inputs))

    # --- Inside ---

    def _held_by_others(self, holder: str) -> frozenset[int]:
        return frozenset().union(*(words for whose, words in list(self.held.items()) if whose != holder))

    def _credential(self, market: int) -> Issued | None:
        """The first that the market admits now; else the first, for the wallet to say what is wrong with it."""
        issued = list(self._issued())
        terms, time = admission.market_terms(self.ledger, market), self.chain.timestamp(self.chain.head())
        for one in issued:
            try:
                admission.check_credential(self.ledger, terms, one, self.key.owner, time)
                return one
            except admission.Refused:
                continue
        return issued[0] if issued else None

    def _issued(self) -> Iterator[Issued]:
        for path in self.credentials:
            yield Issued.load(path)
