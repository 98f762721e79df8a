/** What the chain's events say, as typed records (protocol §4, §5). Blocks and positions are numbers. */

import { lockOf } from "../crypto/notes";
import { revealLink } from "../crypto/streams";
import { WindowClosed } from "../errors";
import type { Hex, Memo, Point, Reveal, Rules, Terms } from "../types";

/** An epoch's blocks; each window runs from its first block up to, not including, the next. */
export interface Windows {
  open: number;
  freeze: number;
  reveal: number;
  settle: number;
  deadline: number;
}

/** A market's terms as the contract keeps them. */
export interface MarketTerms {
  base: Hex;
  quote: Hex;
  lot: bigint;
  minQuantity: bigint;
  feeBps: bigint;
  bondBps: bigint;
  jurisdictions: bigint;
  tier: bigint;
  startBlock: number;
  commitBlocks: number;
  freezeBlocks: number;
  revealBlocks: number;
  settleBlocks: number;
  capacity: number;
  quota: number;
  splitBps: bigint;
  deferral: number;
  source: Hex;
  maxAge: bigint;
  collarBps: bigint;
}

/** The terms as circuits see them. */
export function rulesOf(market: number, terms: MarketTerms): Rules {
  return {
    market: BigInt(market),
    base: BigInt(terms.base),
    quote: BigInt(terms.quote),
    lot: terms.lot,
    minQuantity: terms.minQuantity,
    feeBps: terms.feeBps,
    bondBps: terms.bondBps,
    jurisdictions: terms.jurisdictions,
    tier: terms.tier,
    quota: BigInt(terms.quota),
  };
}

/** [asset, amount] that an order of these terms locks. */
export function lockedBy(market: MarketTerms, terms: Terms): [Hex, bigint] {
  return [terms.side ? market.base : market.quote, lockOf(terms, market.lot, market.feeBps)];
}

export function windowsOf(terms: MarketTerms, epoch: number): Windows {
  const open = terms.startBlock + epoch * terms.commitBlocks;
  const freeze = open + terms.commitBlocks;
  const reveal = freeze + terms.freezeBlocks;
  const settle = reveal + terms.revealBlocks;
  return { open, freeze, reveal, settle, deadline: settle + terms.settleBlocks };
}

/** The epoch whose commit window holds `block`; WindowClosed before the first. */
export function epochAt(terms: MarketTerms, block: number): number {
  if (block < terms.startBlock)
    throw new WindowClosed(`the market opens at block ${terms.startBlock}; block ${block} is before it`);
  return Math.floor((block - terms.startBlock) / terms.commitBlocks);
}

/** A memo that may open the note whose commitment is the leaf at `position`. */
export interface NoteMemo {
  position: number;
  words: Memo;
}

/** Where a transaction stands. */
export interface Place {
  block: number;
  transaction: Hex;
}

/** `slot` counts the epoch's reveals from 0. */
export interface RevealRecord extends Place {
  slot: number;
  quotaNullifier: bigint;
  reveal: Reveal;
}

/** An order taken back; `cancelled` before its freeze. `position` is the refund note's. */
export interface ReclaimRecord extends Place {
  forfeit: boolean;
  cancelled: boolean;
  position: number;
}

/** An accepted commit, and what became of it. `position` is the change note's. */
export interface OrderRecord extends Place {
  market: number;
  epoch: number;
  quotaNullifier: bigint;
  oc: bigint;
  rk: Hex;
  position: number;
  memo: Memo;
  reveal: RevealRecord | null;
  reclaim: ReclaimRecord | null;
}

/** `receipts` in reveal order; notes stand from `position` on, base and quote of each slot. */
export interface Settlement extends Place {
  count: number;
  invalidMask: bigint;
  position: number;
  receipts: bigint[];
}

/** One epoch of a market since its first commit; chains are words. */
export interface EpochRecord {
  market: number;
  epoch: number;
  leader: Hex;
  revealVersion: number;
  auditorVersion: number;
  treasuryVersion: number;
  commitChain: bigint;
  orders: OrderRecord[];
  reveals: RevealRecord[];
  reference: bigint | null;
  void: boolean;
  settlement: Settlement | null;
  failed: boolean;
  printed: { price: bigint; volume: bigint } | null;
}

/** The reveal chain over all reveals so far; it starts at the frozen commit chain. */
export function revealChain(epoch: EpochRecord): bigint {
  return epoch.reveals.reduce((chain, { reveal }) => revealLink(chain, reveal), epoch.commitChain);
}

/** A transact: what it spent and made, and what of it was public. Its notes stand at `position` and the next. */
export interface TransactRecord extends Place {
  position: number;
  nullifiers: bigint[];
  asset: Hex;
  deposit: bigint;
  withdrawal: bigint;
  fee: bigint;
  account: Hex;
}

/** A version of the treasury: whose notes, and under which key. */
export interface Treasury {
  owner: bigint;
  key: Point;
}
