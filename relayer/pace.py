"""How long this relayer's proofs take, in seconds and in blocks: what it can still make in time."""

import math
from statistics import median

from offchain.chain import Chain
from relayer.standing import pace
from relayer.store import Store

LEAST_SECONDS = 0.001
INCLUSION_BLOCKS = 1


class Pace:
    """Its own proofs by circuit, as the store remembers them, and the chain's pace."""

    def __init__(self, chain: Chain, store: Store):
        self.chain, self.store = chain, store

    def block_seconds(self, head: int) -> float:
        """Seconds a block, over the last ones up to `head`."""
        return max(pace(self.chain, head), LEAST_SECONDS)

    def usual(self, circuit: str) -> float | None:
        """Seconds that a proof usually takes; None if none was made yet."""
        seconds = self.store.timings(circuit)
        return median(seconds) if seconds else None

    def lands(self, circuit: str, head: int) -> int:
        """The first block that could hold a proof begun at `head`, at the best that this relayer ever did.

        The best and not the usual: a proof too many costs seconds, one not tried costs stake.
        """
        fastest = min(self.store.timings(circuit), default=0.0)
        return head + math.ceil(fastest / self.block_seconds(head)) + INCLUSION_BLOCKS

    def until(self, deadline: int, head: int) -> float:
        """Seconds until the last block in which a transaction is early enough for block `deadline`."""
        return max(deadline - INCLUSION_BLOCKS - head, 0) * self.block_seconds(head)
