"""Binary Merkle trees of Poseidon nodes, sparse: a place never written is an empty leaf, 0."""

from functools import cache

from offchain.field import check, check_range
from offchain.poseidon import node

NOTE_DEPTH = 32
CHUNK_DEPTH = 6
CHUNK = 1 << CHUNK_DEPTH
CREDENTIAL_DEPTH = 20


@cache
def zeros(depth: int) -> tuple[int, ...]:
    """Roots of the empty trees of depth 0 to `depth`."""
    roots = [0]
    while len(roots) <= depth:
        roots.append(node(roots[-1], roots[-1]))
    return tuple(roots)


def fold(leaf: int, index: int, siblings: list[int]) -> int:
    """The root over `leaf` at `index`, given its siblings from the lowest level up."""
    check_range(index, 0, 1 << len(siblings), "leaf index")
    for sibling in siblings:
        leaf = node(sibling, leaf) if index & 1 else node(leaf, sibling)
        index >>= 1
    return leaf


class _Tree:
    """Nodes by (level, index), level 0 the leaves; absent ones are empty subtrees."""

    def __init__(self, depth: int):
        self.depth = depth
        self._nodes: list[dict[int, int]] = [{} for _ in range(depth + 1)]

    @property
    def root(self) -> int:
        return self._node(self.depth, 0)

    def leaf(self, index: int) -> int:
        return self._node(0, self._checked(index))

    def path(self, index: int) -> list[int]:
        """The `depth` siblings of leaf `index`, from the lowest level up."""
        return self._siblings(0, self._checked(index))

    def _checked(self, index: int) -> int:
        return check_range(index, 0, 1 << self.depth, "leaf index")

    def _node(self, level: int, index: int) -> int:
        return self._nodes[level].get(index, zeros(self.depth)[level])

    def _siblings(self, level: int, index: int) -> list[int]:
        return [self._node(k, index >> (k - level) ^ 1) for k in range(level, self.depth)]

    def _join(self, level: int, index: int) -> None:
        """Recompute a node of `level` from its two children."""
        children = self._node(level - 1, 2 * index), self._node(level - 1, 2 * index + 1)
        self._nodes[level][index] = node(*children)


class ChunkTree(_Tree):
    """An append-only tree of notes, which takes chunks of up to 64 leaves in order.

    A short chunk is filled up with empty leaves, and the positions left over are skipped.
    """

    def __init__(self, depth: int = NOTE_DEPTH):
        if depth < CHUNK_DEPTH:
            raise ValueError(f"a tree of chunks is at least {CHUNK_DEPTH} deep, not {depth}")
        super().__init__(depth)
        self.chunks = 0

    def insert_chunk(self, index: int, leaves: list[int]) -> tuple[int, int, list[int]]:
        """Insert chunk `index`: (old root, new root, the chunk's depth − 6 siblings).

        ValueError if the chunk is not the next one, is empty or too long, or the tree is full;
        RangeError if a leaf is no field element. The tree is then as before.
        """
        if index != self.chunks:
            raise ValueError(f"chunk {index} is out of order: the next one is {self.chunks}")
        if index >= 1 << (self.depth - CHUNK_DEPTH):
            raise ValueError(f"the tree is full after {index} chunks")
        if not 1 <= len(leaves) <= CHUNK:
            raise ValueError(f"a chunk holds 1 to {CHUNK} leaves, not {len(leaves)}")
        for leaf in leaves:
            check(leaf, "leaf")
        old = self.root
        self._nodes[0].update(enumerate(leaves, start=index * CHUNK))
        for level in range(1, self.depth + 1):
            first, count = index * CHUNK >> level, max(CHUNK >> level, 1)
            for place in range(first, first + count):
                self._join(level, place)
        self.chunks += 1
        return old, self.root, self._siblings(CHUNK_DEPTH, index)

    def fork(self) -> "ChunkTree":
        """A tree that takes the next chunks as this one would, with only the nodes for that."""
        copy = ChunkTree(self.depth)
        copy.chunks = self.chunks
        for level in range(CHUNK_DEPTH, self.depth + 1):
            here = self.chunks >> (level - CHUNK_DEPTH)
            kept = {i: self._nodes[level][i] for i in (here - 1, here) if i in self._nodes[level]}
            copy._nodes[level] = kept
        return copy


class CredentialTree(_Tree):
    """The issuer's tree: leaf index = credential id; a leaf set to 0 is revoked."""

    def __init__(self, depth: int = CREDENTIAL_DEPTH):
        super().__init__(depth)

    def set(self, index: int, leaf: int) -> None:
        """Write a leaf; RangeError for an index or a leaf outside its range."""
        self.update({index: leaf})

    def update(self, leaves: dict[int, int]) -> None:
        """Write leaves by index, and each node above them once; RangeError before any is written."""
        checked = {self._checked(index): check(leaf, "leaf") for index, leaf in leaves.items()}
        self._nodes[0].update(checked)
        places = checked.keys()
        for level in range(1, self.depth + 1):
            places = {place >> 1 for place in places}
            for place in places:
                self._join(level, place)
