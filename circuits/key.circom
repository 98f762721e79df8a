pragma circom 2.2.0;

include "lib/curve.circom";
include "lib/statement.circom";

// Proof of possession of a Baby Jubjub key, which also shows that it is of prime order.
//
// requires R1  `account` is whoever registers the key.
// ensures  E1  K = scalar * B8, for a scalar below the subgroup's order.
// ensures  E2  K is not the identity.
// ensures  E3  the statement is these words in protocol order, so the proof is the account's.
template Key() {
    // ---- Public inputs ----
    signal input digest;                    // sponge of the 3 words
    signal input challenge;                 // where they are evaluated
    signal input evaluation;                // their polynomial there

    // ---- Words of the statement ----
    signal input account;                   // who registers K

    // ---- Private inputs ----
    signal input scalar;                    // the secret key

    // E1
    signal bits[251] <== ScalarBits()(scalar);
    signal K[2] <== FixedMul(251)(bits);

    // E2: a multiple of B8 below its order is the identity for the scalar 0 alone.
    NonZero()(scalar);

    // E3
    Statement(3)([K[0], K[1], account], digest, challenge, evaluation);
}
