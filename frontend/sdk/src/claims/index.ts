/** What each circuit proves, from typed material to the words of its statement (as `offchain/claims.py`). */

export { type Commit, changeOf, commit } from "./commit";
export { type Spent, type WorstCase, credentialLeaf, dummy, worstCase } from "./material";
export { prove, signals, stated } from "./prove";
export { type Reclaim, forfeited, reclaim, refundOf } from "./reclaim";
export { type Transact, transact } from "./transact";
