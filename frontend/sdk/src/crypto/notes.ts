/** Notes and orders: what they hold, their ranges, commitments and amounts (protocol §3, §4). */

import { OutOfRange } from "../errors";
import type { Note, Opening, Order, Side, Terms } from "../types";
import { check, checkRange } from "./field";
import { hash } from "./poseidon";

export const BUY: Side = 0;
export const SELL: Side = 1;

export const AMOUNT_LIMIT = 1n << 128n;
export const WORD64 = 1n << 64n;
export const ADDRESS_LIMIT = 1n << 160n;
export const BPS = 10_000n;
const LEAVES = 2 ** 32;
const MASK64 = WORD64 - 1n;

/** floor(amount·feeBps / 10000), in the unit of `amount`. */
export function fee(amount: bigint, feeBps: bigint): bigint {
  return (amount * feeBps) / BPS;
}

export function checkNote(note: Note): Note {
  checkRange(note.asset, 0n, ADDRESS_LIMIT, "asset");
  checkRange(note.amount, 0n, AMOUNT_LIMIT, "amount");
  check(note.owner, "owner");
  check(note.blinding, "blinding");
  return note;
}

export function noteCommitment(note: Note): bigint {
  const { asset, amount, owner, blinding } = checkNote(note);
  return hash("note", asset, amount, owner, blinding);
}

/** What spending the note at `position` shows; `sk` is its owner's. */
export function noteNullifier(note: Note, sk: bigint, position: number): bigint {
  return hash("nullifier", noteCommitment(note), BigInt(position), sk);
}

/** [tree, leaf] of a position. */
export function splitPosition(position: number): [number, number] {
  if (!Number.isSafeInteger(position) || position < 0) throw new OutOfRange("a position is a natural number");
  return [Math.floor(position / LEAVES), position % LEAVES];
}

export function checkTerms(terms: Terms): Terms {
  if (terms.side !== BUY && terms.side !== SELL) throw new OutOfRange("side must be 0 (buy) or 1 (sell)");
  checkRange(terms.quantity, 1n, WORD64, "quantity");
  checkRange(terms.price, 1n, WORD64, "price");
  return terms;
}

export function termsWord(terms: Terms): bigint {
  const { side, quantity, price } = checkTerms(terms);
  return BigInt(side) + 2n * quantity + (price << 65n);
}

/** The terms that `word` packs; OutOfRange if it packs none. */
export function termsFromWord(word: bigint): Terms {
  checkRange(word, 0n, 1n << 129n, "terms");
  return checkTerms({ side: word & 1n ? SELL : BUY, quantity: (word >> 1n) & MASK64, price: word >> 65n });
}

/** The worst case, in quote units for a buyer and base units for a seller. */
export function lockOf(terms: Terms, lot: bigint, feeBps: bigint): bigint {
  const { side, quantity, price } = checkTerms(terms);
  if (side === SELL) return quantity * lot;
  return quantity * price + fee(quantity * price, feeBps);
}

/** What the order forfeits where it must, in units of its lock. */
export function bondOf(terms: Terms, lot: bigint, feeBps: bigint, bondBps: bigint): bigint {
  return fee(lockOf(terms, lot, feeBps), bondBps);
}

export function checkOrder(order: Order): Order {
  checkTerms(order.terms);
  checkRange(order.credentialId, 0n, 1n << 20n, "credential id");
  for (const word of [order.market, order.epoch, order.owner, order.salt]) check(word);
  return order;
}

export function opening(order: Order): Opening {
  checkOrder(order);
  return [termsWord(order.terms), order.owner, order.credentialId, order.salt];
}

export function orderCommitment(order: Order): bigint {
  return openingCommitment(order.market, order.epoch, opening(order));
}

export function openingCommitment(market: bigint, epoch: bigint, words: Opening): bigint {
  return hash("order", market, epoch, ...words);
}

/** What a settled order gets back: amounts of the base and the quote note, and the fee it paid. */
export interface Payment {
  base: bigint;
  quote: bigint;
  fee: bigint;
}

/** A settled order's outputs (protocol §4): `fill` in lots at `price`, fees in quote units. */
export function pay(terms: Terms, fill: bigint, price: bigint, lot: bigint, feeBps: bigint): Payment {
  const traded = fill * price;
  const paid = fee(traded, feeBps);
  return terms.side === BUY
    ? { base: fill * lot, quote: lockOf(terms, lot, feeBps) - traded - paid, fee: paid }
    : { base: (terms.quantity - fill) * lot, quote: traded - paid, fee: paid };
}
