/** What proofs are made of: notes with their places, credentials, a market's rules. */

import { check, checkRange } from "../crypto/field";
import type { ShieldedKey } from "../crypto/keys";
import { CREDENTIAL_DEPTH, NOTE_DEPTH, fold, zeros } from "../crypto/merkle";
import {
  ADDRESS_LIMIT,
  BPS,
  SELL,
  WORD64,
  checkNote,
  fee,
  lockOf,
  noteCommitment,
  noteNullifier,
  splitPosition,
} from "../crypto/notes";
import { hash } from "../crypto/poseidon";
import { MaterialError } from "../errors";
import type { Credential, Inputs, Order, Rules, Spendable, Terms } from "../types";

export function checkRules(rules: Rules): Rules {
  check(rules.market, "market");
  checkRange(rules.base, 1n, ADDRESS_LIMIT, "base token");
  checkRange(rules.quote, 1n, ADDRESS_LIMIT, "quote token");
  checkRange(rules.lot, 1n, WORD64, "lot");
  checkRange(rules.minQuantity, 1n, WORD64, "minimum quantity");
  checkRange(rules.feeBps, 0n, BPS + 1n, "fee in basis points");
  checkRange(rules.bondBps, 0n, BPS + 1n, "bond in basis points");
  checkRange(rules.jurisdictions, 0n, 1n << 250n, "jurisdictions");
  checkRange(rules.tier, 0n, 1n << 8n, "tier");
  checkRange(rules.quota, 1n, 1n << 16n, "quota");
  return rules;
}

/** What an order of these terms locks, pays at most as its fee, and may forfeit, all in `asset`'s units. */
export interface WorstCase {
  asset: bigint;
  lock: bigint;
  fee: bigint;
  bond: bigint;
}

/** A seller's fee comes out of what it is paid, so that it locks none. */
export function worstCase(rules: Rules, terms: Terms): WorstCase {
  const lock = lockOf(terms, checkRules(rules).lot, rules.feeBps);
  const bond = fee(lock, rules.bondBps);
  if (terms.side === SELL) return { asset: rules.base, lock, fee: 0n, bond };
  return { asset: rules.quote, lock, fee: lock - terms.quantity * terms.price, bond };
}

export function credentialLeaf(credential: Credential): bigint {
  const { owner, jurisdiction, tier, expiry } = credential;
  check(owner, "owner");
  checkRange(jurisdiction, 0n, 250n, "jurisdiction");
  checkRange(tier, 0n, 1n << 8n, "tier");
  checkRange(expiry, 0n, WORD64, "expiry");
  return hash("credential", owner, jurisdiction, tier, expiry);
}

/** `one` if its note stands at its position under its root; a note of 0 stands anywhere. */
export function checkSpendable(one: Spendable): Spendable {
  checkNote(one.note);
  const leaf = splitPosition(one.position)[1];
  checkPath(one.siblings, NOTE_DEPTH, "a note");
  if (one.note.amount && fold(noteCommitment(one.note), leaf, one.siblings) !== one.root)
    throw new MaterialError("the note is not at its position under this root: sync the tree again");
  return one;
}

/**
 * An input of nothing, under any root that the pool knows. `blinding` MUST be new, else its nullifier is
 * used already.
 */
export function dummy(key: ShieldedKey, asset: bigint, blinding: bigint, tree: number, root: bigint): Spendable {
  const note = { asset, amount: 0n, owner: key.owner, blinding };
  return { note, position: tree * 2 ** 32, root, siblings: zeros(NOTE_DEPTH).slice(0, NOTE_DEPTH) };
}

export function checkPath(siblings: readonly bigint[], depth: number, what: string): void {
  if (siblings.length !== depth)
    throw new MaterialError(`the path of ${what} has ${depth} siblings, not ${siblings.length}`);
  for (const sibling of siblings) check(sibling, "sibling");
}

export function checkCredential(credential: Credential, id: bigint, siblings: readonly bigint[], root: bigint): void {
  checkPath(siblings, CREDENTIAL_DEPTH, "a credential");
  if (fold(credentialLeaf(credential), Number(id), siblings) !== root)
    throw new MaterialError("the credential is not under this root: sync the issuer's tree again");
}

export function checkOwnOrder(key: ShieldedKey, rules: Rules, order: Order): void {
  if (order.market !== rules.market) throw new MaterialError("the order is for another market than the rules");
  if (order.owner !== key.owner) throw new MaterialError("the order belongs to another owner than the key's");
}

export type Spent = readonly [Spendable, Spendable];

/** Words 0 to 5 of `transact` and `commit`. */
export function spendWords(key: ShieldedKey, spent: Spent): bigint[] {
  const places = spent.flatMap((one) => [BigInt(splitPosition(one.position)[0]), one.root]);
  return [...places, ...spent.map((one) => noteNullifier(one.note, key.sk, one.position))];
}

/** The input signals that `transact` and `commit` share. */
export function spendInputs(key: ShieldedKey, spent: Spent, asset: bigint): Inputs {
  if (spent.length !== 2)
    throw new MaterialError(`a proof spends two notes, dummies counted, not ${(spent as readonly Spendable[]).length}`);
  for (const one of spent) {
    checkSpendable(one);
    if (one.note.owner !== key.owner) throw new MaterialError("an input belongs to another owner than the key's");
    if (one.note.asset !== asset) throw new MaterialError("an input is of another asset than the proof's");
  }
  const [first, second] = spent.map((one) => noteNullifier(one.note, key.sk, one.position));
  if (first === second) throw new MaterialError("both inputs are the same note");
  return {
    sk: key.sk,
    tree: spent.map((one) => BigInt(splitPosition(one.position)[0])),
    root: spent.map((one) => one.root),
    in_amount: spent.map((one) => one.note.amount),
    in_blinding: spent.map((one) => one.note.blinding),
    in_leaf: spent.map((one) => BigInt(splitPosition(one.position)[1])),
    in_siblings: spent.map((one) => one.siblings),
  };
}

export function total(amounts: Iterable<bigint>): bigint {
  let sum = 0n;
  for (const amount of amounts) sum += amount;
  return sum;
}
