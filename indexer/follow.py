"""Follows a deployment's chain into the database, by block number and hash, up to its head.

A range of blocks is one transaction, so that the process may die anywhere. Before each range the last
block taken in is looked up on the chain; where it is no longer there, everything after the common
ancestor is deleted. What does not fit together stops the following, and is written down.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, select, update
from sqlalchemy.exc import IntegrityError

from indexer import database, memory, models
from indexer.ahead import Ahead, few_collections
from indexer.apply import Interpreter
from indexer.compare import STATE_BLOCKS, Comparison
from indexer.memory import Memory
from indexer.node import Node
from indexer.reading import Range, Reader
from indexer.verify import Verifier
from offchain.chain import Chain, ChainError
from offchain.ledger import Reorganised
from offchain.state import Diverged

SPAN = 500
"""Blocks of a range."""

LONG = 5_000
"""Blocks that are worth a process which reads them ahead."""

DEPTH = 256
"""How many blocks a reorganisation may undo, unless told otherwise."""

ATTEMPTS = 8
SYNC = models.Sync.__table__


class FollowError(Exception):
    """The database cannot be followed into; the message says why and what to do."""


@dataclass(frozen=True)
class Progress:
    """How far a backfill is: blocks, events so far in this run, and seconds that remain (None at first)."""

    block: int
    head: int
    events: int
    events_per_s: float
    eta_s: float | None


class Follower:
    """Keeps `engine` in step with the chain. `depth`: how many blocks it will undo at most.

    One process at a time follows into a database; others may read it.
    """

    def __init__(
        self, engine: Engine, chain: Chain, depth: int = DEPTH, proofs: bool = True, span: int = SPAN
    ):
        self.engine, self.chain, self.depth, self.span = engine, chain, depth, span
        self.reader = Reader(Node(chain.rpc_url), chain.deployment)
        self.comparison = Comparison(self.reader.node, chain.deployment)
        self.verifier = Verifier(engine, chain.deployment) if proofs else None
        if self.verifier:
            self.verifier.check_keys()
        self._ahead = Ahead(chain.rpc_url, chain.deployment)
        with engine.begin() as connection:
            self._begin(connection)
            self._load(connection)

    def close(self) -> None:
        self._ahead.close()
        if self.verifier:
            self.verifier.close()

    def _begin(self, connection: Connection) -> None:
        deployment = self.chain.deployment
        ours = {"chain_id": deployment.chain_id, "pool": deployment.contracts["Pool"], "start_block": deployment.start_block}
        # For update: on Postgres the commit of a follower that was killed may still be under way.
        row = connection.execute(select(SYNC).with_for_update()).mappings().first()
        if row is None:
            before = deployment.start_block - 1
            blocks = {"block": before, "head": before, "compared": before}
            connection.execute(SYNC.insert().values(id=1, state=models.SyncState.BACKFILL, reason=None, **ours, **blocks))
        elif any(row[name] != value for name, value in ours.items()):
            raise FollowError(
                f"the database follows pool {row['pool']} on chain {row['chain_id']} from block {row['start_block']}: "
                "give this deployment a database of its own"
            )

    def _load(self, connection: Connection) -> None:
        """Take from the tables what the next block needs."""
        row = connection.execute(select(SYNC)).one()
        last = memory.last_block(connection)
        self.block, self.hash = last or (row.start_block - 1, None)
        if self.block != row.block:
            raise FollowError(f"the database says block {row.block}, but holds blocks up to {self.block}: sync it afresh")
        self.compared, self.state = row.compared, row.state
        self.interpreter = Interpreter(self.chain.deployment, Memory(connection), self.reader.call)
        self._recall(connection)

    def _recall(self, connection: Connection) -> None:
        """What the contracts have not confirmed yet."""
        self._unconfirmed = memory.events_since(connection, self.compared)
        self.interpreter.touched = memory.epochs_since(connection, self.compared)

    # --- Following ---

    def sync(self, to_block: int | None = None, progress: Callable[[Progress], None] = lambda progress: None) -> int:
        """Take in the blocks up to `to_block`, by default the head; return the last one.

        Raises Diverged, which the database then tells of too; Reorganised if the chain does not settle.
        """
        try:
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    self._fall_back()
                    self._advance(to_block, progress)
                    self._verify()
                    return self.block
                except Reorganised:
                    if attempt == ATTEMPTS:
                        raise
        except Diverged as error:
            self._stop(str(error))
            raise

    def finish(self) -> None:
        """Verify every proof that is still pending."""
        if self.verifier:
            try:
                self.verifier.drain()
            except Diverged as error:
                self._stop(str(error))
                raise

    def confirm(self) -> int:
        """Hold everything ever followed to the contracts at the last block taken in; how many epochs.

        Diverged if they hold another state; ChainError if the node is past answering for that block.
        """
        with self.engine.connect() as connection:
            keys = memory.epochs_since(connection, self.chain.deployment.start_block - 1)
            epochs = [self.interpreter.memory.epoch(connection, *key) for key in sorted(keys)]
        try:
            self.comparison.hold(self.interpreter.memory, epochs, self.block, self.hash)
        except Diverged as error:
            self._stop(str(error))
            raise
        self.interpreter.memory.forget_old()
        return len(epochs)

    @property
    def busy(self) -> bool:
        """Whether proofs are being verified, so that another sync has something to write down."""
        return self.verifier is not None and self.verifier.busy

    def _advance(self, to_block: int | None, progress: Callable[[Progress], None]) -> None:
        head = self.reader.head()
        target = head if to_block is None else min(to_block, head)
        meter, long = _Meter(self.block), target - self.block > LONG
        try:
            with few_collections():
                while self.block < target:
                    found = self._read(target, long)
                    self._take(found, head, target)
                    progress(meter.at(self.block, target, len(found.events)))
                    self._verify()
        finally:
            self._ahead.close()
        if self.block >= head and self.state != models.SyncState.LIVE:
            with self.engine.begin() as connection:
                self._mark(connection, self.block, head=head, state=models.SyncState.LIVE, reason=None)
            self.state = models.SyncState.LIVE

    def _read(self, target: int, long: bool) -> Range:
        """The next range; of a `long` way, the one after it is begun to be read."""
        where = self.block + 1, min(self.block + self.span, target), self.hash
        found = self._ahead.read(*where) or self.reader.read(*where)
        last = found.last["block"]
        if long and last < target:
            self._ahead.ask(last + 1, min(last + self.span, target), found.last["hash"])
        return found

    def _take(self, found: Range, head: int, target: int) -> None:
        """Take in a range: all of it or, after an error, nothing."""
        last = found.last
        if found.blocks[0]["parent"] != self.hash and self.hash is not None:
            raise Reorganised(f"block {self.block} is not under block {found.blocks[0]['block']} any more")
        try:
            with self.engine.begin() as connection:
                rows = self.interpreter.rows(connection, found)
                compared = self._compare(connection, found, head, last["block"] == target)
                database.insert(connection, rows)
                state = models.SyncState.LIVE if last["block"] >= head else models.SyncState.BACKFILL
                self._mark(connection, last["block"], head=head, compared=compared, state=state, reason=None)
        except BaseException as error:
            with self.engine.connect() as connection:
                self._load(connection)
            if isinstance(error, IntegrityError):
                raise Diverged(f"a fact of blocks {found.blocks[0]['block']} to {last['block']} stands already: {error.orig}") from None
            raise
        self.block, self.hash, self.compared, self.state = last["block"], last["hash"], compared, state
        self.interpreter.memory.forget_old()

    def _mark(self, connection: Connection, block: int, **values: object) -> None:
        """Move the sync row on; FollowError if another process moved it."""
        moved = connection.execute(update(SYNC).where(SYNC.c.block == self.block).values(block=block, **values))
        if moved.rowcount != 1:
            raise FollowError("another process follows into this database: end one of the two")

    def _compare(self, connection: Connection, found: Range, head: int, end: bool) -> int:
        """Hold what was followed to the contracts, where the node still answers; the last block compared."""
        last = found.last
        self._unconfirmed |= bool(found.events)
        if not self._unconfirmed:
            return last["block"]
        recent = last["block"] > head - STATE_BLOCKS
        if not (recent or end):
            return self.compared
        epochs = [self.interpreter.memory.epoch(connection, *key) for key in sorted(self.interpreter.touched)]
        try:
            self.comparison.hold(self.interpreter.memory, epochs, last["block"], last["hash"])
        except ChainError as error:
            if self.reader.headers(last["block"], last["block"]) != [last]:
                raise Reorganised(f"the chain reorganised at block {last['block']} while it was compared") from error
            if recent:
                raise
            return self.compared    # too long ago for a node that is no archive
        self._unconfirmed = False
        self.interpreter.touched.clear()
        return last["block"]

    def _verify(self) -> None:
        if self.verifier:
            self.verifier.work()

    # --- Going back ---

    def _fall_back(self) -> None:
        """Delete what came after the last block that is still on the chain."""
        if self.hash is None:
            return
        ancestor = self._ancestor()
        if ancestor != self.block:
            self._go_back(ancestor)

    def _go_back(self, ancestor: int) -> None:
        """Delete what came after a block."""
        with self.engine.begin() as connection:
            changed = memory.changed_credentials(connection, ancestor)
            database.forget(connection, ancestor)
            self._mark(connection, ancestor, compared=min(self.compared, ancestor), state=models.SyncState.BACKFILL)
        with self.engine.connect() as connection:
            self.interpreter.memory.reload(connection, changed)
            self.block, self.hash = memory.last_block(connection) or (ancestor, None)
            self.compared, self.state = min(self.compared, ancestor), models.SyncState.BACKFILL
            self._recall(connection)

    def _ancestor(self) -> int:
        """The last of our blocks that the chain still has; Diverged if that is deeper than `depth`."""
        high = self.block
        while high > self.block - self.depth - 1:
            low = max(high - 31 if high < self.block else high, self.block - self.depth, self.chain.deployment.start_block)
            with self.engine.connect() as connection:
                blocks = models.Block.__table__.c
                ours = dict(connection.execute(select(blocks.block, blocks.hash).where(blocks.block.between(low, high))).all())
            for number, header in reversed(list(enumerate(self.reader.headers(low, high), low))):
                if header and header["hash"] == ours[number]:
                    return number
            if low == self.chain.deployment.start_block:
                return low - 1
            high = low - 1
        raise Diverged(
            f"the chain has another branch than ours for more than {self.depth} blocks below block {self.block}: "
            "if that is so, sync afresh, or allow a deeper reorganisation (--depth)"
        )

    def _stop(self, reason: str) -> None:
        """Write a divergence down."""
        with self.engine.begin() as connection:
            connection.execute(update(SYNC).values(state=models.SyncState.STOPPED, reason=reason))
            self.state = models.SyncState.STOPPED
            row = {"block": self.block, "time": int(time.time()), "reason": reason}
            connection.execute(models.Divergence.__table__.insert().values(**row))


class _Meter:
    """Speed since it was made, and what remains of it."""

    def __init__(self, block: int):
        self.first, self.events, self.began = block, 0, time.monotonic()

    def at(self, block: int, target: int, events: int) -> Progress:
        self.events += events
        seconds = max(time.monotonic() - self.began, 1e-9)
        pace = (block - self.first) / seconds
        eta = (target - block) / pace if pace else None
        return Progress(block, target, self.events, self.events / seconds, eta)
