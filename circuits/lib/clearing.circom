pragma circom 2.2.0;

include "circomlib/circuits/comparators.circom";
include "range.circom";

// The uniform-price clearing of a batch (protocol §4). Lots and prices are below 2^64, so a sum
// of lots over n orders is below 2^LOTS_BITS(n).

function LOTS_BITS(n) {
    var bits = 64;
    while (2 ** (bits - 64) < n) bits++;
    return bits;
}

// How much stands where in the book, seen from one price.
//
// requires R1  `bid`, `ask`, `limit` and `price` are in [0, 2^64).
// ensures  E1  beyond[0] is D⁺(price): the sum of `bid` over limits above it.
// ensures  E2  beyond[1] is U⁻(price): the sum of `ask` over limits below it.
// ensures  E3  up_to[0] is D(price) and up_to[1] is U(price): the same, limits at it included.
// ensures  E4  better[k] and margin[0][k], margin[1][k] are order k's lots beyond and at the price.
template Depth(n) {
    signal input bid[n];            // lots wanted, 0 for any other order
    signal input ask[n];            // lots offered, 0 for any other order
    signal input limit[n];
    signal input price;
    signal output beyond[2];
    signal output up_to[2];
    signal output better[n];
    signal output margin[2][n];

    signal above[n];
    signal at[n];
    signal bid_above[n];
    signal ask_above[n];
    var demand = 0;
    var supply = 0;
    var bid_margin = 0;
    var ask_margin = 0;
    for (var k = 0; k < n; k++) {
        above[k] <== LessThan(64)([price, limit[k]]);
        at[k] <== IsEqual()([price, limit[k]]);
        bid_above[k] <== bid[k] * above[k];
        ask_above[k] <== ask[k] * above[k];
        margin[0][k] <== bid[k] * at[k];                                    // E4
        margin[1][k] <== ask[k] * at[k];                                    // E4
        better[k] <== bid_above[k] + ask[k] - ask_above[k] - margin[1][k];  // E4

        demand += bid_above[k];
        supply += ask[k] - ask_above[k] - margin[1][k];
        bid_margin += margin[0][k];
        ask_margin += margin[1][k];
    }
    beyond <== [demand, supply];                                            // E1, E2
    up_to <== [demand + bid_margin, supply + ask_margin];                   // E3
}

// The ends of E = { p : D⁺(p) <= U(p) and U⁻(p) <= D(p) }. D⁺ - U falls with the price, and
// D(p) = D⁺(p - 1), U⁻(p) = U(p - 1); so `lo` is the least price that meets the first condition
// exactly if it does and `lo - 1` does not; `hi` is its mirror image. Each has one value.
//
// requires R1  `bid`, `ask` and `limit` are in [0, 2^64).
// ensures  E1  `lo` and `hi` are in [1, 2^64).
// ensures  E2  D⁺(lo) <= U(lo).
// ensures  E3  lo = 1 or D(lo) > U⁻(lo).
// ensures  E4  U⁻(hi) <= D(hi).
// ensures  E5  hi = 2^64 - 1 or U(hi) > D⁺(hi).
template ClearingInterval(n) {
    signal input bid[n];
    signal input ask[n];
    signal input limit[n];
    signal input lo;
    signal input hi;

    var LOTS = LOTS_BITS(n);

    // E1
    Range(64)(lo);
    Range(64)(hi);
    NonZero()(lo);
    NonZero()(hi);

    component low = Depth(n);
    low.bid <== bid;
    low.ask <== ask;
    low.limit <== limit;
    low.price <== lo;

    component high = Depth(n);
    high.bid <== bid;
    high.ask <== ask;
    high.limit <== limit;
    high.price <== hi;

    // E2
    AtMost(LOTS)(low.beyond[0], low.up_to[1]);

    // E3: at the least price there is nothing to show, and 0 is compared.
    signal at_floor <== IsEqual()([lo, 1]);
    signal over_supply <== (1 - at_floor) * (low.beyond[1] + 1);
    AtMost(LOTS)(over_supply, low.up_to[0]);

    // E4
    AtMost(LOTS)(high.beyond[1], high.up_to[0]);

    // E5: as E3.
    signal at_ceiling <== IsEqual()([hi, 2 ** 64 - 1]);
    signal over_demand <== (1 - at_ceiling) * (high.beyond[0] + 1);
    AtMost(LOTS)(over_demand, high.up_to[1]);
}

// requires R1  `reference` is in [1, 2^64), lo <= hi are too; `collar_bps` is in [0, 10000].
// ensures  E1  `price` is the reference clamped into [lo, hi].
// ensures  E2  `within` is 1 where |price - reference| * 10000 <= collar_bps * reference, else 0.
template ReferencePrice() {
    signal input reference;
    signal input collar_bps;
    signal input lo;
    signal input hi;
    signal output price;
    signal output within;

    // E1: at most one of the two moves the price, as lo <= hi.
    signal over <== LessThan(64)([hi, reference]);
    signal under <== LessThan(64)([reference, lo]);
    signal down <== over * (reference - hi);
    signal up <== under * (lo - reference);
    price <== reference - down + up;

    // E2: both sides are below 2^78.
    signal allowed <== collar_bps * reference;
    within <== LessEqThan(78)([(down + up) * 10000, allowed]);
}

// Shares `left` lots over the margin by cumulative floors, in order of reveal.
//
// requires R1  `lots` are in [0, 2^64); left <= max(1, sum of lots); offset_source < 2^128.
// ensures  E1  T is the sum of `lots`, or 1 if that is 0.
// ensures  E2  s = floor(offset_source * T / 2^128), hence s < T.
// ensures  E3  share[k] = floor((left * C_k + s) / T) - floor((left * C_(k-1) + s) / T), with C_k
//              the sum of lots[0] to lots[k]; so the shares sum to left wherever the lots are not 0.
template Ration(n) {
    signal input lots[n];
    signal input left;
    signal input offset_source;
    signal input offset;            // s, checked here
    signal output share[n];

    var LOTS = LOTS_BITS(n);

    // E1
    var sum = 0;
    for (var k = 0; k < n; k++) sum += lots[k];
    signal empty <== IsZero()(sum);
    signal total <== sum + empty;

    // E2: the quotient and the remainder by 2^128 are ranged, and nothing wraps.
    signal scaled <== offset_source * total;
    Range(LOTS)(offset);
    Range(128)(scaled - offset * 2 ** 128);

    // E3: left * C + s < 2^(2 * LOTS), and before the first order the floor is 0 as s < T.
    component floors[n];
    signal reached[n];
    var running = 0;
    for (var k = 0; k < n; k++) {
        running += lots[k];
        reached[k] <== left * running;
        floors[k] = FloorDiv(LOTS, LOTS);
        floors[k].numerator <== reached[k] + offset;
        floors[k].divisor <== total;
        share[k] <== floors[k].quotient - (k == 0 ? 0 : floors[k - 1].quotient);
    }
}

// requires R1  `side` is 0 or 1, `quantity` and `limit` are in [0, 2^64); an order that does not
//              take part has quantity 0.
// requires R2  `reference` is in [1, 2^64), `collar_bps` in [0, 10000], `offset_source` < 2^128.
// ensures  E1  [lo, hi] is E.
// ensures  E2  `price` is the reference clamped into E.
// ensures  E3  `volume` is min(D(price), U(price)), or 0 outside the collar.
// ensures  E4  outside the collar every fill is 0.
// ensures  E5  else an order strictly better than the price, or at it on the shorter side, fills whole;
// ensures  E6  and the longer side's orders at the price share by Ration what remains of the volume.
template Clearing(n) {
    signal input side[n];
    signal input quantity[n];
    signal input limit[n];
    signal input reference;
    signal input collar_bps;
    signal input offset_source;
    signal input lo;                // the prover's claims, each with one value that passes
    signal input hi;
    signal input offset;
    signal output price;
    signal output volume;
    signal output fill[n];

    var LOTS = LOTS_BITS(n);

    signal bid[n];
    signal ask[n];
    for (var k = 0; k < n; k++) {
        ask[k] <== side[k] * quantity[k];
        bid[k] <== quantity[k] - ask[k];
    }

    // E1
    ClearingInterval(n)(bid, ask, limit, lo, hi);

    // E2
    component target = ReferencePrice();
    target.reference <== reference;
    target.collar_bps <== collar_bps;
    target.lo <== lo;
    target.hi <== hi;
    price <== target.price;

    component book = Depth(n);
    book.bid <== bid;
    book.ask <== ask;
    book.limit <== limit;
    book.price <== price;

    // E3
    signal ask_longer <== LessThan(LOTS)([book.up_to[0], book.up_to[1]]);
    signal crossed <== book.up_to[1] + ask_longer * (book.up_to[0] - book.up_to[1]);
    volume <== target.within * crossed;

    // E6: the price is in E, so 0 <= left <= the longer side's margin.
    signal longer_beyond <== book.beyond[0] + ask_longer * (book.beyond[1] - book.beyond[0]);
    component ration = Ration(n);
    ration.left <== crossed - longer_beyond;
    ration.offset_source <== offset_source;
    ration.offset <== offset;

    signal rationed[n];
    for (var k = 0; k < n; k++) {
        rationed[k] <== book.margin[0][k] + ask_longer * (book.margin[1][k] - book.margin[0][k]);
    }
    ration.lots <== rationed;

    // E4, E5, E6
    for (var k = 0; k < n; k++) {
        var whole = book.better[k] + book.margin[0][k] + book.margin[1][k] - rationed[k];
        fill[k] <== target.within * (whole + ration.share[k]);
    }
}
