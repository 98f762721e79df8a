pragma circom 2.2.0;

include "lib/clearing.circom";
include "lib/note.circom";
include "lib/order.circom";
include "lib/poseidon.circom";
include "lib/range.circom";
include "lib/settle_ladder.circom";
include "lib/settle_leader.circom";
include "lib/settle_slot.circom";
include "lib/statement.circom";

// Settles one epoch of up to n reveals: opens each under the leader's registered key, clears those
// that open their own commitment, pays everyone, and tells the auditor.
//
// requires R1  the contract takes the words up to `count` from its own storage, in protocol §7's
//              ranges: reference and lot in [1, 2^64), basis points at most 10000, count <= n.
// requires R2  it checks each reveal's oc, E and ciphertext against the epoch's reveal chain, E to
//              be on the curve, no oc twice, and lays absent slots as zeros.
// requires R3  reveal, auditor and treasury key were registered with a proof of possession. (A reveal
//              key of secret 1 or l - 1 has no witness: its leader cannot settle.)
// requires R4  an order's commit ranged its quantity, price and lock.
// ensures  E1  count is in [1, n], and the first `count` slots are present.
// ensures  E2  the reveal key is rsk * B, with rsk below the subgroup's order.
// ensures  E3  a slot is valid exactly if it is present and its words, decrypted under rsk, open
//              its own commitment in this market and epoch.
// ensures  E4  the invalid mask has bit k set exactly where slot k is present and not valid.
// ensures  E5  price, volume and fills are the clearing of the valid orders (see Clearing), rationed
//              by an offset that rsk and the context fix.
// ensures  E6  each valid slot's leaves are its two output notes; any other slot's are 0.
// ensures  E7  each present slot's receipt holds its fill, and the price if that is not 0.
// ensures  E8  the leader's part of the fees, rounded down, is a note of the leader's owner.
// ensures  E9  the rest is a note of the treasury's owner, padded for the treasury's key.
// ensures  E10 the print commitment is to the price, or 0 without volume, the volume and a salt that
//              rsk and the context fix.
// ensures  E11 the audit point is a * B, a fixed by rsk and the context, and the audit words hold
//              price, volume, salt and each present slot's seed under the auditor's key.
// ensures  E12 the statement is these words in protocol order.
template Settle(n) {
    // ---- Public inputs ----
    signal input digest;                    // sponge of the 34 + 11 n words
    signal input challenge;                 // where they are evaluated
    signal input evaluation;                // their polynomial there

    // ---- Words of the statement ----
    signal input chain_id;                  // the chain's id
    signal input pool;                      // the pool's address
    signal input market;                    // the market's id
    signal input epoch;                     // the epoch that is settled
    signal input reveal_chain;              // final hash chain of its reveals, mod r
    signal input reference;                 // quote units a lot, fixed before the first reveal
    signal input versions[3];               // of the reveal, auditor and treasury key
    signal input auditor_key[2];            // APK
    signal input treasury_key[2];           // TPK
    signal input treasury_owner;            // owner word of the treasury's notes
    signal input leader_owner;              // owner word of the leader's notes
    signal input base;                      // the market's base token
    signal input quote;                     // the market's quote token
    signal input lot;                       // base units a lot
    signal input fee_bps;                   // fee, basis points of what is traded, each side
    signal input split_bps;                 // the leader's part of the fees
    signal input collar_bps;                // how far from the reference a price may be
    signal input count;                     // reveals in the epoch
    signal input memo;                      // hash of the memo of the leader's note
    signal input oc[n];                     // the reveals, as the chain stored them: commitment,
    signal input point[n][2];               // ephemeral point E,
    signal input ciphertext[n][4];          // and encrypted order

    // ---- Private inputs ----
    signal input rsk;                       // the leader's secret key of this epoch
    signal input present[n];                // 1 for the first `count` slots
    signal input lo;                        // the lowest clearing price
    signal input hi;                        // the highest
    signal input offset;                    // the rationing offset s

    // ---- 1. Who is there, and what the leader's key fixes ----

    // E1
    Present(n)(count, present);

    signal context <== Hash(TAG_CONTEXT(), 9)([
        chain_id, pool, market, epoch, reveal_chain, reference, versions[0], versions[1], versions[2]
    ]);

    component leader = LeaderSecrets();     // E2: its reveal key is a word of the statement
    leader.rsk <== rsk;
    leader.context <== context;

    // ---- 2. Open every reveal ----

    // E3
    component opening[n];
    component terms[n];
    for (var k = 0; k < n; k++) {
        opening[k] = OpenReveal();
        opening[k].reveal_signs <== leader.reveal_signs;
        opening[k].present <== present[k];
        opening[k].chain_id <== chain_id;
        opening[k].pool <== pool;
        opening[k].market <== market;
        opening[k].epoch <== epoch;
        opening[k].oc <== oc[k];
        opening[k].point <== point[k];
        opening[k].ciphertext <== ciphertext[k];

        terms[k] = SplitTerms();            // of 0 where not valid, so the slot has no lots
        terms[k].terms <== opening[k].terms;
    }

    // E4
    var mask = 0;
    for (var k = 0; k < n; k++) mask += (present[k] - opening[k].valid) * 2 ** k;

    // ---- 3. Clear ----

    // E5
    component clearing = Clearing(n);
    for (var k = 0; k < n; k++) {
        clearing.side[k] <== terms[k].side;
        clearing.quantity[k] <== terms[k].quantity;
        clearing.limit[k] <== terms[k].price;
    }
    clearing.reference <== reference;
    clearing.collar_bps <== collar_bps;
    clearing.offset_source <== leader.offset_source;
    clearing.lo <== lo;
    clearing.hi <== hi;
    clearing.offset <== offset;

    // ---- 4. Pay ----

    // E6
    component outputs[n];
    var fees = 0;
    for (var k = 0; k < n; k++) {
        outputs[k] = SlotOutputs();
        outputs[k].valid <== opening[k].valid;
        outputs[k].side <== terms[k].side;
        outputs[k].quantity <== terms[k].quantity;
        outputs[k].limit <== terms[k].price;
        outputs[k].owner <== opening[k].owner;
        outputs[k].salt <== opening[k].salt;
        outputs[k].fill <== clearing.fill[k];
        outputs[k].price <== clearing.price;
        outputs[k].context <== context;
        outputs[k].base <== base;
        outputs[k].quote <== quote;
        outputs[k].lot <== lot;
        outputs[k].fee_bps <== fee_bps;
        fees += outputs[k].fee;
    }

    // E8: the pool holds less than 2^127 of an asset, so the fees are below 2^128.
    signal leader_fee <== BasisPoints()(fees, split_bps);
    signal leader_cm <== NoteCommitment()(quote, leader_fee, leader_owner, leader.blinding);

    // E9
    signal (treasury_shared[2], treasury_gone) <== LadderPoint()(leader.audit_signs, treasury_key);
    signal (treasury_cm, treasury_padded) <== TreasuryNote()(
        treasury_shared, context, 2, quote, fees - leader_fee, treasury_owner
    );

    // ---- 5. Tell: the print, the auditor, each trader ----

    // E10
    signal untraded <== IsZero()(clearing.volume);
    signal printed <== (1 - untraded) * clearing.price;
    signal print_cm <== Hash(TAG_PRINT(), 3)([printed, clearing.volume, leader.print_salt]);

    // E11
    signal (audit_shared[2], audit_gone) <== LadderPoint()(leader.audit_signs, auditor_key);
    signal pads[2 + n] <== AuditPads(2 + n)(audit_shared, context);

    // E7, E11
    component words[n];
    for (var k = 0; k < n; k++) {
        words[k] = SlotWords();
        words[k].present <== present[k];
        words[k].seed <== opening[k].seed;
        words[k].context <== context;
        words[k].fill <== clearing.fill[k];
        words[k].price <== clearing.price;
        words[k].pad <== pads[2 + k];
    }

    // ---- 6. The statement ----

    // E12
    component statement = Statement(34 + 11 * n);
    statement.digest <== digest;
    statement.challenge <== challenge;
    statement.evaluation <== evaluation;
    var head[34] = [
        chain_id, pool, market, epoch, reveal_chain, reference, versions[0], versions[1], versions[2],
        leader.reveal_key[0], leader.reveal_key[1], auditor_key[0], auditor_key[1],
        treasury_key[0], treasury_key[1], treasury_owner, leader_owner, base, quote, lot,
        fee_bps, split_bps, collar_bps, count, mask, print_cm,
        leader.audit_point[0], leader.audit_point[1],
        printed + 2 ** 64 * clearing.volume + pads[0], leader.print_salt + pads[1],
        treasury_padded, leader_cm, treasury_cm, memo
    ];
    for (var i = 0; i < 34; i++) statement.d[i] <== head[i];
    for (var k = 0; k < n; k++) {
        var slot[11] = [
            oc[k], point[k][0], point[k][1],
            ciphertext[k][0], ciphertext[k][1], ciphertext[k][2], ciphertext[k][3],
            outputs[k].base_cm, outputs[k].quote_cm, words[k].receipt, words[k].audit
        ];
        for (var i = 0; i < 11; i++) statement.d[34 + 11 * k + i] <== slot[i];
    }
}
