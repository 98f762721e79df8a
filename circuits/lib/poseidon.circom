pragma circom 2.2.0;

// Poseidon over BN254 with circomlib's constants, in its optimised form (sparse partial rounds).
// The linear layers are held in `var`s, so only the S-boxes x -> x^5 make signals: three
// constraints each. Every use has its own tag in the capacity; see tags.circom.
include "circomlib/circuits/poseidon_constants.circom";
include "tags.circom";

// circomlib's number of partial rounds for state width t.
function POSEIDON_PARTIAL_ROUNDS(t) {
    var rounds[16] = [56, 57, 56, 60, 60, 63, 64, 63, 60, 66, 60, 65, 70, 60, 64, 68];
    return rounds[t - 2];
}

// requires
//   1. 2 <= t <= 17 and 1 <= nOut <= t; in[0] is the capacity.
// ensures
//   1. out[i] is element i of the Poseidon permutation of `in`, for i < nOut.
template PoseidonPermute(t, nOut) {
    signal input in[t];
    signal output out[nOut];

    assert(2 <= t && t <= 17 && 1 <= nOut && nOut <= t);

    var half = 4;                                   // full rounds before and after the partial ones
    var partial = POSEIDON_PARTIAL_ROUNDS(t);
    var rounds = 2 * half + partial;
    var C[t * 2 * half + partial] = POSEIDON_C(t);
    var S[partial * (2 * t - 1)] = POSEIDON_S(t);
    var M[t][t] = POSEIDON_M(t);
    var P[t][t] = POSEIDON_P(t);

    signal x2[t * 2 * half + partial];
    signal x4[t * 2 * half + partial];
    signal x5[t * 2 * half + partial];

    var s[t];                                       // the state, as linear expressions
    var next[t];
    var box = 0;                                    // S-boxes made so far
    var c = t;                                      // round constants used so far
    for (var i = 0; i < t; i++) s[i] = in[i] + C[i];

    for (var r = 0; r < rounds; r++) {
        var full = (r < half || r >= half + partial);
        var boxes = full ? t : 1;

        // ensures 1, non-linear layer: on the whole state, or on element 0 alone.
        for (var i = 0; i < boxes; i++) {
            x2[box] <== s[i] * s[i];
            x4[box] <== x2[box] * x2[box];
            x5[box] <== x4[box] * s[i];
            s[i] = x5[box];
            box++;
        }

        // ensures 1, constants of the next round: the last round has none.
        if (r < rounds - 1) {
            for (var i = 0; i < boxes; i++) s[i] += C[c + i];
            c += boxes;
        }

        // ensures 1, linear layer: M; P before the partial rounds; S sparse within them.
        for (var i = 0; i < t; i++) next[i] = 0;
        if (full) {
            for (var i = 0; i < t; i++) {
                for (var j = 0; j < t; j++) {
                    next[i] += (r == half - 1 ? P[j][i] : M[j][i]) * s[j];
                }
            }
        } else {
            var at = (r - half) * (2 * t - 1);
            for (var j = 0; j < t; j++) next[0] += S[at + j] * s[j];
            for (var i = 1; i < t; i++) next[i] = s[i] + S[at + t + i - 1] * s[0];
        }
        s = next;
    }

    for (var i = 0; i < nOut; i++) out[i] <== s[i];
}

// requires
//   1. tag is the constant of one use in tags.circom, and n that use's arity.
// ensures
//   1. out = element 0 of the permutation of (tag, in[0], ..., in[n-1]).
template Hash(tag, n) {
    signal input in[n];
    signal output out;

    component permute = PoseidonPermute(n + 1, 1);
    permute.in[0] <== tag;
    for (var i = 0; i < n; i++) permute.in[i + 1] <== in[i];
    out <== permute.out[0];                                         // ensures 1
}

// requires
//   1. tag is the constant of one use in tags.circom, with that use's arity and width.
//   2. arity <= width and 1 <= nOut <= width.
// ensures
//   1. out[i] = element 1 + i of the permutation of (tag, in..., 0 up to width).
//   2. element 0, the capacity, is not given out.
template Squeeze(tag, arity, width, nOut) {
    signal input in[arity];
    signal output out[nOut];

    assert(arity <= width && 1 <= nOut && nOut <= width);           // requires 2

    component permute = PoseidonPermute(width + 1, nOut + 1);
    permute.in[0] <== tag;
    for (var i = 0; i < width; i++) permute.in[i + 1] <== i < arity ? in[i] : 0;
    for (var i = 0; i < nOut; i++) out[i] <== permute.out[i + 1];   // ensures 1, 2
}

// A node of a Merkle tree: plain Poseidon(2), the only use with tag 0.
// ensures
//   1. out = element 0 of the permutation of (0, left, right).
template Node() {
    signal input left;
    signal input right;
    signal output out;

    component hash = Hash(0, 2);
    hash.in[0] <== left;
    hash.in[1] <== right;
    out <== hash.out;                                               // ensures 1
}

// The statement sponge: rate 16, one permutation of width 17 for each 16 words.
// requires
//   1. len >= 1.
// ensures
//   1. The capacity starts as TAG_STATEMENT() + len, so no two lengths share a digest.
//   2. out = element 0 after all words, the last block padded with zeros, are absorbed.
template Sponge(len) {
    signal input in[len];
    signal output out;

    var blocks = (len + 15) \ 16;
    component permute[blocks];
    for (var b = 0; b < blocks; b++) {
        var last = (b == blocks - 1);
        permute[b] = PoseidonPermute(17, last ? 1 : 17);
        for (var i = 0; i < 17; i++) {
            var word = 16 * b + i - 1;
            var absorbed = 0;
            if (b > 0) absorbed = permute[b - 1].out[i];
            else if (i == 0) absorbed = TAG_STATEMENT() + len;      // ensures 1
            if (i > 0 && word < len) absorbed += in[word];
            permute[b].in[i] <== absorbed;
        }
    }
    out <== permute[blocks - 1].out[0];                             // ensures 2
}
