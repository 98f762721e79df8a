"""What proofs are made of: notes with their places, credentials, a market's rules."""

from dataclasses import dataclass, field

from offchain.field import R, check, check_range
from offchain.keys import ShieldedKey
from offchain.merkle import NOTE_DEPTH, fold, zeros
from offchain.notes import BPS, LEAF_BITS, QUANTITY_BITS, Note, Terms, split_position
from offchain.poseidon import hash as poseidon_hash

ADDRESS = 1 << 160
WORD64 = 1 << QUANTITY_BITS


class MaterialError(ValueError):
    """The material is in range, but no proof can be made of it; the text says why."""


@dataclass(frozen=True)
class Credential:
    """What the issuer says of an owner; leaf `index` of its tree. `expiry` is in Unix seconds."""

    owner: int
    jurisdiction: int
    tier: int
    expiry: int

    def __post_init__(self) -> None:
        check(self.owner, "owner")
        check_range(self.jurisdiction, 0, 250, "jurisdiction")
        check_range(self.tier, 0, 1 << 8, "tier")
        check_range(self.expiry, 0, WORD64, "expiry")

    @property
    def leaf(self) -> int:
        return poseidon_hash("credential", self.owner, self.jurisdiction, self.tier, self.expiry)


@dataclass(frozen=True)
class Rules:
    """A market's terms as circuits see them. `jurisdictions` has bit i set where i is admitted."""

    market: int
    base: int
    quote: int
    lot: int
    min_quantity: int
    fee_bps: int
    bond_bps: int
    jurisdictions: int
    tier: int
    quota: int

    def __post_init__(self) -> None:
        check(self.market, "market")
        check_range(self.base, 1, ADDRESS, "base token")
        check_range(self.quote, 1, ADDRESS, "quote token")
        check_range(self.lot, 1, WORD64, "lot")
        check_range(self.min_quantity, 1, WORD64, "minimum quantity")
        check_range(self.fee_bps, 0, BPS + 1, "fee in basis points")
        check_range(self.bond_bps, 0, BPS + 1, "bond in basis points")
        check_range(self.jurisdictions, 0, 1 << 250, "jurisdictions")
        check_range(self.tier, 0, 1 << 8, "tier")
        check_range(self.quota, 1, 1 << 16, "quota")

    def lock(self, terms: Terms) -> tuple[int, int]:
        """(asset, amount) that an order of these terms locks."""
        return (self.base if terms.side else self.quote), terms.lock(self.lot, self.fee_bps)


@dataclass(frozen=True)
class Spendable:
    """A note with its place: the input of a proof that spends. `root` is one of its tree's."""

    note: Note
    position: int
    root: int
    siblings: tuple[int, ...] = field(repr=False)

    def __post_init__(self) -> None:
        check_range(self.position, 0, R, "position")
        check_path(self.siblings, NOTE_DEPTH, "a note")
        leaf = split_position(self.position)[1]
        if self.note.amount and fold(self.note.commitment, leaf, list(self.siblings)) != self.root:
            raise MaterialError("the note is not at its position under this root: sync the tree again")

    @classmethod
    def dummy(cls, key: ShieldedKey, asset: int, blinding: int, tree: int, root: int) -> "Spendable":
        """An input of nothing, under any root that the pool knows. `blinding` MUST be new, else
        its nullifier is used already."""
        note = Note(asset, 0, key.owner, blinding)
        return cls(note, tree << LEAF_BITS, root, zeros(NOTE_DEPTH)[:NOTE_DEPTH])


def check_path(siblings: tuple[int, ...], depth: int, what: str) -> None:
    if len(siblings) != depth:
        raise MaterialError(f"the path of {what} has {depth} siblings, not {len(siblings)}")
    for sibling in siblings:
        check(sibling, "sibling")
