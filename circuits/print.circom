pragma circom 2.2.0;

include "lib/statement.circom";

// Opens a settlement's print commitment, once its deferral is over.
//
// requires R1  the contract stored the commitment when the epoch settled.
// ensures  E1  the commitment is H_print(price, volume, salt), for a salt that stays private.
// ensures  E2  the statement is these words in protocol order.
template Print() {
    // ---- Public inputs ----
    signal input digest;                    // sponge of the 3 words
    signal input challenge;                 // where they are evaluated
    signal input evaluation;                // their polynomial there

    // ---- Words of the statement ----
    signal input price;                     // quote units a lot, 0 where nothing traded
    signal input volume;                    // lots

    // ---- Private inputs ----
    signal input salt;                      // the leader's, told to the auditor

    // E1
    signal commitment <== Hash(TAG_PRINT(), 3)([price, volume, salt]);

    // E2
    Statement(3)([commitment, price, volume], digest, challenge, evaluation);
}
