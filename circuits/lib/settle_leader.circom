pragma circom 2.2.0;

include "circomlib/circuits/bitify.circom";
include "curve.circom";
include "poseidon.circom";
include "settle_ladder.circom";

// What the leader's registered key and the settlement context fix: the leader chooses nothing.
//
// ensures  E1  `reveal_key` is rsk * B, with `rsk` below the subgroup's order.
// ensures  E2  `audit_point` is a * B, a being the low 250 bits of the stream's first element.
// ensures  E3  `reveal_signs` and `audit_signs` are those of rsk and a by LadderSigns.
// ensures  E4  `print_salt` and `blinding` are the stream's second and fourth element.
// ensures  E5  `offset_source` is the low 128 bits of its third.
template LeaderSecrets() {
    signal input rsk;
    signal input context;
    signal output reveal_key[2];
    signal output audit_point[2];
    signal output reveal_signs[251];
    signal output audit_signs[251];
    signal output print_salt;
    signal output offset_source;
    signal output blinding;

    signal stream[4] <== Squeeze(TAG_LEADER(), 2, 4, 4)([rsk, context]);

    // E1
    signal reveal_bits[251] <== ScalarBits()(rsk);
    reveal_key <== FixedMul(251)(reveal_bits);

    // E2
    signal audit_bits[250] <== Low250()(stream[0]);
    audit_point <== FixedMul(250)(audit_bits);

    // E3
    var a = 0;
    for (var i = 0; i < 250; i++) a += audit_bits[i] * 2 ** i;
    reveal_signs <== LadderSigns()(rsk);
    audit_signs <== LadderSigns()(a);

    print_salt <== stream[1];                                               // E4
    blinding <== stream[3];                                                 // E4

    // E5: strict, so that the offset has one value.
    signal bits[254] <== Num2Bits_strict()(stream[2]);
    var low = 0;
    for (var i = 0; i < 128; i++) low += bits[i] * 2 ** i;
    offset_source <== low;
}

// requires R1  `shared` is the shared point with the auditor's key.
// ensures  E1  pads[i] is element i of the audit stream, 16 a block.
template AuditPads(n) {
    signal input shared[2];
    signal input context;
    signal output pads[n];

    component block[(n + 15) \ 16];
    for (var b = 0; b < (n + 15) \ 16; b++) {
        var size = n - 16 * b < 16 ? n - 16 * b : 16;
        block[b] = Squeeze(TAG_AUDIT(), 4, 16, size);
        block[b].in <== [shared[0], shared[1], context, b];
        for (var i = 0; i < size; i++) pads[16 * b + i] <== block[b].out[i];    // E1
    }
}
