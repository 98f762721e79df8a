"""What a run is made of: how many orders, in which epochs, at which block each."""

from dataclasses import dataclass
from math import ceil

CAPACITY = 64
COMMIT_BLOCKS = 22
FREEZE_BLOCKS = 6
REVEAL_BLOCKS = COMMIT_BLOCKS
"""Reveals come in no faster than commits do: a shorter window is a burst, and what a burst delays is a bond lost."""

SETTLE_BLOCKS = 60
SLACK_PERCENT = 1
"""More orders than asked for, since a block takes a little more than its second."""


@dataclass(frozen=True)
class Plan:
    """`rate` orders an hour for `duration` seconds, on `validators` validators whose blocks take a second."""

    rate: int = 10_000
    duration: int = 600
    validators: int = 5

    def __post_init__(self) -> None:
        if not 60 <= self.duration <= 2_400:
            raise ValueError("a run takes 60 to 2400 seconds: prepared commits are dated less than an hour ahead")
        if not 1 <= self.per_epoch <= CAPACITY:
            raise ValueError(f"an epoch of {COMMIT_BLOCKS} blocks takes 1 to {CAPACITY} orders, not {self.per_epoch}")
        if self.validators not in (1, 5):
            raise ValueError("a network has 1 or 5 validators")

    @property
    def per_epoch(self) -> int:
        return ceil(self.rate * COMMIT_BLOCKS * (100 + SLACK_PERCENT) / 360_000)

    @property
    def epochs(self) -> int:
        return ceil(self.duration / COMMIT_BLOCKS)

    @property
    def orders(self) -> int:
        return self.per_epoch * self.epochs

    def terms(self) -> dict:
        """The market's own terms, see `scripts.venue.world.market_terms`."""
        return {
            "commit_blocks": COMMIT_BLOCKS,
            "freeze_blocks": FREEZE_BLOCKS,
            "reveal_blocks": REVEAL_BLOCKS,
            "settle_blocks": SETTLE_BLOCKS,
            "capacity": CAPACITY,
            "quota": CAPACITY,
        }
