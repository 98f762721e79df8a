"""One epoch's settlement: everything that the contract and the circuit are given (protocol §4, §7).

Pure: what the chain says goes in as an `EpochData`, and the same data and key give the same
settlement. `settle` mirrors circuits/settle.circom step by step.
"""

from dataclasses import astuple, dataclass, field
from functools import reduce

from offchain.babyjubjub import Point, mul_base
from offchain.clearing import Clearing, split
from offchain.field import R, check_range, to_field
from offchain.keys import Address, EncryptionKey
from offchain.notes import BPS, QUANTITY_BITS, Note, Terms, pay
from offchain.streams import (
    AUDIT_HEADER,
    SETTLEMENT_KIND,
    Context,
    Reveal,
    audit_pads,
    leader_secrets,
    memo_word,
    output_blindings,
    print_commitment,
    reveal_link,
    seal_memo,
    seal_receipt,
    shared_point,
    slot_seed,
    treasury_stream,
    valid_opening,
)
from relayer.engine import clear

SLOT_WORDS = 11


class SettlementError(ValueError):
    """The epoch cannot be settled as asked."""


@dataclass(frozen=True)
class MarketTerms:
    """The terms of a market that a settlement depends on; assets are addresses as words."""

    base: int
    quote: int
    lot: int            # base units a lot
    fee_bps: int
    split_bps: int      # the leader's part of the fees
    collar_bps: int

    def __post_init__(self) -> None:
        check_range(self.base, 1, 1 << 160, "base token")
        check_range(self.quote, 1, 1 << 160, "quote token")
        check_range(self.lot, 1, 1 << QUANTITY_BITS, "lot")
        for name in ("fee_bps", "split_bps", "collar_bps"):
            check_range(getattr(self, name), 0, BPS + 1, name)


@dataclass(frozen=True)
class EpochData:
    """What the chain fixes of an epoch whose reveal window is over.

    Raises SettlementError if the reveals are not those of the context's reveal chain.
    """

    context: Context
    commit_chain: bytes             # as frozen
    market: MarketTerms
    auditor_key: Point
    treasury_key: Point
    treasury_owner: int
    reveals: tuple[Reveal, ...]     # in the order of the chain

    def __post_init__(self) -> None:
        if to_field(reduce(reveal_link, self.reveals, self.commit_chain)) != self.context.reveal_chain:
            raise SettlementError("these reveals do not hash to the epoch's reveal chain: sync again")


@dataclass(frozen=True)
class Slot:
    """A reveal as the leader's key opens it; `opening` is None where it is invalid."""

    seed: int = field(repr=False)
    opening: tuple[int, int, int, int] | None = field(repr=False)   # terms, owner, credential id, salt

    @property
    def terms(self) -> Terms | None:
        return Terms.from_word(self.opening[0]) if self.opening else None


@dataclass(frozen=True)
class Settlement:
    """The arguments of the contract's `settle`, and the statement and witness behind them."""

    size: int
    epoch: EpochData
    key: EncryptionKey
    leader: Address
    invalid_mask: int
    print_commitment: int
    audit_point: Point
    audit: tuple[int, int]
    treasury_pad: int
    leader_cm: int
    treasury_cm: int
    slots: tuple[tuple[int, ...], ...]      # 11 words for each reveal
    memo: tuple[int, ...]                   # of the leader's note
    orders: tuple[Terms | None, ...] = field(repr=False)     # in order of reveal, None for an invalid one
    clearing: Clearing = field(repr=False)
    print_salt: int = field(repr=False)     # opens the print commitment, with price and volume
    leader_note: Note = field(repr=False)

    @property
    def circuit(self) -> str:
        return f"settle_{self.size}"

    def assemble(self) -> tuple[list[int], dict]:
        """(words of the statement, the circuit's other inputs), as `circuits.prove` takes them."""
        return self.words(), self.inputs()

    def words(self) -> list[int]:
        """The statement's 34 + 11·size words (protocol §7); absent slots are zeros."""
        epoch, market = self.epoch, self.epoch.market
        head = [
            *astuple(epoch.context), *self.key.public, *epoch.auditor_key, *epoch.treasury_key,
            epoch.treasury_owner, self.leader.owner, market.base, market.quote, market.lot,
            market.fee_bps, market.split_bps, market.collar_bps, len(self.slots),
            self.invalid_mask, self.print_commitment, *self.audit_point, *self.audit,
            self.treasury_pad, self.leader_cm, self.treasury_cm, memo_word(list(self.memo)),
        ]  # fmt: skip
        absent = [0] * SLOT_WORDS * (self.size - len(self.slots))
        return [*head, *(word for slot in self.slots for word in slot), *absent]

    def inputs(self) -> dict:
        """The circuit's signals, named as in circuits/settle.circom; secret."""
        epoch, context, market = self.epoch, self.epoch.context, self.epoch.market
        count, reveals = len(epoch.reveals), epoch.reveals
        absent = self.size - count
        return {
            "chain_id": context.chain_id,
            "pool": context.pool,
            "market": context.market,
            "epoch": context.epoch,
            "reveal_chain": context.reveal_chain,
            "reference": context.reference,
            "versions": [context.reveal_version, context.auditor_version, context.treasury_version],
            "auditor_key": list(epoch.auditor_key),
            "treasury_key": list(epoch.treasury_key),
            "treasury_owner": epoch.treasury_owner,
            "leader_owner": self.leader.owner,
            "base": market.base,
            "quote": market.quote,
            "lot": market.lot,
            "fee_bps": market.fee_bps,
            "split_bps": market.split_bps,
            "collar_bps": market.collar_bps,
            "count": count,
            "memo": memo_word(list(self.memo)),
            "oc": [reveal.oc for reveal in reveals] + [0] * absent,
            "point": [list(reveal.point) for reveal in reveals] + [[0, 0]] * absent,
            "ciphertext": [list(reveal.ciphertext) for reveal in reveals] + [[0] * 4] * absent,
            "rsk": self.key.scalar,
            "present": [1] * count + [0] * absent,
            "lo": self.clearing.lo,
            "hi": self.clearing.hi,
            "offset": self.clearing.rationing.offset,
        }


def open_slot(context: Context, key: EncryptionKey, reveal: Reveal) -> Slot:
    """Decrypt a reveal and decide by its own commitment whether it is valid (protocol §4)."""
    shared = shared_point(key.scalar, reveal.point)
    seed = slot_seed(shared, context.chain_id, context.pool, context.market, context.epoch, reveal.oc)
    return Slot(seed, valid_opening(context.market, context.epoch, reveal, seed))


def settle(epoch: EpochData, key: EncryptionKey, leader: Address, size: int, memo_ephemeral: int) -> Settlement:
    """Settle an epoch with the circuit of `size` slots.

    `key` is the reveal key that the epoch's record names, `memo_ephemeral` a fresh scalar for the
    memo of the leader's fee note. Raises SettlementError without reveals or with more than `size`.
    """
    if not 1 <= len(epoch.reveals) <= size:
        raise SettlementError(f"settle_{size} settles 1 to {size} reveals, not {len(epoch.reveals)}")

    market, context = epoch.market, epoch.context.word
    secrets = leader_secrets(key.scalar, context)
    slots = [open_slot(epoch.context, key, reveal) for reveal in epoch.reveals]
    orders = [slot.terms for slot in slots]
    clearing = clear(orders, epoch.context.reference, market.collar_bps, secrets.offset_source)

    leaves, fees = _outputs(slots, clearing, market, context)
    leader_fee, treasury_fee = split(fees, market.split_bps)
    leader_note = Note(market.quote, leader_fee, leader.owner, secrets.blinding)
    with_treasury = shared_point(secrets.audit_scalar, epoch.treasury_key)
    blinding, pad = treasury_stream(with_treasury, context, SETTLEMENT_KIND)
    treasury_note = Note(market.quote, treasury_fee, epoch.treasury_owner, blinding)

    pads = audit_pads(shared_point(secrets.audit_scalar, epoch.auditor_key), context, AUDIT_HEADER + len(slots))
    plain = [clearing.price + (clearing.volume << 64), secrets.print_salt, *(slot.seed for slot in slots)]
    audit = [(word + pad) % R for word, pad in zip(plain, pads, strict=True)]
    receipts = [
        seal_receipt(fill, clearing.price if fill else 0, slot.seed, context)
        for slot, fill in zip(slots, clearing.fills)
    ]
    words = [
        (*reveal.words(), *leaf, receipt, audit_word)
        for reveal, leaf, receipt, audit_word in zip(epoch.reveals, leaves, receipts, audit[AUDIT_HEADER:])
    ]
    memo = seal_memo([market.quote, leader_fee, secrets.blinding, 0, 0], leader.viewing, memo_ephemeral)

    return Settlement(
        size=size,
        epoch=epoch,
        key=key,
        leader=leader,
        invalid_mask=sum(1 << k for k, slot in enumerate(slots) if slot.opening is None),
        print_commitment=print_commitment(clearing.price, clearing.volume, secrets.print_salt),
        audit_point=mul_base(secrets.audit_scalar),
        audit=tuple(audit[:AUDIT_HEADER]),
        treasury_pad=(treasury_fee + pad) % R,
        leader_cm=leader_note.commitment,
        treasury_cm=treasury_note.commitment,
        slots=tuple(words),
        memo=tuple(memo),
        orders=tuple(orders),
        clearing=clearing,
        print_salt=secrets.print_salt,
        leader_note=leader_note,
    )


def _outputs(slots: list[Slot], clearing: Clearing, market: MarketTerms, context: int) -> tuple[list, int]:
    """((base, quote) leaf of each slot, the fees of all): zeros for an invalid slot."""
    leaves, fees = [], 0
    for slot, fill in zip(slots, clearing.fills):
        if slot.opening is None:
            leaves.append((0, 0))
            continue
        _, owner, _, salt = slot.opening
        payment = pay(slot.terms, fill, clearing.clamped, market.lot, market.fee_bps)
        base, quote = output_blindings(salt, context)
        notes = Note(market.base, payment.base, owner, base), Note(market.quote, payment.quote, owner, quote)
        leaves.append(tuple(note.commitment for note in notes))
        fees += payment.fee
    return leaves, fees
