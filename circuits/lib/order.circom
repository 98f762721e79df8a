pragma circom 2.2.0;

include "poseidon.circom";
include "range.circom";

// ensures  E1  `out` is H_order(market, epoch, terms, owner, credential, salt).
template OrderCommitment() {
    signal input market;
    signal input epoch;
    signal input terms;
    signal input owner;
    signal input credential;    // the credential's id
    signal input salt;
    signal output out;
    out <== Hash(TAG_ORDER(), 6)([market, epoch, terms, owner, credential, salt]);      // E1
}

// Reads the three terms of an order out of their one word. Terms of 2^129 or more have no
// witness: where a stranger made the word, multiply it by its validity first.
//
// ensures  E1  terms = side + 2 * quantity + 2^65 * price.
// ensures  E2  `side` is 0 (buys) or 1 (sells).
// ensures  E3  `quantity` is in [0, 2^64).
// ensures  E4  `price` is in [0, 2^64).
template SplitTerms() {
    signal input terms;
    signal output side;
    signal output quantity;
    signal output price;

    // E1, E2, E3, E4: 129 bits have one reading, and the fields do not overlap.
    signal bits[129] <== Num2Bits(129)(terms);
    var q = 0;
    var p = 0;
    for (var i = 0; i < 64; i++) {
        q += bits[1 + i] * 2 ** i;
        p += bits[65 + i] * 2 ** i;
    }
    side <== bits[0];
    quantity <== q;
    price <== p;
}

// What an order must lock: its worst case, at its own limit price.
//
// requires R1  `side` is 0 or 1; `quantity`, `price` and `lot` are in [0, 2^64).
// requires R2  `feeBps` is in [0, 10000].
// ensures  E1  `asset` is quote for a buyer, base for a seller.
// ensures  E2  `amount` is quantity * price plus its fee for a buyer, quantity * lot for a seller.
// ensures  E3  `amount` is in [0, 2^128).
template Lock() {
    signal input side;
    signal input quantity;
    signal input price;
    signal input lot;
    signal input feeBps;
    signal input base;
    signal input quote;
    signal output asset;
    signal output amount;

    // E1
    asset <== quote + side * (base - quote);

    // E2: the product is below 2^128 as both factors are below 2^64.
    signal value <== quantity * price;
    signal fee <== BasisPoints()(value, feeBps);
    signal inBase <== quantity * lot;
    amount <== value + fee + side * (inBase - value - fee);

    // E3: the fee can take a buyer's lock past what a note may hold.
    Range(128)(amount);
}
