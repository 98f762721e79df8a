"""The note tree by its edge alone: what the next chunk's path needs, and nothing of what lies behind it."""

from dataclasses import dataclass

from offchain.field import check
from offchain.merkle import CHUNK, CHUNK_DEPTH, NOTE_DEPTH, zeros
from offchain.poseidon import node

LEVELS = NOTE_DEPTH - CHUNK_DEPTH
CHUNKS = 1 << LEVELS


@dataclass(frozen=True)
class Edge:
    """Tree `tree` before its chunk `chunk`: its root, and the left siblings of that chunk's path by level,
    from the lowest up, 0 where the path goes left."""

    tree: int = 0
    chunk: int = 0
    root: int = zeros(NOTE_DEPTH)[NOTE_DEPTH]
    frontier: tuple[int, ...] = (0,) * LEVELS

    @property
    def number(self) -> int:
        """The chunk, numbered across trees."""
        return self.tree * CHUNKS + self.chunk

    @property
    def position(self) -> int:
        """Of the chunk's first leaf."""
        return self.number * CHUNK

    def insert(self, leaves: list[int]) -> tuple[int, "Edge"]:
        """(the tree's new root, the edge after it) of a chunk of 1 to 64 leaves, which empty ones fill up.

        ValueError for another number of them.
        """
        if not 1 <= len(leaves) <= CHUNK:
            raise ValueError(f"a chunk holds 1 to {CHUNK} leaves, not {len(leaves)}")
        word, frontier = _subtree(leaves), list(self.frontier)
        for level in range(LEVELS):
            if self.chunk >> level & 1:
                word = node(frontier[level], word)
            else:
                frontier[level] = word
                word = node(word, zeros(NOTE_DEPTH)[CHUNK_DEPTH + level])
        after = self.chunk + 1
        if after == CHUNKS:
            return word, Edge(self.tree + 1)
        kept = tuple(word if after >> level & 1 else 0 for level, word in enumerate(frontier))
        return word, Edge(self.tree, after, word, kept)


def _subtree(leaves: list[int]) -> int:
    """Root over the leaves of a chunk, which empty ones fill up."""
    row = [check(leaf, "leaf") for leaf in leaves]
    for empty in zeros(CHUNK_DEPTH)[:CHUNK_DEPTH]:
        if len(row) & 1:
            row.append(empty)
        row = [node(left, right) for left, right in zip(row[::2], row[1::2])]
    return row[0]
