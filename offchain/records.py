"""What the chain's events say, as typed records (protocol §4, §5). Blocks are numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import IntEnum

from offchain.babyjubjub import Point
from offchain.material import Rules
from offchain.streams import Reveal, reveal_link


class EpochState(IntEnum):
    """As `Market.state` answers."""

    UNOPENED = 0
    COMMIT = 1
    FROZEN = 2
    REVEAL = 3
    SETTLING = 4
    SETTLED = 5
    EMPTY = 6
    FAILED = 7
    VOID = 8


@dataclass(frozen=True)
class Windows:
    """An epoch's blocks; each window runs from its first block up to, not including, the next."""

    open: int
    freeze: int
    reveal: int
    settle: int
    deadline: int


@dataclass(frozen=True)
class MarketTerms:
    """A market's terms as the contract keeps them; addresses are checksummed text."""

    base: str
    quote: str
    lot: int
    min_quantity: int
    fee_bps: int
    bond_bps: int
    jurisdictions: int
    tier: int
    start_block: int
    commit_blocks: int
    freeze_blocks: int
    reveal_blocks: int
    settle_blocks: int
    capacity: int
    quota: int
    split_bps: int
    deferral: int
    source: str
    max_age: int
    collar_bps: int

    @classmethod
    def of(cls, words) -> "MarketTerms":
        """From the struct as web3 decodes it: a mapping in events, a tuple in answers."""
        return cls(**words) if isinstance(words, Mapping) else cls(*words)

    def words(self) -> tuple:
        """The struct as `open_market` takes it."""
        return tuple(getattr(self, field.name) for field in fields(self))

    def rules(self, market: int) -> Rules:
        """The terms as circuits see them."""
        return Rules(
            market=market,
            base=int(self.base, 16),
            quote=int(self.quote, 16),
            lot=self.lot,
            min_quantity=self.min_quantity,
            fee_bps=self.fee_bps,
            bond_bps=self.bond_bps,
            jurisdictions=self.jurisdictions,
            tier=self.tier,
            quota=self.quota,
        )

    def windows(self, epoch: int) -> Windows:
        opens = self.start_block + epoch * self.commit_blocks
        freeze = opens + self.commit_blocks
        reveal = freeze + self.freeze_blocks
        settle = reveal + self.reveal_blocks
        return Windows(opens, freeze, reveal, settle, settle + self.settle_blocks)

    def epoch_at(self, block: int) -> int:
        """The epoch whose commit window holds `block`; ValueError before the first."""
        if block < self.start_block:
            raise ValueError(f"the market opens at block {self.start_block}; block {block} is before it")
        return (block - self.start_block) // self.commit_blocks


@dataclass(frozen=True)
class NoteMemo:
    """A memo that may open the note whose commitment is the leaf at `position`."""

    position: int
    words: tuple[int, ...]


@dataclass(frozen=True)
class RevealRecord:
    """`slot` counts the epoch's reveals from 0."""

    slot: int
    quota_nullifier: int
    reveal: Reveal
    block: int


@dataclass(frozen=True)
class ReclaimRecord:
    """An order taken back; `cancelled` before its freeze. `position` is the refund note's."""

    forfeit: bool
    cancelled: bool
    position: int
    point: Point
    treasury_pad: int
    block: int


@dataclass
class OrderRecord:
    """An accepted commit, and what became of it. `position` is the change note's."""

    market: int
    epoch: int
    quota_nullifier: int
    oc: int
    rk: str
    position: int
    memo: tuple[int, ...]
    block: int
    reveal: RevealRecord | None = None
    reclaim: ReclaimRecord | None = None


@dataclass(frozen=True)
class Settlement:
    """A settlement as its event gives it; `slots` are (receipt, audit word) in reveal order.

    Notes stand from `position` on: base and quote of each slot, then the leader's, then the
    treasury's.
    """

    count: int
    invalid_mask: int
    print_commitment: int
    audit_point: Point
    audit: tuple[int, int]
    treasury_pad: int
    leader_cm: int
    treasury_cm: int
    position: int
    slots: tuple[tuple[int, int], ...]
    memo: tuple[int, ...]
    block: int

    def invalid(self, slot: int) -> bool:
        return bool(self.invalid_mask >> slot & 1)

    def outputs(self, slot: int) -> tuple[int, int]:
        """Positions of a slot's base and quote note."""
        return self.position + 2 * slot, self.position + 2 * slot + 1


@dataclass
class EpochRecord:
    """One epoch of a market since its first commit."""

    market: int
    epoch: int
    leader: str
    reveal_version: int
    auditor_version: int
    treasury_version: int
    commit_chain: bytes = bytes(32)
    orders: list[OrderRecord] = field(default_factory=list)
    reveals: list[RevealRecord] = field(default_factory=list)
    reference: int | None = None
    void: bool = False
    settlement: Settlement | None = None
    failed_block: int | None = None
    released: bool = False
    printed: tuple[int, int] | None = None

    @property
    def live(self) -> int:
        """Orders that hold a place: those not cancelled."""
        return sum(1 for order in self.orders if not (order.reclaim and order.reclaim.cancelled))

    @property
    def reveal_chain(self) -> bytes:
        """The reveal chain over all reveals so far; it starts at the frozen commit chain."""
        chain = self.commit_chain
        for record in self.reveals:
            chain = reveal_link(chain, record.reveal)
        return chain


@dataclass(frozen=True)
class Treasury:
    """A version of the treasury: who is slashed stake, whose notes, and under which key."""

    account: str
    owner: int
    key: Point
