"""The job that keeps the windows in step with the prints that the indexer follows.

It reads blocks in order. A print belongs to the window that its block's timestamp falls into. The
watermark is LATENESS behind the latest timestamp ever read and never goes back: a window that ends
at or before it is final, and a print that comes into one then is late. So a print is late only after
a reorganisation deeper than LATENESS, or where a chain's clock goes back; it is counted all the same.

Each batch of blocks is one transaction, with the place reached, so that the job may die anywhere and
go on. Where the block reached is no longer the chain's, prints of blocks that are gone are taken out,
and every window that any print came into or left is computed anew from its prints: the windows are
always what the prints up to that place make.
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, and_, delete, select, text, update

from indexer import database, models
from indexer.liquidity.tables import PRINTS, STREAM, WINDOWS
from indexer.liquidity.windows import WINDOW, floor, window

LATENESS = 300
"""Seconds between a window's end and its being final."""

SPAN = 20_000
"""Blocks of a batch."""

BLOCKS, CHAIN_PRINTS = models.Block.__table__, models.Print.__table__
Keys = set[tuple[int, int]]


@dataclass(frozen=True)
class Taken:
    """What a run did: blocks read, prints taken in, of them late, prints of blocks that are gone."""

    blocks: int = 0
    prints: int = 0
    late: int = 0
    undone: int = 0

    def __add__(self, other: "Taken") -> "Taken":
        sums = (getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__)
        return Taken(*sums)


class Stream:
    """Keeps the windows of `engine`. One process at a time; others may read them."""

    def __init__(self, engine: Engine, lateness: int = LATENESS, span: int = SPAN):
        self.engine, self.lateness, self.span = engine, lateness, span

    def run(self) -> Taken:
        """Take in every block that is there; what was done."""
        total, read = Taken(), self.span
        while read == self.span:
            with _exclusive(self.engine) as connection:
                taken = self._batch(connection)
            total, read = total + taken, taken.blocks
        return total

    def _batch(self, connection: Connection) -> Taken:
        state = connection.execute(select(STREAM)).one()
        dirty, undone, place = set(), 0, (state.block, state.hash)
        if not _stands(connection, *place):
            dirty, undone = _undo(connection)
            place = _last(connection)
        blocks = connection.execute(select(BLOCKS).where(BLOCKS.c.block > place[0]).order_by(BLOCKS.c.block).limit(self.span)).all()
        rows, watermark = self._judge(connection, blocks, state.watermark)
        database.insert(connection, {PRINTS: rows})
        _compute(connection, dirty | {(row["market"], row["start"]) for row in rows})
        if blocks:
            place = blocks[-1].block, blocks[-1].hash
        connection.execute(update(STREAM).values(block=place[0], hash=place[1], watermark=watermark))
        return Taken(len(blocks), len(rows), sum(row["late"] for row in rows), undone)

    def _judge(self, connection: Connection, blocks: list, watermark: int) -> tuple[list[dict], int]:
        """(rows of the prints in these blocks, each held to the watermark before its block; the watermark after)."""
        if not blocks:
            return [], watermark
        columns = CHAIN_PRINTS.c
        of_block = defaultdict(list)
        for market, epoch, block in connection.execute(
            select(columns.market, columns.epoch, columns.block).where(columns.block.between(blocks[0].block, blocks[-1].block))
        ):
            of_block[block].append((market, epoch))
        rows = []
        for block in blocks:
            start = floor(block.timestamp, WINDOW)
            place = {"block": block.block, "hash": block.hash, "start": start, "late": start + WINDOW <= watermark}
            rows += [{"market": market, "epoch": epoch} | place for market, epoch in of_block[block.block]]
            watermark = max(watermark, block.timestamp - self.lateness)
        return rows, watermark


@contextmanager
def _exclusive(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees one state of the database, and that no second job is in."""
    with engine.connect() as connection:
        enter = update(STREAM).values(id=STREAM.c.id)       # a write takes SQLite's one place of a writer
        if engine.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ")
            enter = text(f"LOCK TABLE {STREAM.name} IN EXCLUSIVE MODE")
        with connection.begin():
            # Before any reading: what Postgres shows is of the first, and must be after a job that was killed in its commit.
            connection.execute(enter)
            yield connection


def _stands(connection: Connection, block: int, hash: str | None) -> bool:
    """Whether a block is the chain's, as the indexer has it; what is before the first always is."""
    if hash is None:
        return True
    return connection.execute(select(BLOCKS.c.block).where(BLOCKS.c.block == block, BLOCKS.c.hash == hash)).first() is not None


def _undo(connection: Connection) -> tuple[Keys, int]:
    """Take out the prints of blocks that are gone; (their windows, how many)."""
    same = and_(BLOCKS.c.block == PRINTS.c.block, BLOCKS.c.hash == PRINTS.c.hash)
    gone = select(PRINTS).outerjoin(BLOCKS, same).where(BLOCKS.c.block.is_(None))
    rows = connection.execute(gone).all()
    if rows:
        # A block that is gone takes all after it along.
        connection.execute(delete(PRINTS).where(PRINTS.c.block >= min(row.block for row in rows)))
    return {(row.market, row.start) for row in rows}, len(rows)


def _last(connection: Connection) -> tuple[int, str | None]:
    """The block of the last print that stands: none follows it on what both branches share."""
    row = connection.execute(select(PRINTS.c.block, PRINTS.c.hash).order_by(PRINTS.c.block.desc()).limit(1)).first()
    return (row.block, row.hash) if row else (-1, None)


def _compute(connection: Connection, dirty: Keys) -> None:
    """Make the windows (market, start) anew from their prints."""
    if not dirty:
        return
    starts = [start for _, start in dirty]
    span = min(starts), max(starts)
    chain = CHAIN_PRINTS.c
    same = and_(chain.market == PRINTS.c.market, chain.epoch == PRINTS.c.epoch)
    found = (
        select(PRINTS.c.market, PRINTS.c.start, chain.price, chain.volume, PRINTS.c.late)
        .join(CHAIN_PRINTS, same).where(PRINTS.c.start.between(*span)).order_by(chain.block, chain.log_index)
    )  # fmt: skip
    of_window = defaultdict(list)
    for market, start, *values in connection.execute(found):
        if (market, start) in dirty:
            of_window[market, start].append(values)
    for market, start in dirty:
        connection.execute(delete(WINDOWS).where(WINDOWS.c.market == market, WINDOWS.c.start == start))
    database.insert(connection, {WINDOWS: [window(*key, prints) for key, prints in sorted(of_window.items())]})

