"""The auditor's view: every order of a settled epoch, from the chain and the auditor's key (P7)."""

from dataclasses import dataclass, field

from offchain.field import R
from offchain.keys import EncryptionKey
from offchain.ledger import Ledger
from offchain.notes import Side, Terms, order_commitment
from offchain.records import EpochRecord, Settlement
from offchain.streams import AUDIT_HEADER, audit_pads, open_receipt, open_reveal, print_commitment, shared_point


class AuditError(Exception):
    """The epoch cannot be opened, or what it holds does not add up; the message says which."""


@dataclass(frozen=True)
class AuditedOrder:
    """A revealed order; what it says is None where it is `valid` no order. `fill` in lots."""

    slot: int
    oc: int
    valid: bool
    terms: Terms | None = field(repr=False)
    owner: int | None = field(repr=False)
    credential_id: int | None = field(repr=False)
    fill: int


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


def open_epoch(ledger: Ledger, key: EncryptionKey, market: int, epoch: int) -> AuditView:
    """Decrypt a settled epoch, and check that commitments, receipts and sums agree.

    Raises AuditError if it is not settled, is under another auditor key, or does not add up.
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
    _check_sums(orders, volume)
    return AuditView(market, epoch, price, volume, orders, header[1])


def _decrypt(key: EncryptionKey, settlement: Settlement, context: int) -> tuple[list[int], list[int]]:
    """(two header words, one seed a slot)."""
    words = [*settlement.audit, *(audit for _, audit in settlement.slots)]
    pads = audit_pads(shared_point(key.scalar, settlement.audit_point), context, len(words))
    plain = [(word - pad) % R for word, pad in zip(words, pads, strict=True)]
    return plain[:AUDIT_HEADER], plain[AUDIT_HEADER:]


def _order(record: EpochRecord, slot: int, seed: int, price: int, context: int) -> AuditedOrder:
    reveal = record.reveals[slot].reveal
    opening = open_reveal(reveal.ciphertext, seed)
    fill, at = open_receipt(record.settlement.slots[slot][0], seed, context)
    valid = order_commitment(record.market, record.epoch, opening) == reveal.oc
    if valid == record.settlement.invalid(slot):
        raise AuditError(f"slot {slot} is wrongly marked {'invalid' if valid else 'valid'}")
    if (fill and at != price) or (fill and not valid):
        raise AuditError(f"the receipt of slot {slot} does not fit the epoch")
    if not valid:
        return AuditedOrder(slot, reveal.oc, False, None, None, None, fill)
    word, owner, credential_id, _ = opening
    return AuditedOrder(slot, reveal.oc, True, Terms.from_word(word), owner, credential_id, fill)


def _check_sums(orders: tuple[AuditedOrder, ...], volume: int) -> None:
    for side in Side:
        filled = sum(order.fill for order in orders if order.valid and order.terms.side == side)
        if filled != volume:
            raise AuditError(f"the {side.name.lower()} side's fills sum to {filled}, not to the volume {volume}")
