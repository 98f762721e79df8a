/** What a settlement encrypts, opened: reveals, receipts, audit words (protocol §3, §7). */

import { type Point, IDENTITY, ecdh, equal } from "./babyjubjub";
import { mod } from "./field";
import { hash, squeeze } from "./poseidon";

const AUDIT_BLOCK = 16;
const MASK64 = (1n << 64n) - 1n;

/** Where a settlement stands; its hash keeps every settlement's secrets apart. */
export interface Context {
  chainId: bigint;
  pool: bigint;
  market: bigint;
  epoch: bigint;
  revealChain: bigint;
  reference: bigint;
  revealVersion: bigint;
  auditorVersion: bigint;
  treasuryVersion: bigint;
}

export interface Reveal {
  oc: bigint;
  point: Point;
  ciphertext: bigint[];
}

export interface Terms {
  side: "buy" | "sell";
  /** In lots. */
  quantity: bigint;
  /** In quote units a lot. */
  price: bigint;
}

export interface Opening {
  terms: Terms;
  owner: bigint;
  credentialId: bigint;
}

export function contextWord(at: Context): bigint {
  return hash(
    "context",
    at.chainId,
    at.pool,
    at.market,
    at.epoch,
    at.revealChain,
    at.reference,
    at.revealVersion,
    at.auditorVersion,
    at.treasuryVersion,
  );
}

/**
 * What a reveal opens to under its slot's seed, or null where it is invalid: it does not open its own
 * commitment, or its point vanishes, so that anyone knows the seed (protocol §4).
 */
export function validOpening(market: bigint, epoch: bigint, reveal: Reveal, seed: bigint): Opening | null {
  const pads = squeeze("reveal", [seed], 4);
  const words = reveal.ciphertext.map((word, i) => mod(word - pads[i]!));
  const [terms, owner, credentialId, salt] = words as [bigint, bigint, bigint, bigint];
  const opens = hash("order", market, epoch, terms, owner, credentialId, salt) === reveal.oc;
  if (!opens || equal(ecdh(1n, reveal.point), IDENTITY)) return null;
  return { terms: unpackTerms(terms), owner, credentialId };
}

/** Terms as an order's word packs them; throws where it packs none. */
export function unpackTerms(word: bigint): Terms {
  const [quantity, price] = [(word >> 1n) & MASK64, word >> 65n];
  if (word >> 129n || !quantity || !price) throw new Error("the word packs no order's terms");
  return { side: word & 1n ? "sell" : "buy", quantity, price };
}

/** Fill in lots and price, or null if the word is no receipt of this seed. */
export function openReceipt(word: bigint, seed: bigint, context: bigint): { fill: bigint; price: bigint } | null {
  const plain = mod(word - squeeze("receipt", [seed, context], 1)[0]!);
  return plain >> 128n ? null : { fill: plain & MASK64, price: plain >> 64n };
}

/** `count` pads of the audit stream: two header words, then one a slot. */
export function auditPads(shared: Point, context: bigint, count: number): bigint[] {
  const pads: bigint[] = [];
  for (let block = 0n; pads.length < count; block++)
    pads.push(...squeeze("audit", [...shared, context, block], AUDIT_BLOCK));
  return pads.slice(0, count);
}
