"""Notes and orders: what they hold, their ranges, commitments and amounts (protocol §3, §4).

Amounts are base units of a token, `quantity` is in lots, `price` in quote units per lot.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property

from offchain.field import RangeError, check, check_range
from offchain.keys import ShieldedKey
from offchain.poseidon import hash as poseidon_hash

AMOUNT_BITS = 128
QUANTITY_BITS = 64
BPS = 10_000
LEAF_BITS = 32


def fee(amount: int, fee_bps: int) -> int:
    """floor(amount·fee_bps / 10000), in the unit of `amount`."""
    return amount * fee_bps // BPS


class Side(IntEnum):
    BUY = 0
    SELL = 1


@dataclass(frozen=True)
class Note:
    """A claim of `amount` of `asset` (an address as a word) in the pool."""

    asset: int
    amount: int = field(repr=False)
    owner: int
    blinding: int = field(repr=False)

    def __post_init__(self) -> None:
        check_range(self.asset, 0, 1 << 160, "asset")
        check_range(self.amount, 0, 1 << AMOUNT_BITS, "amount")
        check(self.owner)
        check(self.blinding)

    @cached_property
    def commitment(self) -> int:
        return poseidon_hash("note", self.asset, self.amount, self.owner, self.blinding)

    def nullifier(self, key: ShieldedKey, position: int) -> int:
        return poseidon_hash("nullifier", self.commitment, position, key.sk)


def split_position(position: int) -> tuple[int, int]:
    """(tree, leaf) of a position."""
    return position >> LEAF_BITS, position & ((1 << LEAF_BITS) - 1)


@dataclass(frozen=True)
class Terms:
    """What an order asks: side, quantity in lots, limit price in quote units per lot."""

    side: Side
    quantity: int
    price: int

    def __post_init__(self) -> None:
        if self.side not in (Side.BUY, Side.SELL):
            raise RangeError(f"side must be 0 (buy) or 1 (sell), not {self.side!r}")
        check_range(self.quantity, 1, 1 << QUANTITY_BITS, "quantity")
        check_range(self.price, 1, 1 << QUANTITY_BITS, "price")

    @property
    def word(self) -> int:
        return int(self.side) + 2 * self.quantity + (self.price << 65)

    @classmethod
    def from_word(cls, word: int) -> "Terms":
        """The terms that `word` packs; RangeError if it packs none."""
        check_range(word, 0, 1 << 129, "terms")
        mask = (1 << QUANTITY_BITS) - 1
        return cls(Side(word & 1), word >> 1 & mask, word >> 65)

    def lock(self, lot: int, fee_bps: int) -> int:
        """The worst case, in quote units for a buyer and base units for a seller."""
        if self.side == Side.SELL:
            return self.quantity * lot
        notional = self.quantity * self.price
        return notional + fee(notional, fee_bps)

    def bond(self, lot: int, fee_bps: int, bond_bps: int) -> int:
        """What the order forfeits where it must, in units of its lock."""
        return fee(self.lock(lot, fee_bps), bond_bps)


@dataclass(frozen=True)
class Order:
    """An order as its commitment fixes it."""

    market: int
    epoch: int
    terms: Terms = field(repr=False)
    owner: int = field(repr=False)
    credential_id: int = field(repr=False)
    salt: int = field(repr=False)

    def __post_init__(self) -> None:
        check_range(self.credential_id, 0, 1 << 20, "credential id")
        for word in (self.market, self.epoch, self.owner, self.salt):
            check(word)

    @property
    def commitment(self) -> int:
        return order_commitment(self.market, self.epoch, self.opening)

    @property
    def opening(self) -> tuple[int, int, int, int]:
        """The four words a reveal encrypts: terms, owner, credential id, salt."""
        return self.terms.word, self.owner, self.credential_id, self.salt


def order_commitment(market: int, epoch: int, opening: tuple[int, int, int, int]) -> int:
    return poseidon_hash("order", market, epoch, *opening)


@dataclass(frozen=True)
class Payment:
    """What a settled order gets back: amounts of the base and the quote note, and the fee it paid."""

    base: int
    quote: int
    fee: int


def pay(order: Terms, fill: int, price: int, lot: int, fee_bps: int) -> Payment:
    """A settled order's outputs (protocol §4): `fill` in lots at `price`, fees in quote units."""
    traded = fill * price
    paid = fee(traded, fee_bps)
    if order.side == Side.BUY:
        return Payment(fill * lot, order.lock(lot, fee_bps) - traded - paid, paid)
    return Payment((order.quantity - fill) * lot, traded - paid, paid)
