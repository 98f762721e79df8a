pragma circom 2.2.0;

include "merkle.circom";
include "poseidon.circom";
include "range.circom";

// ensures  E1  `out` is H_owner(sk).
template Owner() {
    signal input sk;
    signal output out;
    out <== Hash(TAG_OWNER(), 1)([sk]);                                     // E1
}

// ensures  E1  `out` is H_note(asset, amount, owner, blinding).
template NoteCommitment() {
    signal input asset;
    signal input amount;
    signal input owner;
    signal input blinding;
    signal output out;
    out <== Hash(TAG_NOTE(), 4)([asset, amount, owner, blinding]);          // E1
}

// ensures  E1  `out` is H_nf(commitment, position, sk).
template Nullifier() {
    signal input commitment;
    signal input position;      // tree * 2^32 + leaf
    signal input sk;
    signal output out;
    out <== Hash(TAG_NULLIFIER(), 3)([commitment, position, sk]);           // E1
}

// One input of a proof that spends: a note of the key's owner, or a dummy of amount 0.
//
// requires R1  `owner` is H_owner(sk).
// requires R2  the contract knows `root` as a root of tree number `tree`.
// ensures  E1  `amount` is in [0, 2^128).
// ensures  E2  where `amount` is not 0, the note stands at `leaf` under `root`, leaf < 2^depth.
// ensures  E3  `nullifier` is H_nf of the note, its position in its tree, and sk.
template Spend(depth) {
    signal input sk;
    signal input owner;
    signal input asset;
    signal input amount;
    signal input blinding;
    signal input tree;
    signal input root;
    signal input leaf;
    signal input siblings[depth];
    signal output nullifier;

    signal commitment <== NoteCommitment()(asset, amount, owner, blinding);

    // E1: an amount was ranged where it was made; a dummy's is made here.
    Range(128)(amount);

    // E2: a dummy may have any path, as there is nothing in it to spend.
    signal path[depth] <== Num2Bits(depth)(leaf);
    signal found <== MerkleRoot(depth)(commitment, path, siblings);
    amount * (found - root) === 0;

    // E3: the leaf is ranged by its path, so a position has one spelling.
    nullifier <== Nullifier()(commitment, tree * 2 ** depth + leaf, sk);
}

// A note to the treasury, which recovers it from the shared point. Nothing in it is the
// prover's choice, so the treasury cannot be paid in a note that it cannot open.
//
// requires R1  (shared[0], shared[1]) is a shared point with the treasury's key.
// requires R2  `context` is the settlement context with kind 2, or oc with the forfeit bit.
// requires R3  `amount` is in [0, 2^128).
// ensures  E1  `commitment` is the note (asset, amount, owner) under the stream's first element.
// ensures  E2  `padded` is `amount` under the stream's second element.
template TreasuryNote() {
    signal input shared[2];
    signal input context;
    signal input kind;
    signal input asset;
    signal input amount;
    signal input owner;
    signal output commitment;
    signal output padded;

    signal stream[2] <== Squeeze(TAG_TREASURY(), 4, 4, 2)([shared[0], shared[1], context, kind]);
    commitment <== NoteCommitment()(asset, amount, owner, stream[0]);       // E1
    padded <== amount + stream[1];                                          // E2
}
