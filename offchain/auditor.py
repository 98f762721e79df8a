"""The auditor's view: every order of a settled epoch, from the chain and the auditor's key (P7)."""

from dataclasses import dataclass, field

from offchain.field import R
from offchain.keys import EncryptionKey
from offchain.ledger import Ledger
from offchain.notes import Side, Terms
from offchain.records import EpochRecord, Settlement
from offchain.streams import (
    AUDIT_HEADER,
    DecryptionError,
    audit_pads,
    open_receipt,
    print_commitment,
    shared_point,
    valid_opening,
)


class AuditError(Exception):
    """The epoch cannot be opened; the message says why."""


@dataclass(frozen=True)
class AuditedOrder:
    """A revealed order; what it says is None where it is `valid` no order.

    `fill` in lots, None where the receipt does not open. `oddities` are what no proven settlement
    shows.
    """

    slot: int
    oc: int
    valid: bool
    terms: Terms | None = field(repr=False)
    owner: int | None = field(repr=False)
    credential_id: int | None = field(repr=False)
    salt: int | None = field(repr=False)
    fill: int | None
    oddities: tuple[str, ...] = ()


@dataclass(frozen=True)
class AuditView:
    """A settled epoch in the clear: price in quote units a lot, volume in lots.

    `salt` opens the print commitment, so that the auditor can print for a silent leader.
    """

    market: int
    epoch: int
    price: int
    volume: int
    orders: tuple[AuditedOrder, ...]
    salt: int = field(repr=False)

    @property
    def oddities(self) -> list[str]:
        """What does not add up, by slot and of the whole; empty for every proven settlement."""
        slots = [f"slot {order.slot}: {oddity}" for order in self.orders for oddity in order.oddities]
        return slots + [
            f"the {side.name.lower()} side's fills sum to {filled}, not to the volume {self.volume}"
            for side in Side
            if (filled := self._filled(side)) != self.volume
        ]

    def _filled(self, side: Side) -> int:
        return sum(order.fill or 0 for order in self.orders if order.valid and order.terms.side == side)


def open_epoch(ledger: Ledger, key: EncryptionKey, market: int, epoch: int) -> AuditView:
    """Decrypt a settled epoch, and hold commitments, receipts and sums to each other.

    What does not agree is among the view's `oddities`, and hides no other slot. Raises AuditError
    if the epoch is not settled, is under another auditor key, or its header does not open.
    """
    record = ledger.epochs.get((market, epoch))
    if record is None or record.settlement is None:
        raise AuditError(f"epoch {epoch} of market {market} is not settled up to block {ledger.block}")
    version = record.auditor_version
    if ledger.auditors[version] != key.public:
        raise AuditError(f"the epoch is encrypted to version {version} of the auditor key, which is another")
    settlement, context = record.settlement, ledger.context(market, epoch).word
    header, seeds = _decrypt(key, settlement, context)
    price, volume = header[0] & ((1 << 64) - 1), header[0] >> 64
    if print_commitment(price, volume, header[1]) != settlement.print_commitment:
        raise AuditError("the audit header does not open the print commitment")
    orders = tuple(_order(record, slot, seed, price, context) for slot, seed in enumerate(seeds))
    return AuditView(market, epoch, price, volume, orders, header[1])


def _decrypt(key: EncryptionKey, settlement: Settlement, context: int) -> tuple[list[int], list[int]]:
    """(two header words, one seed a slot)."""
    words = [*settlement.audit, *(audit for _, audit in settlement.slots)]
    pads = audit_pads(shared_point(key.scalar, settlement.audit_point), context, len(words))
    plain = [(word - pad) % R for word, pad in zip(words, pads, strict=True)]
    return plain[:AUDIT_HEADER], plain[AUDIT_HEADER:]


def _order(record: EpochRecord, slot: int, seed: int, price: int, context: int) -> AuditedOrder:
    reveal, settlement = record.reveals[slot].reveal, record.settlement
    opening = valid_opening(record.market, record.epoch, reveal, seed)
    valid, oddities = opening is not None, []
    if valid == settlement.invalid(slot):
        oddities.append(f"wrongly marked {'invalid' if valid else 'valid'}")
    fill = None
    try:
        fill, at = open_receipt(settlement.slots[slot][0], seed, context)
        if fill and (at != price or not valid):
            oddities.append(f"its receipt of {fill} lots at {at} does not fit the epoch")
    except DecryptionError:
        oddities.append("its receipt does not open")
    word, owner, credential_id, salt = opening or (None,) * 4
    terms = Terms.from_word(word) if valid else None
    return AuditedOrder(slot, reveal.oc, valid, terms, owner, credential_id, salt, fill, tuple(oddities))
