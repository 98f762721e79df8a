"""Orders on the chain, until they have ended: seen, revealed on time, cancelled or reclaimed.

All that is due follows from the ledger, so orders that a browser or a script committed under the key are
cared for like the agent's own.
"""

from dataclasses import replace

from offchain.agent.book import Entry, Parcel
from offchain.agent.core import Core
from offchain.agent.desk import CHAIN_PREFIX, DeskOrder, OrderState
from offchain.agent.purse import Sight
from offchain.agent.reconcile import unbooked
from offchain.chain import ChainError
from offchain.clock import unix_ms
from offchain.orders import ENDED, FORFEITS, Fate
from offchain.records import EpochState
from offchain.store import Busy

STATES = {
    Fate.FILLED: OrderState.FILLED, Fate.CANCELLED: OrderState.CANCELLED, Fate.RECLAIMED: OrderState.RETURNED,
}  # fmt: skip
REASONS = {
    Fate.INVALID: ("invalid", "the settlement showed that the reveal does not open the order"),
    Fate.UNREVEALED: ("unrevealed", "the epoch ended without its reveal: the bond is forfeited"),
    Fate.REFUNDABLE: ("epoch_failed", "the epoch failed or is void: the funds come back whole"),
    Fate.CANCELLED: (None, None),
}
ON_CHAIN = (OrderState.COMMITTED, OrderState.REVEALED, OrderState.FILLED, OrderState.RETURNED)


class Closing:
    def __init__(self, core: Core):
        self.core, self.book, self.purse = core, core.book, core.purse

    def round(self, sights: list[Sight], head: int, block: int) -> None:
        for sight in sights:
            try:
                self._one(sight, head, block)
            except Busy:
                raise
            except Exception as error:      # one order's failure must not cost another its bond
                self.core.failed(f"order:{sight.word}", error, head)
        self._vanished({sight.word for sight in sights})

    def _one(self, sight: Sight, head: int, block: int) -> None:
        entry = self._observe(sight, block)
        if sight.live:
            self._serve(sight, entry, head, block)
        else:
            self.core.problems.pop(f"bond:{sight.word}", None)

    # --- What the ledger shows of it ---

    def _observe(self, sight: Sight, block: int) -> Entry:
        """Bring the desk's order up to what the ledger shows at `block`."""
        with self.book.lock:
            entry = self._entry(sight)
            known, status = entry.order, sight.status
            shown = STATES.get(status.fate), status.fill, status.price
            if known.ended and not sight.live and (known.state, known.fill, known.fill_price) == shown:
                return entry
            order = self._seen(entry, sight)
            cancelling = entry.cancelling and sight.live
            if cancelling and block >= sight.windows.freeze:     # until then a cancel may be in a block not yet final
                reason = "the window froze before the cancel was in a block: the order goes on"
                order, cancelling = replace(order, code="too_late", reason=reason), False
            if order != entry.order:
                entry, facts = unbooked(self.core, entry)
                self.book.write(replace(entry, order=order, cancelling=cancelling), tell="order", facts=facts)
            if order.state != OrderState.ACCEPTED:
                self.purse.release(order.client_id)
            return self.book.entries[order.client_id]

    def _vanished(self, words: set[int]) -> None:
        """Orders that a reorganisation, deeper than what counts as final, took back: again tickets, or nothing.

        One that had come to nothing stays so, for its owner has gone on since; but it forfeited nothing.
        """
        with self.book.lock:
            for entry in list(self.book.entries.values()):
                order = entry.order
                if order.quota_nullifier in words or order.state not in ON_CHAIN:
                    continue
                lost = {
                    "state": OrderState.ACCEPTED, "code": "reorganised", "reason": "a reorganisation took it back",
                    "fill": None, "fill_price": None, "reference": None, "forfeited": None,
                }  # fmt: skip
                entry, facts = unbooked(self.core, entry)
                if order.source == "chain" or order.state == OrderState.RETURNED:
                    entry = replace(entry, order=replace(order, **lost | {"state": OrderState.FAILED}), booked=True)
                else:
                    entry = replace(entry, order=replace(order, **lost, commit_tx=None, reveal_tx=None))
                self.book.write(entry, tell="order", facts=facts)

    def _entry(self, sight: Sight) -> Entry:
        """The ticket's whose commit this is, else one of its own."""
        known = self.book.entries.get(self.book.by_word.get(sight.word, ""))
        if known is not None and known.order.quota_nullifier == sight.word:
            if sight.record.oc in known.marks or known.order.source == "chain":
                return known
        name = f"{CHAIN_PREFIX}{sight.word}"
        if name in self.book.entries:
            return self.book.entries[name]
        order, terms = sight.placed.order, sight.placed.order.terms
        found = DeskOrder(
            name, order.market, order.epoch, terms.side, terms.quantity, terms.price, "chain", "", OrderState.ACCEPTED,
            quota_nullifier=sight.word, created=unix_ms(),
        )  # fmt: skip
        return Entry(found)

    def _seen(self, entry: Entry, sight: Sight) -> DeskOrder:
        status, order = sight.status, entry.order
        open_state = OrderState.REVEALED if sight.record.reveal else OrderState.COMMITTED
        code, reason = REASONS.get(status.fate, (order.code, order.reason))
        return replace(
            order,
            state=STATES.get(status.fate, open_state),
            code=code,
            reason=reason,
            fill=status.fill,
            fill_price=status.price,
            reference=sight.reference,
            forfeited=status.forfeited,
            commit_tx=order.commit_tx or self._commit_tx(entry),
            reveal_tx=order.reveal_tx or (self._tx(_reveal_key(sight)) if sight.record.reveal else None),
        )

    def _commit_tx(self, entry: Entry) -> str | None:
        keys = (f"commit:{entry.order.client_id}:{number}" for number in range(entry.attempts, 0, -1))
        return next((tx for tx in map(self._tx, keys) if tx), None)

    def _tx(self, key: str) -> str | None:
        parcel = self.book.parcel(key)
        return parcel.tx if parcel is not None and parcel.state == "landed" else None

    # --- What is due ---

    def _serve(self, sight: Sight, entry: Entry, head: int, block: int) -> None:
        state, windows = sight.status.epoch_state, sight.windows
        self._watch(sight, entry, head)
        if state == EpochState.COMMIT:
            if entry.cancelling and head + 1 < windows.freeze:
                self._later(sight, "cancel", head, windows.freeze)
        elif state in ENDED:
            self._later(sight, "reclaim", head, None)
        elif sight.record.reveal is None and block >= windows.freeze and windows.reveal <= head < windows.settle - 1:
            self._reveal(sight, head)

    def _reveal(self, sight: Sight, head: int) -> None:
        """At once and on this thread: no proof is needed, and nothing may stand before it in a queue."""
        key = _reveal_key(sight)
        if key in self.book.parcels:
            return
        try:
            self._drop_reveals(sight)
            built = self.purse.reveal(sight.placed)
            parcel = Parcel(key, str(sight.word), "reveal", sight.word, 0, (), sight.windows.settle)
            self.book.write(parcel, calls={key: built.call})
            self.core.courier.start(parcel, head)
        except ChainError as error:
            self.core.failed(key, error, head)

    def _drop_reveals(self, sight: Sight) -> None:
        """End those made before a reorganisation changed the frozen set: no contract takes them now."""
        with self.book.lock:
            for parcel in list(self.book.parcels.values()):
                if parcel.kind == "reveal" and parcel.word == sight.word:
                    why = "a reorganisation changed the set that it was made for"
                    self.book.write(replace(parcel, state="lost", reason=why))

    def _later(self, sight: Sight, kind: str, head: int, expires: int | None) -> None:
        key = f"{kind}:{sight.word}"
        if key not in self.book.parcels:
            self.core.work(key, head, lambda: self._reclaim(sight, key, kind, expires))

    def _reclaim(self, sight: Sight, key: str, kind: str, expires: int | None) -> None:
        built = self.purse.reclaim(sight.placed)
        self.book.took("reclaim", built.call.proof_seconds)
        parcel = Parcel(key, str(sight.word), kind, sight.word, 0, (), expires)
        self.book.write(parcel, calls={key: built.call})
        self.core.courier.start(parcel, self.core.chain.head())

    def _watch(self, sight: Sight, entry: Entry, head: int) -> None:
        """Say while there is time that a bond is at risk, and say when it is lost."""
        name, windows = f"bond:{sight.word}", sight.windows
        sealed = sight.record.reveal is None
        parcel = self.book.parcels.get(_reveal_key(sight))
        on_its_way = parcel is not None and parcel.block is not None
        near = windows.settle - self.core.settings.alert_blocks <= head < windows.settle
        if sealed and near and not on_its_way:
            why = f": {parcel.reason}" if parcel is not None and parcel.reason else ""
            self.core.problems[name] = (
                f"order {entry.order.client_id} is not revealed, and block {windows.settle} ends its window; "
                f"the chain is at {head}{why}"
            )
        elif sealed and head >= windows.settle and sight.status.epoch_state in FORFEITS:
            self.core.problems[name] = f"order {entry.order.client_id} was not revealed in time: its bond is lost"
        else:
            self.core.problems.pop(name, None)


def _reveal_key(sight: Sight) -> str:
    """A reveal's parcel: another one where a reorganisation changed what the reveal is signed for."""
    return f"reveal:{sight.word}:{sight.bound}"
