pragma circom 2.2.0;

include "lib/curve.circom";
include "lib/note.circom";
include "lib/order.circom";
include "lib/statement.circom";

// The owner of an order that was not settled takes its lock back as a note, less what it
// forfeits, which becomes a note that the treasury can open. Neither side nor size shows.
//
// requires R1  the contract recorded oc, so a `commit` ranged what it holds and locked it.
// requires R2  the contract's words are in protocol §7's ranges; `forfeit` is 0 or 1.
// requires R3  the treasury's key is on the curve.
// ensures  E1  oc commits to market, epoch, terms, sk's owner, credential id and salt.
// ensures  E2  the refund is the order's lock less what is forfeited, in the asset locked.
// ensures  E3  what is forfeited is forfeit * floor(lock * bond / 10000).
// ensures  E4  the refund is a note of sk's owner.
// ensures  E5  the forfeit is a note of the treasury's owner, in the asset locked, whose
//              blinding and padded amount follow from the shared point, oc and `forfeit`.
// ensures  E6  E is e * B8 and the shared point e * (8 * TPK), for one e below the order.
// ensures  E7  the statement is these words in protocol order.
template Reclaim() {
    // ---- Public inputs ----
    signal input digest;                    // sponge of the 18 words
    signal input challenge;                 // where they are evaluated
    signal input evaluation;                // their polynomial there

    // ---- Words of the statement ----
    signal input market;                    // the market's id
    signal input epoch;                     // the order's epoch
    signal input base;                      // the market's base token
    signal input quote;                     // the market's quote token
    signal input lot;                       // base units a lot
    signal input fee_bps;                   // fee, basis points of a buyer's notional
    signal input bond_bps;                  // bond, basis points of the lock
    signal input forfeit;                   // 1 where the bond is forfeited
    signal input treasury_owner;            // owner of the treasury's notes
    signal input treasury_key[2];           // TPK
    signal input memo;                      // hash of the refund's memo

    // ---- Private inputs ----
    signal input sk;                        // the trader's shielded key
    signal input terms;                     // side + 2 * quantity + 2^65 * price
    signal input credential_id;             // the credential of the order
    signal input salt;                      // the order's salt
    signal input blinding;                  // blinding of the refund
    signal input ephemeral;                 // e: meets the treasury's key

    // ---- Order ----
    signal owner <== Owner()(sk);

    // E1
    signal oc <== OrderCommitment()(market, epoch, terms, owner, credential_id, salt);

    // E2: the lock that `commit` took, from the same terms and words.
    signal (side, quantity, price) <== SplitTerms()(terms);
    signal (asset, lock) <== Lock()(side, quantity, price, lot, fee_bps, base, quote);

    // E3
    signal bond <== BasisPoints()(lock, bond_bps);
    signal forfeited <== forfeit * bond;

    // ---- Notes ----
    // E2, E4: not negative, as a bond is at most its lock.
    signal refund <== NoteCommitment()(asset, lock - forfeited, owner, blinding);

    // E6
    signal bits[251] <== ScalarBits()(ephemeral);
    signal point[2] <== FixedMul(251)(bits);
    signal (shared[2], vanishes) <== SharedPoint(251)(bits, treasury_key);

    // E5
    signal (treasury, padded) <== TreasuryNote()(shared, oc, forfeit, asset, forfeited, treasury_owner);

    // ---- Statement ----
    // E7
    Statement(18)([
        oc, market, epoch, base, quote, lot, fee_bps, bond_bps, forfeit, refund, treasury,
        treasury_owner, treasury_key[0], treasury_key[1], point[0], point[1], padded, memo
    ], digest, challenge, evaluation);
}
