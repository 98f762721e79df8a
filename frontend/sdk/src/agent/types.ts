/** What an institution's agent says over its gateway. Amounts are base units, quantities lots, times Unix milliseconds. */

import type { Windows } from "../ledger/records";
import type { Hex, Side, Terms } from "../types";

export type AgentOrderState =
  "accepted" | "committed" | "revealed" | "filled" | "returned" | "cancelled" | "refused" | "failed";

/** What is known of an order as of event `sequence`; null where there is nothing to know yet. */
export interface AgentOrder extends Terms {
  clientId: string;
  market: number;
  epoch: number | null;
  source: string;
  account: string;
  state: AgentOrderState;
  code: string | null;
  reason: string | null;
  /** Lots, at `fillPrice`. */
  fill: bigint | null;
  fillPrice: bigint | null;
  reference: bigint | null;
  forfeited: bigint | null;
  quotaNullifier: bigint | null;
  commitTx: Hex | null;
  revealTx: Hex | null;
  created: number;
  sequence: number;
}

/** The same `clientId` is the same order, for ever; without `epoch` the first whose window it can still make. */
export interface Ticket extends Terms {
  clientId: string;
  market: number;
  epoch?: number;
}

/** Numbered from 1, without a gap. */
export interface AgentEvent {
  sequence: number;
  time: number;
  kind: "order" | "balance" | "agent" | "control";
  order: AgentOrder | null;
  data: Record<string, unknown>;
}

export interface AgentStatus {
  chainId: number;
  pool: Hex;
  account: Hex | null;
  address: string;
  head: number;
  block: number;
  blockSeconds: number;
  lastRound: number;
  sequence: number;
  /** Sentences for an operator. */
  problems: string[];
  killed: boolean;
  killReason: string | null;
}

export interface Check {
  name: string;
  passed: boolean;
  code: string | null;
  reason: string | null;
}

/** What an order would lock at worst, and what each check says; `allowed` leaves funds aside, which may come yet. */
export interface Quote {
  asset: Hex;
  symbol: string;
  lock: bigint;
  fee: bigint;
  bond: bigint;
  allowed: boolean;
  checks: Check[];
}

export interface AgentBalance {
  asset: Hex;
  symbol: string;
  decimals: number;
  notes: number;
  available: bigint;
  locked: bigint;
  /** The most that one order may lock now. */
  largestPair: bigint;
}

export interface AgentMarket {
  id: number;
  base: Hex;
  quote: Hex;
  baseSymbol: string;
  quoteSymbol: string;
  lot: bigint;
  minQuantity: bigint;
  feeBps: number;
  bondBps: number;
  quota: number;
  capacity: number;
  commitBlocks: number;
  epoch: number;
  windows: Windows;
  head: number;
  blockSeconds: number;
  reference: bigint | null;
  printed: bigint | null;
}

/** A deposit, withdrawal or consolidation; the same `key` is the same movement, for ever. */
export interface AgentMovement {
  key: string;
  kind: string;
  asset: Hex;
  amount: bigint;
  recipient: Hex | null;
  state: "accepted" | "sent" | "done" | "failed";
  reason: string | null;
  tx: Hex | null;
  created: number;
}

export interface Killed {
  killed: boolean;
  reason: string | null;
  cancelled: string[];
  notCancelled: { clientId: string; reason: string }[];
}

export type { Side };
