pragma circom 2.2.0;

include "poseidon.circom";

// Ties a circuit's own copy of its statement to the copy that the contract evaluates.
//
// requires R1  `digest`, `challenge` and `evaluation` are the circuit's three public inputs.
// requires R2  the contract derives `challenge` from `digest` and its own words, after them both.
// ensures  E1  `digest` is the statement sponge of `d`.
// ensures  E2  `evaluation` is the polynomial of `d` at `challenge`, the first word highest.
template Statement(n) {
    signal input d[n];          // the words, in protocol order
    signal input digest;        // what the prover claims their sponge to be
    signal input challenge;     // where the contract evaluated them
    signal input evaluation;    // what the contract found there

    // E1: the challenge hashes this digest, so `d` was fixed before the challenge was known.
    signal sponge <== Sponge(n)(d);
    digest === sponge;

    // E2: Horner's rule, as the contract does it.
    signal partial[n];
    partial[0] <== d[0];
    for (var i = 1; i < n; i++) partial[i] <== partial[i - 1] * challenge + d[i];
    evaluation === partial[n - 1];
}
