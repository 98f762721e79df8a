/** Circuit `commit`: an order with what pays for it and the credential that admits it. */

import { checkRange } from "../crypto/field";
import type { ShieldedKey } from "../crypto/keys";
import { ADDRESS_LIMIT, AMOUNT_LIMIT, WORD64, noteCommitment, orderCommitment, termsWord } from "../crypto/notes";
import { memoWord } from "../crypto/streams";
import { MaterialError } from "../errors";
import type { Assembly, Credential, Memo, Note, Order, Rules } from "../types";
import {
  type Spent,
  checkCredential,
  checkOwnOrder,
  checkRules,
  spendInputs,
  spendWords,
  total,
  worstCase,
} from "./material";

/**
 * `rk` is the address (a word) that alone may reveal; `time` (Unix seconds) is not before the block's that
 * takes the commit; `quotaIndex` counts the credential's orders of the epoch from 0.
 */
export interface Commit {
  key: ShieldedKey;
  rules: Rules;
  order: Order;
  spent: Spent;
  changeBlinding: bigint;
  credential: Credential;
  credentialRoot: bigint;
  credentialSiblings: bigint[];
  quotaIndex: number;
  rk: bigint;
  time: bigint;
  memo: Memo;
}

/** The note that what is not locked comes back as. */
export function changeOf(claim: Pick<Commit, "key" | "rules" | "order" | "spent" | "changeBlinding">): Note {
  const { asset, lock } = worstCase(claim.rules, claim.order.terms);
  checkRange(lock, 0n, AMOUNT_LIMIT, "lock");
  const held = total(claim.spent.map((one) => one.note.amount));
  if (held < lock) throw new MaterialError("the inputs hold less than the order locks: add notes or ask for less");
  return { asset, amount: held - lock, owner: claim.key.owner, blinding: claim.changeBlinding };
}

export function commit(claim: Commit): Assembly {
  const { key, order, credential } = claim;
  const rules = checkRules(claim.rules);
  const oc = orderCommitment(order);
  checkClaim(claim);
  const change = changeOf(claim);
  const inputs = spendInputs(key, claim.spent, change.asset);
  const stated = {
    rk: claim.rk,
    market: order.market,
    epoch: order.epoch,
    credential_root: claim.credentialRoot,
    time: claim.time,
    base: rules.base,
    quote: rules.quote,
    lot: rules.lot,
    min_quantity: rules.minQuantity,
    fee_bps: rules.feeBps,
    jurisdictions: rules.jurisdictions,
    min_tier: rules.tier,
    quota: rules.quota,
    memo: memoWord(claim.memo),
  };
  return {
    circuit: "commit",
    memos: [claim.memo],
    statement: [
      ...spendWords(key, claim.spent),
      noteCommitment(change),
      key.quotaNullifier(order.market, order.epoch, claim.quotaIndex),
      oc,
      ...Object.values(stated),
    ],
    inputs: {
      ...inputs,
      ...stated,
      change_blinding: claim.changeBlinding,
      terms: termsWord(order.terms),
      salt: order.salt,
      credential_id: order.credentialId,
      jurisdiction: credential.jurisdiction,
      tier: credential.tier,
      expiry: credential.expiry,
      credential_siblings: claim.credentialSiblings,
      quota_index: BigInt(claim.quotaIndex),
    },
  };
}

/** Refuse what the circuit would, in words that say what to do. */
function checkClaim(claim: Commit): void {
  const { key, rules, order, credential } = claim;
  checkRange(claim.rk, 1n, ADDRESS_LIMIT, "rk");
  checkRange(claim.time, 0n, WORD64, "time");
  checkRange(BigInt(claim.quotaIndex), 0n, rules.quota, "order's index in the quota");
  checkRange(order.terms.quantity, rules.minQuantity, WORD64, "quantity");
  checkOwnOrder(key, rules, order);
  if (credential.owner !== key.owner) throw new MaterialError("the credential belongs to another owner than the key's");
  if (credential.expiry <= claim.time)
    throw new MaterialError("the credential has expired: ask the issuer to renew it");
  if (!((rules.jurisdictions >> credential.jurisdiction) & 1n))
    throw new MaterialError("the market does not admit the credential's jurisdiction");
  if (credential.tier < rules.tier) throw new MaterialError("the market asks for a higher tier than the credential's");
  checkCredential(credential, order.credentialId, claim.credentialSiblings, claim.credentialRoot);
}
