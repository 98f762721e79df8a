/** Circuit `reclaim`: an order's lock, back to its owner less what is forfeited. */

import { L, checkPoint, ecdh, mulBase } from "../crypto/babyjubjub";
import { R, checkRange } from "../crypto/field";
import type { ShieldedKey } from "../crypto/keys";
import { noteCommitment, orderCommitment, termsWord } from "../crypto/notes";
import { memoWord, treasuryStream } from "../crypto/streams";
import type { Assembly, Memo, Note, Order, Point, Rules } from "../types";
import { checkOwnOrder, checkRules, worstCase } from "./material";

/** `ephemeral` is a new scalar in [1, l); `memo` is the refund's. */
export interface Reclaim {
  key: ShieldedKey;
  rules: Rules;
  order: Order;
  forfeit: boolean;
  blinding: bigint;
  ephemeral: bigint;
  treasuryOwner: bigint;
  treasuryKey: Point;
  memo: Memo;
}

/** What goes to the treasury, in units of the asset locked. */
export function forfeited({ rules, order, forfeit }: Pick<Reclaim, "rules" | "order" | "forfeit">): bigint {
  return forfeit ? worstCase(rules, order.terms).bond : 0n;
}

export function refundOf(claim: Pick<Reclaim, "key" | "rules" | "order" | "forfeit" | "blinding">): Note {
  const { asset, lock } = worstCase(claim.rules, claim.order.terms);
  return { asset, amount: lock - forfeited(claim), owner: claim.key.owner, blinding: claim.blinding };
}

export function reclaim(claim: Reclaim): Assembly {
  const { key, order, treasuryOwner, treasuryKey, ephemeral } = claim;
  const rules = checkRules(claim.rules);
  checkOwnOrder(key, rules, order);
  checkRange(ephemeral, 1n, L, "ephemeral scalar");
  const [refund, oc, forfeit] = [refundOf(claim), orderCommitment(order), claim.forfeit ? 1n : 0n];
  const lost = forfeited(claim);
  const [blinding, pad] = treasuryStream(ecdh(ephemeral, checkPoint(treasuryKey)), oc, forfeit);
  const treasury = { asset: refund.asset, amount: lost, owner: treasuryOwner, blinding };
  const stated = {
    market: order.market,
    epoch: order.epoch,
    base: rules.base,
    quote: rules.quote,
    lot: rules.lot,
    fee_bps: rules.feeBps,
    bond_bps: rules.bondBps,
    forfeit,
  };
  const memo = memoWord(claim.memo);
  return {
    circuit: "reclaim",
    memos: [claim.memo],
    statement: [
      oc,
      ...Object.values(stated),
      noteCommitment(refund),
      noteCommitment(treasury),
      treasuryOwner,
      ...treasuryKey,
      ...mulBase(ephemeral),
      (lost + pad) % R,
      memo,
    ],
    inputs: {
      ...stated,
      treasury_owner: treasuryOwner,
      treasury_key: [...treasuryKey],
      memo,
      sk: key.sk,
      terms: termsWord(order.terms),
      credential_id: order.credentialId,
      salt: order.salt,
      blinding: claim.blinding,
      ephemeral,
    },
  };
}
