"""A deployment's public state, followed from its events and held to the contracts.

The ledger follows the chain `depth` blocks behind its head. It keeps the hash of every block
that it acted on; when one of them is no longer on the chain, it falls back to the last that
is, and rebuilds from the events up to there (protocol §6).
"""

import threading
from collections.abc import Callable
from typing import Protocol

from offchain.chain import Chain, ChainError, Event
from offchain.merkle import CHUNK_DEPTH
from offchain.notes import split_position
from offchain.state import Diverged, State
from offchain.streams import Context

__all__ = ["Diverged", "Ledger"]

SPAN = 2_000
"""Blocks taken in at once, so that a long sync advances in checkpoints."""

STATE_BLOCKS = 100
"""How far behind the head a node that is no archive still answers views (geth keeps 128)."""

ATTEMPTS = 5

TIPS_KEPT = 1024
"""Blocks behind the last taken in whose hashes are kept, to find where a branch parted."""


class Journal(Protocol):
    """Where a ledger's events outlive it."""

    def load(self) -> tuple[list[Event], dict[int, bytes]]:
        """(events in chain order, hash by block of those taken in up to)."""

    def extend(self, events: list[Event], block: int, block_hash: bytes) -> None:
        """Add the events up to `block`."""

    def cut(self, block: int) -> None:
        """Forget everything after `block`."""


class Reorganised(ChainError):
    """The chain changed its branch while it was read."""


class Ledger(State):
    """`block` is the last block taken in; `version` changes whenever the state does.

    `depth` blocks are left between it and the head; the chain's `confirmations` if None. Whoever
    shares a ledger between threads reads it under its `lock`. With a `journal` it goes on from
    where the last one stopped.
    """

    def __init__(self, chain: Chain, depth: int | None = None, journal: Journal | None = None):
        super().__init__()
        self.chain = chain
        self.depth = chain.confirmations if depth is None else depth
        self.block = chain.deployment.start_block - 1
        self.version = 0
        self.lock = threading.RLock()
        self._events: list[Event] = []
        self._compared = 0      # how many of the events the contracts have confirmed
        self._checkpoints: dict[int, bytes] = {}
        self._journal = journal
        if journal is not None:
            self._resume(*journal.load())

    def sync(self, to_block: int | None = None, progress: Callable[[int], None] = lambda block: None) -> int:
        """Take in the blocks up to `to_block`, by default as deep as `depth` demands.

        Returns `block`. Raises Diverged if the contracts hold another state than the events make,
        and Reorganised if the chain does not settle on a branch. Blocks that raised anything are
        not taken in, so that the next sync meets them again.
        """
        with self.lock:
            for attempt in range(1, ATTEMPTS + 1):
                self._fall_back()
                target = self.chain.head() - self.depth if to_block is None else to_block
                try:
                    while self.block < target:
                        self._take(min(self.block + SPAN, target))
                        progress(self.block)
                    return self.block
                except Reorganised:
                    if attempt == ATTEMPTS:
                        raise

    def keep(self, journal: Journal) -> None:
        """Write what was taken in to an empty journal, and from now on all that is."""
        with self.lock:
            if self._checkpoints:
                journal.extend(self._events, self.block, self._checkpoints[self.block])
            self._journal = journal

    def context(self, market: int, epoch: int) -> Context:
        """Where the settlement of an epoch whose reference is fixed stands."""
        deployment = self.chain.deployment
        return self.settlement_context(deployment.chain_id, deployment.pool, market, epoch)

    def _take(self, last: int) -> None:
        """Take in the blocks after `block` up to `last`: all of them or, after an error, none."""
        tip, events = self._read(last)
        everything = self._events + events
        try:
            for event in events:
                self._add(event)
            compared = self._compared < len(everything) and self._compare(last, tip)
            if self._journal is not None:
                self._journal.extend(events, last, tip)
        except BaseException:
            self._rebuild(self._events)
            raise
        self._compared = len(everything) if compared else self._compared
        self._checkpoints |= {event.block: event.block_hash for event in events} | {last: tip}
        self._events = everything
        if last // TIPS_KEPT > self.block // TIPS_KEPT:
            self._forget_tips(last)
        self.block = last
        self.version += bool(events)

    def _forget_tips(self, last: int) -> None:
        """A ledger that lives for months keeps no tip of every block: deep down the events' own are enough."""
        eventful = {event.block for event in self._events}
        self._checkpoints = {
            block: tip for block, tip in self._checkpoints.items() if block in eventful or block > last - TIPS_KEPT
        }

    def _read(self, last: int) -> tuple[bytes, list[Event]]:
        """(hash of block `last`, events after `block` up to there), all of our own branch."""
        tip = self.chain.block_hash(last)
        events = self.chain.events(self.block + 1, last)
        ours = self._checkpoints.get(self.block)
        followed = ours is None or self.chain.block_hash(self.block) == ours
        if tip is None or not followed or self.chain.block_hash(last) != tip:
            raise Reorganised(f"the chain reorganised at or before block {last} while it was read; sync again")
        return tip, events

    def _add(self, event: Event) -> None:
        try:
            self.apply(event)
        except (LookupError, ValueError) as error:
            what = f"{event.contract}.{event.name} of block {event.block}"
            raise Diverged(f"{what} does not follow from the events before it: {error!r}") from error

    def _compare(self, last: int, tip: bytes) -> bool:
        """Hold the rebuilt state to what the contracts held at `last`; False if that is too long ago."""
        if last <= self.chain.head() - STATE_BLOCKS:
            return False
        pool, credentials = self.chain.contract("Pool"), self.chain.contract("Credentials")
        tree, _ = split_position(self.next_chunk << CHUNK_DEPTH)
        pairs = {
            "note root": (self.tree(tree).root, pool.functions.root()),
            "next leaf": (self.next_leaf, pool.functions.next_leaf()),
            "credential root": (self.credential_root, credentials.functions.root()),
        }
        for what, (ours, theirs) in pairs.items():
            if self.chain.call(theirs, last) != ours:
                if self.chain.block_hash(last) != tip:
                    raise Reorganised(f"the chain reorganised at block {last} while it was compared; sync again")
                raise Diverged(f"the {what} rebuilt up to block {last} differs from the contract's")
        return True

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
        if self._journal is not None:
            self._journal.cut(max(kept, default=-1))
        self._rebuild([event for event in self._events if event.block not in stale])
        self._checkpoints = {block: self._checkpoints[block] for block in kept}
        self.block = max(kept, default=self.chain.deployment.start_block - 1)

    def _resume(self, events: list[Event], tips: dict[int, bytes]) -> None:
        """Go on from a journal; the first sync holds it to the chain's present branch."""
        self._rebuild(events)
        self._checkpoints = {event.block: event.block_hash for event in events} | tips
        self.block = max(self._checkpoints, default=self.block)

    def _rebuild(self, events: list[Event]) -> None:
        """Make the state again from its events, which were taken in once; nobody sees it half made."""
        fresh = State()
        for event in events:
            fresh.apply(event)
        vars(self).update(vars(fresh))
        self._events = events
        self._compared = min(self._compared, len(events))
        self.version += 1
