import pytest

from offchain.field import R, RangeError
from offchain.merkle import ChunkTree, CredentialTree, fold, zeros
from offchain.poseidon import node


def dense_root(leaves: list[int], depth: int) -> int:
    level = leaves + [0] * (2**depth - len(leaves))
    while len(level) > 1:
        level = [node(level[i], level[i + 1]) for i in range(0, len(level), 2)]
    return level[0]


def test_zeros_are_roots_of_empty_trees():
    assert [dense_root([], depth) for depth in range(5)] == list(zeros(4))
    assert ChunkTree().root == zeros(32)[32]
    assert CredentialTree().root == zeros(20)[20]


def test_chunks_give_the_root_of_the_dense_tree():
    tree = ChunkTree(depth=9)
    first, second = list(range(1, 65)), [7, 8, 9]
    tree.insert_chunk(0, first)
    tree.insert_chunk(1, second)
    assert tree.root == dense_root(first + second, 9)


def test_a_chunk_replaces_an_empty_subtree_under_its_siblings():
    tree = ChunkTree()
    for index, count in enumerate((64, 1, 30, 64, 5)):
        leaves = [1000 * index + i + 1 for i in range(count)]
        old, new, siblings = tree.insert_chunk(index, leaves)
        assert len(siblings) == 26
        assert fold(zeros(6)[6], index, siblings) == old
        assert fold(dense_root(leaves, 6), index, siblings) == new == tree.root


def test_every_leaf_has_its_path():
    tree = ChunkTree()
    tree.insert_chunk(0, list(range(1, 65)))
    tree.insert_chunk(1, [500, 501])
    for index, leaf in [(0, 1), (1, 2), (63, 64), (64, 500), (65, 501), (66, 0), (2**32 - 1, 0)]:
        path = tree.path(index)
        assert len(path) == 32 and tree.leaf(index) == leaf
        assert fold(leaf, index, path) == tree.root
        assert fold(leaf + 1, index, path) != tree.root
        if tree.leaf(index ^ 1) != leaf:
            assert fold(leaf, index ^ 1, path) != tree.root


@pytest.mark.parametrize(
    "index, leaves, error",
    [(1, [1], ValueError), (0, [], ValueError), (0, [1] * 65, ValueError), (0, [1, R], RangeError)],
)
def test_chunks_that_do_not_fit_leave_the_tree_alone(index, leaves, error):
    tree = ChunkTree()
    with pytest.raises(error):
        tree.insert_chunk(index, leaves)
    assert tree.root == zeros(32)[32] and tree.chunks == 0


def test_a_full_tree_refuses_more():
    tree = ChunkTree(depth=7)
    tree.insert_chunk(0, [1])
    tree.insert_chunk(1, [2])
    with pytest.raises(ValueError, match="full"):
        tree.insert_chunk(2, [3])
    with pytest.raises(RangeError):
        tree.path(128)


def test_credentials_are_set_and_revoked():
    tree = CredentialTree()
    tree.set(3, 33)
    only = tree.root
    tree.set(2**20 - 1, 44)
    assert fold(33, 3, tree.path(3)) == fold(44, 2**20 - 1, tree.path(2**20 - 1)) == tree.root
    tree.set(2**20 - 1, 0)
    assert tree.root == only
    for index, leaf in [(2**20, 1), (-1, 1), (0, R)]:
        with pytest.raises(RangeError):
            tree.set(index, leaf)
