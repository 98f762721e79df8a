"""Epochs for the settlement's tests: random but repeatable keys, markets and reveals."""

import random
from dataclasses import replace

from offchain.babyjubjub import L, Point, add, mul_base, torsion
from offchain.field import R, to_field
from offchain.keys import Address, EncryptionKey
from offchain.notes import Order, Side, Terms
from offchain.streams import (
    Context,
    Reveal,
    keccak_words,
    reveal_link,
    seal_reveal,
    shared_point,
    slot_seed,
)
from relayer.settlement import EpochData, MarketTerms, Settlement, settle

BUY, SELL = Side.BUY, Side.SELL
COMMIT_CHAIN = keccak_words(1)


class Batch:
    """Reveals of one epoch, put together one by one; `settle` closes it."""

    def __init__(self, seed: int, reference: int = 100, collar_bps: int = 10_000, **market: int):
        self.rng = random.Random(seed)
        self.key, self.auditor, self.treasury = (EncryptionKey(self.rng.randrange(1, L)) for _ in range(3))
        self.leader = Address(self.word(), EncryptionKey(self.rng.randrange(1, L)).public)
        self.treasury_owner = self.word()
        terms = dict(base=11, quote=22, lot=1000, fee_bps=25, split_bps=6000) | market
        self.market = MarketTerms(collar_bps=collar_bps, **terms)
        self.place = Context(31337, self.rng.randrange(1 << 160), 3, 7, 0, reference, 1, 2, 1)
        self.reveals: list[Reveal] = []
        self.orders: list[Order | None] = []

    def word(self) -> int:
        return self.rng.randrange(R)

    def order(self, side: Side, quantity: int, price: int) -> Order:
        terms = Terms(side, quantity, price)
        return Order(self.place.market, self.place.epoch, terms, self.word(), self.rng.randrange(1 << 20), self.word())

    def seal(self, order: Order, oc: int | None = None) -> Reveal:
        """A reveal of the order, for the slot of its own commitment or of another."""
        oc = order.commitment if oc is None else oc
        ephemeral = self.rng.randrange(1, L)
        at = self.place
        seed = slot_seed(shared_point(ephemeral, self.key.public), at.chain_id, at.pool, at.market, at.epoch, oc)
        return seal_reveal(order.opening, oc, ephemeral, seed)

    def add(self, side: Side, quantity: int, price: int) -> "Batch":
        """A valid reveal."""
        order = self.order(side, quantity, price)
        return self._append(self.seal(order), order)

    def add_twisted(self, side: Side, quantity: int, price: int, order_of_torsion: int) -> "Batch":
        """A valid reveal whose ephemeral point has a torsion component."""
        order = self.order(side, quantity, price)
        reveal = self.seal(order)
        return self._append(replace(reveal, point=add(reveal.point, torsion(order_of_torsion))), order)

    def add_random_words(self) -> "Batch":
        words = tuple(self.word() for _ in range(4))
        return self._append(Reveal(self.word(), mul_base(self.rng.randrange(1, L)), words), None)

    def add_vanishing(self, order_of_torsion: int) -> "Batch":
        """A point of small order under which the words would open: anyone knows the shared point."""
        order, at = self.order(BUY, 5, 100), self.place
        seed = slot_seed(Point(0, 1), at.chain_id, at.pool, at.market, at.epoch, order.commitment)
        sealed = seal_reveal(order.opening, order.commitment, 1, seed)
        return self._append(replace(sealed, point=torsion(order_of_torsion)), None)

    def add_copied(self, slot: int) -> "Batch":
        """Another order's point and ciphertext under an own commitment."""
        copied = self.reveals[slot]
        return self._append(replace(copied, oc=self.order(BUY, 1, 100).commitment), None)

    def add_other_order(self) -> "Batch":
        """Well-formed, but it opens another order than the one committed."""
        return self._append(self.seal(self.order(BUY, 9, 120), oc=self.order(BUY, 1, 90).commitment), None)

    def add_order_of_another_epoch(self) -> "Batch":
        order = replace(self.order(SELL, 2, 90), epoch=self.place.epoch + 1)
        return self._append(self.seal(order), None)

    def data(self) -> EpochData:
        chain = COMMIT_CHAIN
        for reveal in self.reveals:
            chain = reveal_link(chain, reveal)
        context = replace(self.place, reveal_chain=to_field(chain))
        keys = self.auditor.public, self.treasury.public
        return EpochData(context, COMMIT_CHAIN, self.market, *keys, self.treasury_owner, tuple(self.reveals))

    def settle(self, size: int = 8) -> Settlement:
        return settle(self.data(), self.key, self.leader, size, self.rng.randrange(1, L))

    def _append(self, reveal: Reveal, order: Order | None) -> "Batch":
        self.reveals.append(reveal)
        self.orders.append(order)
        return self
