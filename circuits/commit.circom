pragma circom 2.2.0;

include "lib/credential.circom";
include "lib/note.circom";
include "lib/order.circom";
include "lib/statement.circom";

// Spends up to two notes of one asset into one sealed order and one change note, by the
// holder of a credential that the market admits.
//
// requires R1  the contract knows root[i] as a root of tree number tree[i], and the
//              credential root as current; it stores the nullifiers and refuses used ones.
// requires R2  the contract's words are in protocol §7's ranges: lot and minimum quantity in
//              [1, 2^64), time below 2^64, fee at most 10000, jurisdictions below 2^250,
//              tier below 2^8, quota in [1, 2^16).
// ensures  E1  an input that is not 0 is a note of sk's owner under its root.
// ensures  E2  nullifier i is that of input i, its position and sk.
// ensures  E3  the order's side is 0 or 1.
// ensures  E4  its quantity is in [minimum quantity, 2^64).
// ensures  E5  its price is in [1, 2^64).
// ensures  E6  the inputs' asset is what the side locks: quote for a buyer, base for a seller.
// ensures  E7  the inputs sum to the order's lock and the change.
// ensures  E8  the lock and the change are in [0, 2^128).
// ensures  E9  the change is a note of sk's owner in the inputs' asset.
// ensures  E10 oc commits to market, epoch, terms, sk's owner, credential id and salt.
// ensures  E11 sk's owner holds the credential of that id under the credential root.
// ensures  E12 the credential expires after `time`.
// ensures  E13 its jurisdiction's bit is set in the market's mask.
// ensures  E14 its tier is at least the market's.
// ensures  E15 the quota nullifier is H_quota(sk, market, epoch, j) for a j below the quota.
// ensures  E16 the statement is these words in protocol order.
template Commit(depth, credential_depth) {
    // ---- Public inputs ----
    signal input digest;                    // sponge of the 23 words
    signal input challenge;                 // where they are evaluated
    signal input evaluation;                // their polynomial there

    // ---- Words of the statement ----
    signal input tree[2];                   // number of the tree that holds each input
    signal input root[2];                   // root under which each input is proven
    signal input rk;                        // one-time address that alone may reveal
    signal input market;                    // the market's id
    signal input epoch;                     // the epoch that the order is for
    signal input credential_root;           // root of the issuer's tree
    signal input time;                      // seconds; not before the block's
    signal input base;                      // the market's base token
    signal input quote;                     // the market's quote token
    signal input lot;                       // base units a lot
    signal input min_quantity;              // lots
    signal input fee_bps;                   // fee, basis points of a buyer's notional
    signal input jurisdictions;             // bit i admits jurisdiction i
    signal input min_tier;                  // lowest tier admitted
    signal input quota;                     // orders a credential may make in an epoch
    signal input memo;                      // hash of the memo

    // ---- Private inputs ----
    signal input sk;                        // the trader's shielded key
    signal input in_amount[2];              // amount of each input, 0 for a dummy
    signal input in_blinding[2];            // blinding of each input
    signal input in_leaf[2];                // place of each input in its tree
    signal input in_siblings[2][depth];     // path of each input
    signal input change_blinding;           // blinding of the change note
    signal input terms;                     // side + 2 * quantity + 2^65 * price
    signal input salt;                      // hides the order in its commitment
    signal input credential_id;             // the credential's leaf
    signal input jurisdiction;              // its jurisdiction code
    signal input tier;                      // its tier
    signal input expiry;                    // its expiry, seconds
    signal input credential_siblings[credential_depth];     // its path
    signal input quota_index;               // j: which of the credential's orders this is

    signal owner <== Owner()(sk);

    // ---- Order ----
    // E3, and 64 bits each of quantity and price: what SplitTerms ensures.
    signal (side, quantity, price) <== SplitTerms()(terms);

    // E4
    AtMost(64)(min_quantity, quantity);

    // E5
    NonZero()(price);

    // E8: the lock's range is what Lock ensures.
    signal (asset, lock) <== Lock()(side, quantity, price, lot, fee_bps, base, quote);

    // E10
    signal oc <== OrderCommitment()(market, epoch, terms, owner, credential_id, salt);

    // ---- Notes ----
    // E1, E2, and E6 as the inputs' asset is the lock's.
    signal nullifier[2];
    for (var i = 0; i < 2; i++) {
        nullifier[i] <== Spend(depth)(
            sk, owner, asset, in_amount[i], in_blinding[i], tree[i], root[i], in_leaf[i], in_siblings[i]
        );
    }

    // E7, E8: the change is what is left, and a range keeps it from being negative.
    signal change <== in_amount[0] + in_amount[1] - lock;
    Range(128)(change);

    // E9
    signal change_commitment <== NoteCommitment()(asset, change, owner, change_blinding);

    // ---- Credential ----
    // E11, E12, E13, E14: what Admission ensures.
    Admission(credential_depth)(
        owner, credential_id, jurisdiction, tier, expiry, credential_siblings,
        credential_root, time, jurisdictions, min_tier
    );

    // E15: j + 1 is at most the quota.
    Range(16)(quota_index);
    AtMost(16)(quota_index, quota - 1);
    signal quota_nullifier <== Hash(TAG_QUOTA(), 4)([sk, market, epoch, quota_index]);

    // ---- Statement ----
    // E16
    Statement(23)([
        tree[0], root[0], tree[1], root[1], nullifier[0], nullifier[1], change_commitment,
        quota_nullifier, oc, rk, market, epoch, credential_root, time, base, quote, lot,
        min_quantity, fee_bps, jurisdictions, min_tier, quota, memo
    ], digest, challenge, evaluation);
}
