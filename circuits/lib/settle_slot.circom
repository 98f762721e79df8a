pragma circom 2.2.0;

include "circomlib/circuits/comparators.circom";
include "note.circom";
include "order.circom";
include "poseidon.circom";
include "range.circom";
include "settle_ladder.circom";

// Which slots hold a reveal: the first `count`.
//
// ensures  E1  `count` is in [1, n].
// ensures  E2  present[k] is 1 for k < count, else 0.
template Present(n) {
    signal input count;
    signal input present[n];

    // E1, E2: ones, then zeros, `count` in all, the first of them a one.
    var sum = 0;
    for (var k = 0; k < n; k++) {
        present[k] * (1 - present[k]) === 0;
        if (k > 0) present[k] * (1 - present[k - 1]) === 0;
        sum += present[k];
    }
    present[0] === 1;
    sum === count;
}

// Decrypts one reveal and decides whether it opens its own commitment. Everything follows from
// the leader's key and the words on chain; there is no other input to choose.
//
// requires R1  `reveal_signs` are those of the leader's secret key by LadderSigns.
// requires R2  `point` is on the curve, or is (0, 0) in an absent slot.
// ensures  E1  `seed` is H_seed(shared point, chain id, pool, market, epoch, oc).
// ensures  E2  `valid` is 1 exactly if the slot is present, the point does not vanish, and the
//              decrypted words open oc in this market and epoch.
// ensures  E3  `terms` are the decrypted terms where valid, else 0.
// ensures  E4  `owner` and `salt` are the decrypted ones, any words at all where not valid.
template OpenReveal() {
    signal input reveal_signs[251];
    signal input present;
    signal input chain_id;
    signal input pool;
    signal input market;
    signal input epoch;
    signal input oc;
    signal input point[2];
    signal input ciphertext[4];
    signal output valid;
    signal output seed;
    signal output terms;
    signal output owner;
    signal output salt;

    // E1
    component shared = LadderPoint();
    shared.signs <== reveal_signs;
    shared.point <== point;
    seed <== Hash(TAG_SEED(), 7)([shared.out[0], shared.out[1], chain_id, pool, market, epoch, oc]);

    signal pads[4] <== Squeeze(TAG_REVEAL(), 1, 4, 4)([seed]);
    signal opened[4];
    for (var i = 0; i < 4; i++) opened[i] <== ciphertext[i] - pads[i];

    // E2
    signal reopened <== OrderCommitment()(market, epoch, opened[0], opened[1], opened[2], opened[3]);
    signal opens <== IsEqual()([reopened, oc]);
    signal usable <== present * (1 - shared.vanishes);
    valid <== usable * opens;

    // E3: before anything splits the terms, so that no plaintext is without a witness.
    terms <== valid * opened[0];

    // E4
    owner <== opened[1];
    salt <== opened[3];
}

// What a slot gets back: always a base and a quote note, so that neither side nor fill shows.
//
// requires R1  `valid` and `side` are 0 or 1; an invalid slot has quantity, limit and fill 0.
// requires R2  fill <= quantity < 2^64; a fill that is not 0 has a price no worse than the limit.
// requires R3  `fee_bps` is in [0, 10000]; the order's lock was below 2^128 when it was made.
// ensures  E1  `fee` is floor(fill * price * fee_bps / 10000).
// ensures  E2  a buyer's outputs are fill * lot base, and its lock less fill * price and fee;
// ensures  E3  a seller's are (quantity - fill) * lot base, and fill * price less fee.
// ensures  E4  the outputs are notes of the owner, blinded by the stream of salt and context,
//              and empty leaves where the slot is not valid.
template SlotOutputs() {
    signal input valid;
    signal input side;
    signal input quantity;
    signal input limit;
    signal input owner;
    signal input salt;
    signal input fill;
    signal input price;
    signal input context;
    signal input base;
    signal input quote;
    signal input lot;
    signal input fee_bps;
    signal output fee;
    signal output base_cm;
    signal output quote_cm;

    // E1
    signal traded <== fill * price;
    fee <== BasisPoints()(traded, fee_bps);

    // E2, E3: what a buyer locked is recomputed from its terms, as its commit did.
    signal notional <== quantity * limit;
    signal notional_fee <== BasisPoints()(notional, fee_bps);
    signal lots <== fill + side * (quantity - 2 * fill);
    signal base_amount <== lots * lot;
    signal quote_amount <== traded - fee + (1 - side) * (notional + notional_fee - 2 * traded);

    // E4
    signal blinding[2] <== Squeeze(TAG_BLIND(), 2, 2, 2)([salt, context]);
    signal base_note <== NoteCommitment()(base, base_amount, owner, blinding[0]);
    signal quote_note <== NoteCommitment()(quote, quote_amount, owner, blinding[1]);
    base_cm <== valid * base_note;
    quote_cm <== valid * quote_note;
}

// What a slot's trader and the auditor read, one word each.
//
// requires R1  `present` is 0 or 1; `fill` and `price` are below 2^64.
// ensures  E1  `receipt` is fill + 2^64 * (price, or 0 where fill is 0) under the stream of seed and
//              context, and 0 in an absent slot.
// ensures  E2  `audit` is the seed under `pad`, and 0 in an absent slot.
template SlotWords() {
    signal input present;
    signal input seed;
    signal input context;
    signal input fill;
    signal input price;
    signal input pad;
    signal output receipt;
    signal output audit;

    // E1
    signal unfilled <== IsZero()(fill);
    signal paid <== (1 - unfilled) * price;
    signal stream[1] <== Squeeze(TAG_RECEIPT(), 2, 2, 1)([seed, context]);
    receipt <== present * (fill + 2 ** 64 * paid + stream[0]);

    // E2
    audit <== present * (seed + pad);
}
