pragma circom 2.2.0;

include "circomlib/circuits/bitify.circom";
include "circomlib/circuits/comparators.circom";

// To get a comparison as a bit use circomlib's LessThan(bits); it means what it says only
// where both of its inputs are already known to be in [0, 2^bits).

// ensures  E1  `in` is in [0, 2^bits).
template Range(bits) {
    signal input in;
    assert(bits <= 253);                    // 2^253 < r, so the bits have one reading

    _ <== Num2Bits(bits)(in);               // E1
}

// ensures  E1  `in` is not 0.
template NonZero() {
    signal input in;
    signal inverse <-- in != 0 ? 1 / in : 0;    // E1: pinned by the next line
    in * inverse === 1;
}

// requires R1  `low` and `high` are in [0, 2^bits).
// ensures  E1  `low` is at most `high`.
template AtMost(bits) {
    signal input low;
    signal input high;
    assert(bits <= 252);                    // else a negative difference could pass as a number

    Range(bits)(high - low);                // E1
}

// requires R1  `divisor` is in [1, 2^divisorBits).
// requires R2  `numerator` is an integer below 2^(quotientBits + divisorBits).
// ensures  E1  `quotient` is in [0, 2^quotientBits): a larger one has no witness.
// ensures  E2  `quotient` is floor(numerator / divisor).
// ensures  E3  `remainder` is numerator - quotient * divisor.
template FloorDiv(quotientBits, divisorBits) {
    signal input numerator;
    signal input divisor;
    signal output quotient;
    signal output remainder;
    assert(quotientBits + divisorBits <= 252);      // no product below wraps

    quotient <-- numerator \ divisor;               // pinned by E1, E2 and E3 below
    remainder <== numerator - quotient * divisor;   // E3
    Range(quotientBits)(quotient);                  // E1
    Range(divisorBits)(remainder);                  // E2: 0 <= remainder ...
    AtMost(divisorBits)(remainder, divisor - 1);    // E2: ... < divisor leaves one quotient
}

// requires R1  `in` is in [0, 2^128) and `bps` in [0, 10000].
// ensures  E1  `out` is floor(in * bps / 10000).
template BasisPoints() {
    signal input in;
    signal input bps;
    signal output out;

    signal (quotient, remainder) <== FloorDiv(128, 14)(in * bps, 10000);
    out <== quotient;                               // E1
}
