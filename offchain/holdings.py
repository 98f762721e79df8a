"""What a key owns, found on a ledger with nothing but the key (protocol §4, §7).

Notes received and changed open from their memos; own orders are found by their quota
nullifiers; a settlement's outputs are computed again from the order and its receipt. So a
restored wallet and one that was there all along hold the same.
"""

from dataclasses import dataclass, field, replace
from itertools import islice

from offchain.babyjubjub import Point
from offchain.chain import Receipt
from offchain.field import R, RangeError, to_field
from offchain.keys import EncryptionKey, ShieldedKey
from offchain.ledger import Ledger
from offchain.notes import Note, Order, Payment, Terms, pay
from offchain.records import EpochRecord, NoteMemo, OrderRecord
from offchain.scan import candidates, head
from offchain.streams import (
    SETTLEMENT_KIND,
    DecryptionError,
    open_memo,
    open_receipt,
    output_blindings,
    shared_point,
    slot_seed,
    treasury_stream,
)

SCANNED_FROM = 16
"""So many new memos are scanned together; fewer are tried one by one."""


@dataclass(frozen=True)
class OwnedNote:
    """A note of the key with its place. It can be spent once it is `advanced`, unless `spent`."""

    note: Note
    position: int
    nullifier: int
    spent: bool
    advanced: bool


@dataclass(frozen=True)
class PlacedOrder:
    """An order that its owner made: `index` is its place j in the owner's quota."""

    order: Order
    index: int
    quota_nullifier: int
    rk: str
    receipt: Receipt | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Fill:
    """What a settlement did with an order: `fill` lots at `price`, 0 of both if none."""

    fill: int
    price: int
    payment: Payment


def reveal_ephemeral(key: ShieldedKey, oc: int, epoch: EpochRecord) -> int:
    """The ephemeral scalar of an order's reveal, the same whenever it is needed."""
    return key.ephemeral("reveal", oc, to_field(epoch.commit_chain), epoch.reveal_version)


class Holdings:
    """`notes` and `orders` of `key` as of the ledger's block, after `refresh`.

    `treasury_key` adds the notes that were paid to the treasury whose notes `key` owns.
    `unreadable` holds own orders whose memo or receipt does not open: other software made the
    commit or the reveal, and it alone can go on with them.
    """

    def __init__(self, ledger: Ledger, key: ShieldedKey, treasury_key: EncryptionKey | None = None):
        self.ledger, self.key, self.treasury_key = ledger, key, treasury_key
        self._version = -1
        self._memos: dict[tuple[int, ...], list[int] | None] = {}
        self._nullifiers: dict[tuple[int, int], list[int]] = {}
        self._shared: dict[tuple[int, Point], Point] = {}
        self._begin()
        self._publish()

    def _begin(self) -> None:
        """Nothing of the ledger's branch is taken in yet; what was decrypted before is kept."""
        self._orders: list[PlacedOrder] = []
        self._fills: dict[int, Fill] = {}
        self._unreadable: list[OrderRecord] = []
        self._branch = self.ledger.memos        # a ledger that falls back begins another list
        self._read, self._seen = 0, 0           # memos and orders of the ledger that were taken in
        self._ranks: dict[tuple[int, int], int] = {}    # epochs in the ledger's order
        self._open: dict[int, tuple[OrderRecord, Order]] = {}   # own orders that nothing has ended
        self._owned: dict[int, OwnedNote] = {}          # by position

    def refresh(self) -> None:
        """Take in what is new on the ledger: the work is that of the new and the open, not of all there ever was."""
        if self._version == self.ledger.version:
            return
        if self._branch is not self.ledger.memos:
            self._begin()
        self._take_memos(self.ledger.memos[self._read :])
        self._take_orders(list(islice(self.ledger.orders.values(), self._seen, None)))
        for record, order in list(self._open.values()):
            if record.reclaim or self.ledger.epochs[record.market, record.epoch].settlement:
                self._settled(record, order)
                del self._open[record.quota_nullifier]
        if self.treasury_key:
            self._treasury()
        for own in list(self._owned.values()):
            if not own.spent:
                self._follow(own)
        self._publish()
        self._version = self.ledger.version

    def _publish(self) -> None:
        """For threads that look meanwhile: never what is half made."""
        self.notes: list[OwnedNote] = [self._owned[position] for position in sorted(self._owned)]
        self.orders: list[PlacedOrder] = self._orders
        self.fills: dict[int, Fill] = self._fills
        self.unreadable: list[OrderRecord] = self._unreadable

    def _follow(self, own: OwnedNote) -> None:
        spent, advanced = own.nullifier in self.ledger.spent, own.advanced or self.ledger.advanced(own.position)
        if (spent, advanced) != (own.spent, own.advanced):
            self._owned[own.position] = replace(own, spent=spent, advanced=advanced)

    # --- Memos ---

    def _take_memos(self, new: list[NoteMemo]) -> None:
        self._scan([memo.words for memo in new if memo.words not in self._memos])
        for memo in new:
            if (plain := self._open_memo(memo.words)) is not None:
                self._keep(memo.position, *plain[:3])
        self._read += len(new)

    def _scan(self, new: list[tuple[int, ...]]) -> None:
        """Pass over the memos that are not for this key."""
        if len(new) >= SCANNED_FROM:
            maybe = candidates(map(head, new), self.key.viewing)
            self._memos |= {words: None for words, mine in zip(new, maybe, strict=True) if not mine}

    def _open_memo(self, words: tuple[int, ...]) -> list[int] | None:
        if words not in self._memos:
            try:
                self._memos[words] = open_memo(list(words), self.key.viewing)
            except DecryptionError:
                self._memos[words] = None
        return self._memos[words]

    def _keep(self, position: int, asset: int, amount: int, blinding: int) -> None:
        """Keep a note that the leaf at `position` commits to: whoever told of it may have lied."""
        try:
            note = Note(asset, amount, self.key.owner, blinding)
        except RangeError:
            return
        if amount and note.commitment == self.ledger.leaves.get(position) and position not in self._owned:
            self._owned[position] = OwnedNote(note, position, note.nullifier(self.key, position), False, False)

    # --- Orders ---

    def _take_orders(self, new: list[OrderRecord]) -> None:
        """The commits of this key among the new ones."""
        found = []
        for record in new:
            own = self.quota_nullifiers(record.market, record.epoch)
            if record.quota_nullifier in own:
                found += self._restore(record, own.index(record.quota_nullifier))
        self._seen += len(new)
        if found:
            for place in islice(self.ledger.epochs, len(self._ranks), None):
                self._ranks[place] = len(self._ranks)
            self._orders = sorted(self._orders + found, key=self._place)

    def _place(self, placed: PlacedOrder) -> tuple[int, int]:
        """By epoch, as the ledger has them, and place in the quota."""
        return self._ranks[placed.order.market, placed.order.epoch], placed.index

    def quota_nullifiers(self, market: int, epoch: int) -> list[int]:
        """The key's quota nullifiers of an epoch, by index."""
        if (market, epoch) not in self._nullifiers:
            quota = self.ledger.markets[market].quota
            self._nullifiers[market, epoch] = [
                self.key.quota_nullifier(market, epoch, index) for index in range(quota)
            ]
        return self._nullifiers[market, epoch]

    def _restore(self, record: OrderRecord, index: int) -> list[PlacedOrder]:
        """The order of a commit, if it is readable, and its change."""
        plain = self._open_memo(record.memo)
        order = self._order(record, plain)
        if order is None:
            self._unreadable.append(record)
            return []
        asset, _ = self.ledger.markets[record.market].rules(record.market).lock(order.terms)
        self._keep(record.position, asset, *plain[3:])
        self._open[record.quota_nullifier] = record, order
        return [PlacedOrder(order, index, record.quota_nullifier, record.rk)]

    def _order(self, record: OrderRecord, plain: list[int] | None) -> Order | None:
        """The order that a commit's memo tells of, if it opens the commitment."""
        if plain is None:
            return None
        word, credential_id, salt, *_ = plain
        try:
            terms = Terms.from_word(word)
            order = Order(record.market, record.epoch, terms, self.key.owner, credential_id, salt)
        except RangeError:
            return None
        return order if order.commitment == record.oc else None

    def _settled(self, record: OrderRecord, order: Order) -> None:
        """The fill and both notes of an order that its epoch's settlement took in."""
        epoch = self.ledger.epochs[record.market, record.epoch]
        settlement, reveal = epoch.settlement, record.reveal
        if settlement is None or reveal is None or settlement.invalid(reveal.slot):
            return
        ephemeral = reveal_ephemeral(self.key, record.oc, epoch)
        key = self.ledger.reveal_keys[epoch.leader, epoch.reveal_version]
        context = self.ledger.context(record.market, record.epoch)
        shared = self._meet(ephemeral, key)
        place = (context.chain_id, context.pool, record.market, record.epoch, record.oc)
        try:
            fill, price = open_receipt(settlement.slots[reveal.slot][0], slot_seed(shared, *place), context.word)
        except DecryptionError:
            self._unreadable.append(record)
            return
        market = self.ledger.markets[record.market]
        payment = pay(order.terms, fill, price, market.lot, market.fee_bps)
        self._fills[record.quota_nullifier] = Fill(fill, price, payment)
        assets = int(market.base, 16), int(market.quote, 16)
        amounts = payment.base, payment.quote
        blindings = output_blindings(order.salt, context.word)
        for output in zip(settlement.outputs(reveal.slot), assets, amounts, blindings):
            self._keep(*output)

    def _meet(self, scalar: int, point: Point) -> Point:
        """The shared point, which is the dearest part of all this, computed once."""
        if (scalar, point) not in self._shared:
            self._shared[scalar, point] = shared_point(scalar, point)
        return self._shared[scalar, point]

    # --- Treasury ---

    def _treasury(self) -> None:
        """Notes paid to the treasury: its part of each settlement's fees, and every forfeit."""
        for epoch in self.ledger.epochs.values():
            if (paid := epoch.settlement) is not None:
                context = self.ledger.context(epoch.market, epoch.epoch).word
                position = paid.position + 2 * paid.count + 1
                self._paid(epoch, position, paid.audit_point, paid.treasury_pad, context, SETTLEMENT_KIND)
            for order in epoch.orders:
                if (back := order.reclaim) is not None:
                    where = (back.position + 1, back.point, back.treasury_pad)
                    self._paid(epoch, *where, order.oc, int(back.forfeit))

    def _paid(
        self, epoch: EpochRecord, position: int, point: Point, padded: int, context: int, kind: int
    ) -> None:
        """A note to the treasury, in whichever asset its commitment shows."""
        if position in self._owned:
            return
        blinding, pad = treasury_stream(self._meet(self.treasury_key.scalar, point), context, kind)
        amount = (padded - pad) % R
        market = self.ledger.markets[epoch.market]
        for asset in (market.base, market.quote):
            self._keep(position, int(asset, 16), amount, blinding)
