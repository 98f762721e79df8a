pragma circom 2.2.0;

include "lib/note.circom";
include "lib/statement.circom";

// Join-split: two notes in, two notes out, and a public deposit, withdrawal or fee.
//
// requires R1  the contract knows root[i] as a root of tree number tree[i].
// requires R2  the contract stores both nullifiers, and refuses one that it has.
// requires R3  the contract moves the public amounts as the statement's words say.
// ensures  E1  an input that is not 0 is a note of sk's owner under its root.
// ensures  E2  nullifier i is that of input i, its position and sk.
// ensures  E3  commitment i is a note of output i's owner, in the asset of the inputs.
// ensures  E4  inputs and deposit sum to outputs, withdrawal and fee.
// ensures  E5  every amount, private or public, is in [0, 2^128).
// ensures  E6  the public asset is the notes' where an amount is public, and 0 where none is.
// ensures  E7  an input or the deposit is not 0, so leaves are not free.
// ensures  E8  the statement is these words in protocol order.
template Transact(depth) {
    // ---- Public inputs ----
    signal input digest;                    // sponge of the 16 words
    signal input challenge;                 // where they are evaluated
    signal input evaluation;                // their polynomial there

    // ---- Words of the statement ----
    signal input tree[2];                   // number of the tree that holds each input
    signal input root[2];                   // root under which each input is proven
    signal input deposit;                   // amount coming in
    signal input withdrawal;                // amount going out to `account`
    signal input fee;                       // amount paid to `carrier`
    signal input account;                   // depositor or recipient; 0 if neither
    signal input carrier;                   // who is paid the fee; 0 if nobody
    signal input memo[2];                   // hash of each output's memo

    // ---- Private inputs ----
    signal input sk;                        // the spender's shielded key
    signal input asset;                     // the one asset of all four notes
    signal input in_amount[2];              // amount of each input, 0 for a dummy
    signal input in_blinding[2];            // blinding of each input
    signal input in_leaf[2];                // place of each input in its tree
    signal input in_siblings[2][depth];     // path of each input
    signal input out_amount[2];             // amount of each output
    signal input out_owner[2];              // owner of each output
    signal input out_blinding[2];           // blinding of each output

    // ---- Notes ----
    signal owner <== Owner()(sk);
    signal nullifier[2];
    signal commitment[2];
    for (var i = 0; i < 2; i++) {
        // E1, E2, and E5 for the inputs: what Spend ensures.
        nullifier[i] <== Spend(depth)(
            sk, owner, asset, in_amount[i], in_blinding[i], tree[i], root[i], in_leaf[i], in_siblings[i]
        );
        // E3: `asset` is the one signal that all four notes use.
        commitment[i] <== NoteCommitment()(asset, out_amount[i], out_owner[i], out_blinding[i]);
        // E5: the outputs' amounts.
        Range(128)(out_amount[i]);
    }

    // ---- Amounts ----
    // E5: the public amounts.
    Range(128)(deposit);
    Range(128)(withdrawal);
    Range(128)(fee);

    // E4: no side wraps, as E5 keeps each below 2^130.
    signal total <== in_amount[0] + in_amount[1] + deposit;
    total === out_amount[0] + out_amount[1] + withdrawal + fee;

    // E7
    NonZero()(total);

    // E6: the sum of the public amounts is 0 only if each is, by E5.
    signal hidden <== IsZero()(deposit + withdrawal + fee);
    signal public_asset <== (1 - hidden) * asset;

    // ---- Statement ----
    // E8
    Statement(16)([
        tree[0], root[0], tree[1], root[1],
        nullifier[0], nullifier[1], commitment[0], commitment[1],
        public_asset, deposit, withdrawal, fee, account, carrier,
        memo[0], memo[1]
    ], digest, challenge, evaluation);
}
