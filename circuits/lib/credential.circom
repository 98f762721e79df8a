pragma circom 2.2.0;

include "merkle.circom";
include "poseidon.circom";
include "range.circom";

// requires R1  index[i] is 0 or 1; `in` has 2^depth elements.
// ensures  E1  `out` is in[index], index's bits the lowest first.
template Select(depth) {
    signal input in[2 ** depth];
    signal input index[depth];
    signal output out;

    // E1: a heap, node 1 the answer, each node the child that its level's bit names.
    signal node[2 ** (depth + 1)];
    node[0] <== 0;
    for (var i = 0; i < 2 ** depth; i++) node[2 ** depth + i] <== in[i];
    for (var level = 0; level < depth; level++) {
        var first = 2 ** (depth - 1 - level);
        for (var i = first; i < 2 * first; i++) {
            node[i] <== node[2 * i] + index[level] * (node[2 * i + 1] - node[2 * i]);
        }
    }
    out <== node[1];
}

// requires R1  `time` is below 2^64, `jurisdictions` below 2^250, `min_tier` below 2^8.
// ensures  E1  the credential (owner, jurisdiction, tier, expiry) is leaf `id` under `root`,
//              id < 2^depth.
// ensures  E2  `expiry` is after `time`, and below 2^64.
// ensures  E3  `jurisdiction` is in [0, 250), and its bit is set in `jurisdictions`.
// ensures  E4  `tier` is at least `min_tier`, and below 2^8.
template Admission(depth) {
    signal input owner;
    signal input id;
    signal input jurisdiction;
    signal input tier;
    signal input expiry;
    signal input siblings[depth];
    signal input root;
    signal input time;
    signal input jurisdictions;
    signal input min_tier;

    // E1
    signal leaf <== Hash(TAG_CREDENTIAL(), 4)([owner, jurisdiction, tier, expiry]);
    signal path[depth] <== Num2Bits(depth)(id);
    signal found <== MerkleRoot(depth)(leaf, path, siblings);
    root === found;

    // E2: time + 1 is at most expiry.
    Range(64)(expiry);
    AtMost(64)(time + 1, expiry);

    // E3: places 250 to 255 hold 0, so they admit nobody.
    signal mask[250] <== Num2Bits(250)(jurisdictions);
    signal code[8] <== Num2Bits(8)(jurisdiction);
    component admitted = Select(8);
    admitted.index <== code;
    for (var i = 0; i < 256; i++) admitted.in[i] <== i < 250 ? mask[i] : 0;
    admitted.out === 1;

    // E4
    Range(8)(tier);
    AtMost(8)(min_tier, tier);
}
