pragma circom 2.2.0;

include "circomlib/circuits/babyjub.circom";
include "circomlib/circuits/bitify.circom";
include "circomlib/circuits/escalarmulany.circom";
include "circomlib/circuits/escalarmulfix.circom";
include "range.circom";

// Order of Baby Jubjub's prime subgroup, between 2^250 and 2^251.
function SUBGROUP_ORDER() {
    return 2736030358979909402780800718157159386076813972158567259200215660948447373041;
}

// ensures  E1  `bits` are the 251 bits of `in`, the lowest first.
// ensures  E2  `in` is below the subgroup's order.
template ScalarBits() {
    signal input in;
    signal output bits[251];

    bits <== Num2Bits(251)(in);                             // E1
    AtMost(251)(in, SUBGROUP_ORDER() - 1);                  // E2: both are below 2^251
}

// ensures  E1  `bits` are the low 250 bits of the canonical `in`: a scalar below the order.
template Low250() {
    signal input in;
    signal output bits[250];

    // E1: strict, so a hash near 0 cannot be read as itself plus r.
    signal all[254] <== Num2Bits_strict()(in);
    for (var i = 0; i < 250; i++) bits[i] <== all[i];
}

// requires R1  `bits` are those of a scalar below the subgroup's order.
// ensures  E1  `out` is scalar * B8.
template FixedMul(n) {
    signal input bits[n];
    signal output out[2];

    var B8[2] = [
        5299619240641551281634865583518297030282874472190772894086521144482721001553,
        16950150798460657717958625567821834550301663161624707787222815936182638968203
    ];
    out <== EscalarMulFix(n, B8)(bits);                     // E1
}

// requires R1  `point` is on the curve.
// ensures  E1  `out` is 8 * point, hence in the prime subgroup.
template CofactorTriple() {
    signal input point[2];
    signal output out[2];

    // E1: three doublings; the curve's addition law is complete.
    signal (x2, y2) <== BabyDbl()(point[0], point[1]);
    signal (x4, y4) <== BabyDbl()(x2, y2);
    signal (x8, y8) <== BabyDbl()(x4, y4);
    out <== [x8, y8];
}

// The only way that two keys meet. A torsion component of `point` gives its maker nothing.
//
// requires R1  `point` is on the curve, or is (0, 0), which stands for an absent one.
// requires R2  `bits` are those of a scalar below the subgroup's order.
// ensures  E1  `out` is scalar * (8 * point), (0, 1) where that vanishes or `point` is absent.
// ensures  E2  `vanishes` is 1 where 8 * point is the identity or `point` is absent, else 0.
template SharedPoint(n) {
    signal input bits[n];
    signal input point[2];
    signal output out[2];
    signal output vanishes;

    signal cleared[2] <== CofactorTriple()(point);

    // E1: circomlib's ladder meets no exceptional case on a point of prime order, and gives
    // the identity where x = 0, which in the subgroup is the identity alone.
    out <== EscalarMulAny(n)(bits, cleared);

    // E2
    vanishes <== IsZero()(cleared[0]);
}
