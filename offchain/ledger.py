"""A deployment's public state, followed from its events and held to the contracts.

The ledger follows the chain `depth` blocks behind its head. It keeps the hash of every block
that it acted on; when one of them is no longer on the chain, it falls back to the last that
is, and rebuilds from the events up to there (protocol §6).
"""

import threading
from collections.abc import Callable

from offchain.chain import Chain, ChainError, Event
from offchain.merkle import CHUNK_DEPTH
from offchain.notes import split_position
from offchain.state import Diverged, State
from offchain.streams import Context

__all__ = ["Diverged", "Ledger"]

SPAN = 2_000
"""Blocks taken in at once, so that a long sync advances in checkpoints."""


class Ledger(State):
    """`block` is the last block taken in; `version` changes whenever the state does.

    `depth` blocks are left between it and the head; the chain's `confirmations` if None. Whoever
    shares a ledger between threads reads it under its `lock`.
    """

    def __init__(self, chain: Chain, depth: int | None = None):
        super().__init__()
        self.chain = chain
        self.depth = chain.confirmations if depth is None else depth
        self.block = chain.deployment.start_block - 1
        self.version = 0
        self.lock = threading.RLock()
        self._events: list[Event] = []
        self._checkpoints: dict[int, bytes] = {}

    def sync(self, to_block: int | None = None, progress: Callable[[int], None] = lambda block: None) -> int:
        """Take in the blocks up to `to_block`, by default as deep as `depth` demands.

        Returns `block`. Raises Diverged if the contracts hold another state than the events make.
        """
        with self.lock:
            self._fall_back()
            target = self.chain.head() - self.depth if to_block is None else to_block
            while self.block < target:
                self._take(min(self.block + SPAN, target))
                progress(self.block)
            return self.block

    def context(self, market: int, epoch: int) -> Context:
        """Where the settlement of an epoch whose reference is fixed stands."""
        deployment = self.chain.deployment
        return self.settlement_context(deployment.chain_id, deployment.pool, market, epoch)

    def _take(self, last: int) -> None:
        """Take in the blocks after `block` up to `last`, as one branch holds them."""
        before = self.chain.block_hash(last)
        events = self.chain.events(self.block + 1, last)
        if before is None or self.chain.block_hash(last) != before:
            raise ChainError(f"the chain reorganised at block {last} while it was read; sync again")
        for event in events:
            self.apply(event)
            self._checkpoints[event.block] = event.block_hash
        self._events += events
        self._checkpoints[last] = before
        self.block = last
        if events:
            self.version += 1
            self._compare()

    def _compare(self) -> None:
        """Hold the rebuilt state to what the contracts held at `block`."""
        pool, credentials = self.chain.contract("Pool"), self.chain.contract("Credentials")
        tree, _ = split_position(self.next_chunk << CHUNK_DEPTH)
        pairs = {
            "note root": (self.tree(tree).root, pool.functions.root()),
            "next leaf": (self.next_leaf, pool.functions.next_leaf()),
            "credential root": (self.credentials.root, credentials.functions.root()),
        }
        for what, (ours, theirs) in pairs.items():
            if self.chain.call(theirs, self.block) != ours:
                if self.chain.block_hash(self.block) != self._checkpoints[self.block]:
                    return      # another branch answered: the next sync falls back
                raise Diverged(f"the {what} rebuilt up to block {self.block} differs from the contract's")

    def _fall_back(self) -> None:
        """Return to the last checkpoint that is still on the chain."""
        stale = set()
        for block in sorted(self._checkpoints, reverse=True):
            if self.chain.block_hash(block) == self._checkpoints[block]:
                break
            stale.add(block)
        if not stale:
            return
        kept = [block for block in self._checkpoints if block not in stale]
        events = [event for event in self._events if event.block not in stale]
        self._checkpoints = {block: self._checkpoints[block] for block in kept}
        State.__init__(self)
        for event in events:
            self.apply(event)
        self._events = events
        self.block = max(kept, default=self.chain.deployment.start_block - 1)
        self.version += 1
