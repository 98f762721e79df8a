pragma circom 2.2.0;

include "circomlib/circuits/bitify.circom";
include "lib/merkle.circom";
include "lib/statement.circom";

// Puts one chunk of leaves at its place in a tree.
//
// requires R1  the contract takes the old root, the chunk's index and the leaves from its
//              own storage and queue.
// ensures  E1  under the old root the chunk's place is empty.
// ensures  E2  the new root is that of the same tree with the leaves there.
// ensures  E3  the chunk's index is in [0, 2^(depth - chunk_depth)).
// ensures  E4  the statement is these words in protocol order.
template Advance(depth, chunk_depth) {
    // ---- Public inputs ----
    signal input digest;                    // sponge of the words
    signal input challenge;                 // where they are evaluated
    signal input evaluation;                // their polynomial there

    // ---- Words of the statement ----
    signal input chunk;                     // the chunk's index in its tree
    signal input leaves[2 ** chunk_depth];  // its leaves, 0 where none

    // ---- Private inputs ----
    signal input siblings[depth - chunk_depth];     // path of the chunk's subtree

    // E3
    var above = depth - chunk_depth;
    signal path[above] <== Num2Bits(above)(chunk);

    // E1: one place and one set of siblings for both roots, so nothing else changes.
    signal old_root <== MerkleRoot(above)(EMPTY_ROOT(chunk_depth), path, siblings);

    // E2
    signal subtree <== SubtreeRoot(chunk_depth)(leaves);
    signal new_root <== MerkleRoot(above)(subtree, path, siblings);

    // E4
    component statement = Statement(3 + 2 ** chunk_depth);
    statement.d[0] <== old_root;
    statement.d[1] <== new_root;
    statement.d[2] <== chunk;
    for (var i = 0; i < 2 ** chunk_depth; i++) statement.d[3 + i] <== leaves[i];
    statement.digest <== digest;
    statement.challenge <== challenge;
    statement.evaluation <== evaluation;
}
