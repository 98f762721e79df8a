pragma circom 2.2.0;

include "poseidon.circom";

// Root of an empty tree of the given depth: leaves are 0, nodes plain Poseidon(2).
function EMPTY_ROOT(depth) {
    assert(depth <= 6);
    var roots[7] = [
        0,
        14744269619966411208579211824598458697587494354926760081771325075741142829156,
        7423237065226347324353380772367382631490014989348495481811164164159255474657,
        11286972368698509976183087595462810875513684078608517520839298933882497716792,
        3607627140608796879659380071776844901612302623152076817094415224584923813162,
        19712377064642672829441595136074946683621277828620209496774504837737984048981,
        20775607673010627194014556968476266066927294572720319469184847051418138353016
    ];
    return roots[depth];
}

// requires R1  path[i] is 0 or 1: at level i from the leaf, 1 where the node is a right child.
// ensures  E1  `root` is the root that `leaf` has under `siblings` at the position of `path`.
template MerkleRoot(depth) {
    signal input leaf;
    signal input path[depth];
    signal input siblings[depth];
    signal output root;

    signal left[depth];
    signal node[depth + 1];
    node[0] <== leaf;
    for (var i = 0; i < depth; i++) {
        // E1: (left, right) is (node, sibling), or the other way round for a right child.
        left[i] <== node[i] + path[i] * (siblings[i] - node[i]);
        node[i + 1] <== Node()(left[i], node[i] + siblings[i] - left[i]);
    }
    root <== node[depth];
}

// ensures  E1  `root` is the root of the full tree over `leaves`.
template SubtreeRoot(depth) {
    signal input leaves[2 ** depth];
    signal output root;

    // E1: a heap, node 1 the root, node k's children 2k and 2k + 1.
    signal node[2 ** (depth + 1)];
    node[0] <== 0;
    for (var i = 0; i < 2 ** depth; i++) node[2 ** depth + i] <== leaves[i];
    for (var i = 2 ** depth - 1; i > 0; i--) node[i] <== Node()(node[2 * i], node[2 * i + 1]);
    root <== node[1];
}
