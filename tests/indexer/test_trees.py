"""The edge of the note tree, and a tree of credentials written at once, against the trees themselves."""

from random import Random

import pytest

from indexer.trees import Edge
from offchain.field import R
from offchain.merkle import ChunkTree, CredentialTree


def test_an_edge_has_the_tree_s_roots():
    rng, tree, edge = Random(1), ChunkTree(), Edge()
    for chunk in range(9):
        leaves = [rng.randrange(R) for _ in range(rng.choice((1, 2, 63, 64)))]
        old, new, siblings = tree.insert_chunk(chunk, leaves)
        assert edge.root == old and edge.position == chunk * 64
        lefts = [word if chunk >> level & 1 else 0 for level, word in enumerate(siblings)]
        assert list(edge.frontier) == lefts
        root, edge = edge.insert(leaves)
        assert root == edge.root == new


def test_a_full_tree_is_followed_by_an_empty_one():
    root, edge = Edge(3, (1 << 26) - 1, 5, (7,) * 26).insert([1])
    assert edge == Edge(4) and edge.root == Edge().root != root and edge.position == 4 << 32


@pytest.mark.parametrize("leaves", [[], [1] * 65, [R]])
def test_no_other_chunk(leaves):
    with pytest.raises(ValueError):
        Edge().insert(leaves)


def test_credentials_at_once_are_those_one_by_one():
    rng, one, all_ = Random(2), CredentialTree(), CredentialTree()
    leaves = {rng.randrange(1 << 20): rng.randrange(R) for _ in range(20)} | {0: 1, 1: 2}
    for index, leaf in leaves.items():
        one.set(index, leaf)
    all_.update(leaves)
    assert one.root == all_.root and one.path(1) == all_.path(1)
    with pytest.raises(ValueError):
        all_.update({0: 9, 1 << 20: 1})
    assert all_.leaf(0) == 1
