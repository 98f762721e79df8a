pragma circom 2.2.0;

include "circomlib/circuits/comparators.circom";
include "circomlib/circuits/bitify.circom";
include "curve.circom";

// Shared points for many points under one scalar, at 6 constraints a bit where circomlib's ladder
// takes 9. The scalar is recoded once into signs: m = 2^251 + 1 + 2e, the low 251 bits of e saying
// + or -. From 2Q, each step makes acc + acc + (+-Q) by two chord additions on the Montgomery form
// v^2 = u^3 + A u^2 + u, and needs no ordinate of the sum between.
//
// Why the incomplete formulas are sound for every scalar, the prover's own choice included. Before
// step i (0 to 250), acc = m_i Q with m_0 = 2 and else m_i odd, 2^i < m_i < 3 * 2^i, and Q has order
// l with 1.5 * 2^250 < l, so 3 * 2^250 < 2 l.
// - The first addition divides by u(Q) - u(acc), which is 0 only if m_i = +-1 mod l. Below 2 l that
//   is m_i = 1, l - 1, l + 1 or 2 l - 1: the first too small, the next two even, and not 2, the last
//   beyond 3 * 2^250 - 1.
// - The second divides by u(acc) - u(T), T = acc +- Q, which is 0 only if T = -acc, as Q is not the
//   identity. Then m_(i+1) = 0 mod l, and the equation reads 0 = 2 v(acc), which has no solution.
//   So the scalars 0, 1 and l - 1 have no witness; no key is one of them but by intent.

function MONTGOMERY_A() { return 168698; }

// requires R1  `scalar` is below the subgroup's order l.
// ensures  E1  `signs` are the bits, the lowest first, of an e in [0, 2^251) for which
//              2^251 + 1 + 2e = scalar mod l. Where there are two, they lead to the same point.
template LadderSigns() {
    signal input scalar;
    signal output signs[251];

    var l = SUBGROUP_ORDER();
    signal wraps <-- scalar & 1 ? 2 : (scalar + l > 2 ** 251 ? 1 : 3);  // pinned to 1, 2, 3 by E1
    signal low <== (wraps - 1) * (wraps - 2);
    low * (wraps - 3) === 0;

    // E1: the sides of 2 e + 2^251 + 1 = scalar + wraps * l are below r, so it holds in integers.
    signs <== Num2Bits(251)((scalar + wraps * l - 2 ** 251 - 1) / 2);
}

// requires R1  Q = (u, v) has the subgroup's order.
// ensures  E1  `out` is 2 Q.
template MontgomeryTwice() {
    signal input in[2];
    signal output out[2];

    signal square <== in[0] * in[0];
    signal slope <-- (3 * square + 2 * MONTGOMERY_A() * in[0] + 1) / (2 * in[1]);  // pinned below: v != 0
    slope * (2 * in[1]) === 3 * square + 2 * MONTGOMERY_A() * in[0] + 1;
    out[0] <== slope * slope - MONTGOMERY_A() - 2 * in[0];              // E1
    out[1] <== slope * (in[0] - out[0]) - in[1];                        // E1
}

// requires R1  no division is by 0: see above.
// ensures  E1  `out` is 2 acc + Q where `sign` is 1, 2 acc - Q where it is 0.
template LadderStep() {
    signal input sign;
    signal input acc[2];
    signal input q[2];
    signal output out[2];

    signal v <== (2 * sign - 1) * q[1];
    signal first <-- (v - acc[1]) / (q[0] - acc[0]);                    // pinned by the next line
    first * (q[0] - acc[0]) === v - acc[1];
    signal u <== first * first - MONTGOMERY_A() - acc[0] - q[0];        // abscissa of T = acc +- Q

    // E1: T's ordinate, first * (acc.u - u) - acc.v, is put into the slope of the chord to acc.
    signal second <-- 2 * acc[1] / (acc[0] - u) - first;                // pinned by the next line
    (first + second) * (acc[0] - u) === 2 * acc[1];
    out[0] <== second * second - MONTGOMERY_A() - acc[0] - u;
    out[1] <== second * (acc[0] - out[0]) - acc[1];
}

// SharedPoint (curve.circom) for a recoded scalar.
//
// requires R1  `point` is on the curve, or is (0, 0), which stands for an absent one.
// requires R2  `signs` are those of a scalar by LadderSigns.
// ensures  E1  `out` is scalar * (8 * point), (0, 1) where that vanishes or `point` is absent.
// ensures  E2  `vanishes` is 1 where 8 * point is the identity or `point` is absent, else 0.
template LadderPoint() {
    signal input signs[251];
    signal input point[2];
    signal output out[2];
    signal output vanishes;

    // E2: in the subgroup x = 0 is the identity alone, and (0, 0) stays (0, 0).
    signal cleared[2] <== CofactorTriple()(point);
    vanishes <== IsZero()(cleared[0]);

    // E1: a point that vanishes is replaced by the base point, so that the ladder always runs.
    var B8[2] = [
        5299619240641551281634865583518297030282874472190772894086521144482721001553,
        16950150798460657717958625567821834550301663161624707787222815936182638968203
    ];
    signal x <== cleared[0] + vanishes * (B8[0] - cleared[0]);
    signal y <== cleared[1] + vanishes * (B8[1] - cleared[1]);
    signal q[2];
    q[0] <-- (1 + y) / (1 - y);                                         // pinned by the next line: y != 1
    q[0] * (1 - y) === 1 + y;
    q[1] <-- q[0] / x;                                                  // pinned by the next line: x != 0
    q[1] * x === q[0];

    signal acc[252][2];
    acc[0] <== MontgomeryTwice()(q);
    for (var i = 0; i < 251; i++) {
        acc[i + 1] <== LadderStep()(signs[250 - i], acc[i], q);
    }

    // E1: back to Edwards form; v != 0 for a point of odd order, and u + 1 != 0 as A - 2 is no square.
    signal back[2];
    back[0] <-- acc[251][0] / acc[251][1];                              // pinned by the next line
    back[0] * acc[251][1] === acc[251][0];
    back[1] <-- (acc[251][0] - 1) / (acc[251][0] + 1);                  // pinned by the next line
    back[1] * (acc[251][0] + 1) === acc[251][0] - 1;
    out[0] <== (1 - vanishes) * back[0];
    out[1] <== back[1] + vanishes * (1 - back[1]);
}
