"""What of the past the next block needs, taken from the tables when it is needed: nothing else is kept.

So starting again and going back are one thing: read it again.
"""

from dataclasses import dataclass, field

from sqlalchemy import Connection, select, union
from sqlmodel import SQLModel

from indexer import models
from indexer.statements import Parties
from indexer.trees import CHUNKS, Edge
from offchain.merkle import CredentialTree
from offchain.records import MarketTerms

OF_EPOCH = (
    models.Epoch, models.Order, models.Reveal, models.Fixing, models.Settlement,
    models.Reclaim, models.Failure, models.Release, models.Print,
)  # fmt: skip
"""What is said of an epoch."""

KEPT_EPOCHS = 4_096
"""Epochs kept between two ranges of blocks."""


@dataclass
class EpochMemory:
    """An epoch so far: `orders` maps quota nullifiers to commitments, chains are 32 bytes."""

    market: int
    epoch: int
    leader: str
    versions: tuple[int, int, int]
    commit_chain: bytes = bytes(32)
    orders: dict[int, int] = field(default_factory=dict)
    cancelled: int = 0
    reveals: int = 0
    reveal_chain: bytes | None = None
    reference: int | None = None
    void: bool = False
    print_commitment: int | None = None

    @property
    def revealed(self) -> bytes:
        """The reveal chain, which starts at the commit chain."""
        return self.commit_chain if self.reveal_chain is None else self.reveal_chain


class Memory:
    """`edge` of the note tree; `leaves` by position from there on; `next_leaf`; the issuer's tree and root;
    terms, keys as (x, y) and owners by what names them; `proposals` as (target, data)."""

    def __init__(self, connection: Connection):
        self.credentials = CredentialTree()
        self.load(connection)
        self._set_credentials(connection, None)

    def load(self, connection: Connection) -> None:
        """Everything but the issuer's tree."""
        self.edge = _edge(connection)
        notes = models.Note.__table__.c
        after = select(notes.position, notes.commitment).where(notes.position >= self.edge.position)
        self.leaves = {position: leaf for position, leaf in connection.execute(after)}
        self.next_leaf = max(self.leaves, default=self.edge.position - 1) + 1
        roots = models.CredentialRoot.__table__.c
        latest = select(roots.root).order_by(roots.block.desc(), roots.log_index.desc()).limit(1)
        found = connection.execute(latest).scalar()
        self.credential_root = CredentialTree().root if found is None else found
        self.markets = {row.market: _terms(row) for row in _rows(connection, models.Market)}
        self.auditors = {row.version: (row.x, row.y) for row in _rows(connection, models.AuditorKey)}
        self.treasuries = {row.version: (row.x, row.y, row.owner_word) for row in _rows(connection, models.Treasury)}
        self.reveal_keys = {(row.relayer, row.version): (row.x, row.y) for row in _rows(connection, models.RevealKey)}
        self.owners = {row.relayer: row.owner_word for row in _rows(connection, models.Relayer)}
        self.proposals = {row.proposal: (row.target, bytes(row.data)) for row in _rows(connection, models.Proposal)}
        self.epochs: dict[tuple[int, int], EpochMemory] = {}

    def reload(self, connection: Connection, changed: set[int]) -> None:
        """After rows were deleted, those of the credentials `changed` among them."""
        self.load(connection)
        if changed:
            self._set_credentials(connection, changed)

    def _set_credentials(self, connection: Connection, changed: set[int] | None) -> None:
        """The issuer's tree at the changed leaves, or at all, as the tables have it."""
        leaves = models.CredentialLeaf.__table__.c
        rows = select(leaves.id, leaves.leaf).order_by(leaves.block, leaves.log_index)
        found = dict.fromkeys(changed or (), 0)
        found |= {id: leaf for id, leaf in connection.execute(rows) if changed is None or id in changed}
        self.credentials.update(found)

    def forget_old(self) -> None:
        """Between two ranges: let go of the epochs met first, if there are many."""
        for key in list(self.epochs)[:-KEPT_EPOCHS]:
            del self.epochs[key]

    def epoch(self, connection: Connection, market: int, epoch: int) -> EpochMemory:
        """An epoch that was opened; KeyError if it was not."""
        found = self.epochs.pop((market, epoch), None) or _epoch(connection, market, epoch)
        self.epochs[market, epoch] = found
        return found

    def parties(self, epoch: EpochMemory) -> Parties:
        """Keys and owners that the epoch's statements take; KeyError if one was never registered."""
        reveal, auditor, treasury = epoch.versions
        *key, owner = self.treasuries[treasury]
        return Parties(
            versions=epoch.versions,
            reveal=self.reveal_keys[epoch.leader, reveal],
            auditor=self.auditors[auditor],
            treasury=tuple(key),
            treasury_owner=owner,
            leader_owner=self.owners[epoch.leader],
        )


def _rows(connection: Connection, model: type[SQLModel]):
    return connection.execute(select(model.__table__))


def _terms(row) -> MarketTerms:
    return MarketTerms(**{name: getattr(row, name) for name in MarketTerms.__dataclass_fields__})


def _edge(connection: Connection) -> Edge:
    roots = models.Root.__table__
    row = connection.execute(select(roots).order_by(roots.c.tree.desc(), roots.c.chunk.desc()).limit(1)).first()
    if row is None:
        return Edge()
    after = row.chunk + 1
    return Edge(row.tree + 1) if after == CHUNKS else Edge(row.tree, after, row.root, row.frontier)


def _epoch(connection: Connection, market: int, epoch: int) -> EpochMemory:
    def of(model: type[SQLModel]):
        table = model.__table__
        where = (table.c.market == market) & (table.c.epoch == epoch)
        return connection.execute(select(table).where(where).order_by(table.c.block, table.c.log_index)).all()

    opened = of(models.Epoch)
    if not opened:
        raise KeyError(f"epoch {epoch} of market {market} was never opened")
    row = opened[0]
    found = EpochMemory(market, epoch, row.leader, (row.reveal_version, row.auditor_version, row.treasury_version))
    orders, reveals = of(models.Order), of(models.Reveal)
    cancels = [row for row in of(models.Reclaim) if row.cancelled]
    found.orders = {row.quota_nullifier: row.oc for row in orders}
    found.cancelled = len(cancels)
    links = sorted([*orders, *cancels], key=lambda row: (row.block, row.log_index))
    found.commit_chain = bytes.fromhex(links[-1].chain[2:]) if links else bytes(32)
    found.reveals = len(reveals)
    found.reveal_chain = bytes.fromhex(reveals[-1].chain[2:]) if reveals else None
    for row in of(models.Fixing):
        found.reference, found.void = row.price, row.void
    for row in of(models.Settlement):
        found.print_commitment = row.print_commitment
    return found


def changed_credentials(connection: Connection, block: int) -> set[int]:
    """Ids of the leaves that were set after a block."""
    leaves = models.CredentialLeaf.__table__.c
    return set(connection.execute(select(leaves.id).where(leaves.block > block)).scalars())


def last_block(connection: Connection) -> tuple[int, str] | None:
    """(number, hash) of the last block taken in."""
    blocks = models.Block.__table__.c
    row = connection.execute(select(blocks.block, blocks.hash).order_by(blocks.block.desc()).limit(1)).first()
    return None if row is None else (row.block, row.hash)


def events_since(connection: Connection, block: int) -> bool:
    """Whether any event came after a block."""
    events = models.Event.__table__.c
    return connection.execute(select(events.block).where(events.block > block).limit(1)).first() is not None


def epochs_since(connection: Connection, block: int) -> set[tuple[int, int]]:
    """The epochs, as (market, epoch), of which anything was said after a block."""
    tables = [model.__table__.c for model in OF_EPOCH]
    said = union(*(select(table.market, table.epoch).where(table.block > block) for table in tables))
    return {(market, epoch) for market, epoch in connection.execute(said)}
