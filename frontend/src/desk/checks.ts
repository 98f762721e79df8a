/** What speaks for and against an order, before anything is proven: the same rules as the wallet's own. */

import type { Market } from "../api/types";
import { decimal, grouped, marketName, price, pairOf, tokenAmount, tokenName, windowsOf } from "../format";
import {
  type AgentStatus,
  type Issued,
  type Lock,
  type OrderStatus,
  type OwnedNote,
  TIME_AHEAD,
  type Terms,
  largestPair,
  worth,
} from "./sdk";

export interface Check {
  name: string;
  state: "good" | "bad" | "warn" | "open";
  text: string;
}

export interface Facts {
  market: Market;
  terms: Terms | null;
  lock: Lock | null;
  block: number;
  /** Seconds of the last block. */
  time: number;
  blockSeconds: number | null;
  owner: bigint;
  issued: Issued | null;
  notes: OwnedNote[];
  orders: OrderStatus[];
  /** Orders that the epoch holds now; null if unknown. */
  live: number | null;
  /** The last reference of the market, in quote units a lot. */
  reference: bigint | null;
  /** Whether somebody reveals it though this page is closed. */
  agent: "running" | "silent" | "none";
}

/** A commit needs a block or two to be proven, sent and mined. */
const MARGIN = 2;

/** The epoch whose commit window holds the next block; null before the market opens. */
export function epochNow({ terms }: Market, block: number): number | null {
  return block + 1 < terms.start_block
    ? null
    : Math.max(0, Math.floor((block + 1 - terms.start_block) / terms.commit_blocks));
}

export function checkOrder(facts: Facts): Check[] {
  return [credential(facts), terms(facts), limit(facts), window(facts), place(facts), funds(facts), reveal(facts)];
}

export function passes(checks: Check[]): boolean {
  return checks.every((check) => check.state === "good" || check.state === "warn");
}

function credential({ issued, owner, market, time }: Facts): Check {
  const name = "Credential";
  if (!issued) return { name, state: "bad", text: "None is loaded: load the issuer’s file in the settings." };
  const { credential: held, id } = issued;
  if (held.owner !== owner) return { name, state: "bad", text: `Credential ${id} is another owner’s.` };
  if (held.expiry <= BigInt(time) + TIME_AHEAD)
    return { name, state: "bad", text: `Credential ${id} has expired, or is about to: ask the issuer to renew it.` };
  if (!((BigInt(market.terms.jurisdictions) >> held.jurisdiction) & 1n))
    return { name, state: "bad", text: `${marketName(market)} does not admit jurisdiction ${held.jurisdiction}.` };
  if (held.tier < BigInt(market.terms.tier))
    return {
      name,
      state: "bad",
      text: `${marketName(market)} asks for tier ${market.terms.tier}; yours is ${held.tier}.`,
    };
  return { name, state: "good", text: `Number ${id}, tier ${held.tier}, admitted` };
}

function terms({ terms: asked, market }: Facts): Check {
  const name = "Size";
  if (!asked) return { name, state: "open", text: "Enter quantity and limit." };
  const least = BigInt(market.terms.min_quantity);
  if (asked.quantity < least)
    return {
      name,
      state: "bad",
      text: `The smallest order is ${grouped(least)} lots, not ${grouped(asked.quantity)}.`,
    };
  return { name, state: "good", text: `${grouped(asked.quantity)} ${asked.quantity === 1n ? "lot" : "lots"}` };
}

function limit({ terms: asked, reference, market }: Facts): Check {
  const name = "Limit";
  if (!asked) return { name, state: "open", text: "Enter quantity and limit." };
  if (reference === null || !reference) return { name, state: "good", text: "No reference yet to compare it with" };
  const away = ((asked.price - reference) * 10_000n) / reference;
  const far = away < 0n ? -away : away;
  const at = `${decimal(far, 2, 2)} % ${away < 0n ? "below" : "above"} the last reference, ${price(reference, pairOf(market))}`;
  const worse = asked.side === 0 ? away > 0n : away < 0n;
  const collar = BigInt(market.terms.collar_bps);
  if (far > collar) return { name, state: "warn", text: `${at}: beyond the collar of ${decimal(collar, 2)} %` };
  return { name, state: worse && far > collar / 2n ? "warn" : "good", text: far ? at : "At the last reference" };
}

function window({ market, block }: Facts): Check {
  const name = "Window";
  const epoch = epochNow(market, block);
  if (epoch === null)
    return { name, state: "bad", text: `The market opens at block ${grouped(market.terms.start_block)}.` };
  const left = windowsOf(market.terms, epoch).freeze - block - 1;
  if (left < MARGIN)
    return { name, state: "bad", text: `Epoch ${epoch} freezes in ${left + 1} blocks: wait for the next.` };
  return { name, state: "good", text: `Epoch ${epoch} takes orders for ${grouped(left)} more blocks` };
}

function place({ market, block, orders, live }: Facts): Check {
  const name = "Place";
  const epoch = epochNow(market, block);
  const mine = orders.filter(({ placed }) => placed.market === market.market && placed.epoch === epoch).length;
  if (mine >= market.terms.quota)
    return { name, state: "bad", text: `All ${market.terms.quota} orders that you have in this epoch are used.` };
  if (live !== null && live >= market.terms.capacity)
    return { name, state: "bad", text: `The epoch is full: ${market.terms.capacity} orders. Wait for the next.` };
  return { name, state: "good", text: `Order ${mine + 1} of your ${market.terms.quota} in this epoch` };
}

export type Funding = "covered" | "join" | "waits" | "short";

/** Whether one or two notes cover an amount, and what would help if not; a proof spends two at most. */
export function funding(
  notes: OwnedNote[],
  asset: string,
  amount: bigint,
): { state: Funding; usable: bigint; all: bigint } {
  const mine = notes.filter(({ note, spent }) => !spent && note.asset === BigInt(asset));
  const [usable, all, best] = [worth(mine.filter(({ advanced }) => advanced)), worth(mine), largestPair(mine)];
  const state = best >= amount ? "covered" : usable >= amount ? "join" : all >= amount ? "waits" : "short";
  return { state, usable, all };
}

function funds({ lock, notes, market }: Facts): Check {
  const name = "Funds";
  if (!lock) return { name, state: "open", text: "Enter quantity and limit." };
  const token = BigInt(lock.asset) === BigInt(market.base.address) ? market.base : market.quote;
  const { state, all } = funding(notes, lock.asset, lock.lock);
  const text = (amount: bigint) => `${tokenAmount(amount, token)} ${tokenName(token)}`;
  if (state === "covered") return { name, state: "good", text: `${text(all)} held, ${text(lock.lock)} locked` };
  if (state === "join")
    return {
      name,
      state: "bad",
      text: `${text(all)} are held, but in notes so small that no two cover it: join them.`,
    };
  if (state === "waits")
    return { name, state: "bad", text: "It is held, but in notes that are not in the tree yet: 16 blocks at most." };
  return { name, state: "bad", text: `${text(lock.lock)} are needed and ${text(all)} held: deposit more.` };
}

function reveal({ agent }: Facts): Check {
  const name = "Reveal";
  if (agent === "running") return { name, state: "good", text: "Your agent reveals it, whatever this page does" };
  const text =
    agent === "silent"
      ? "Your agent does not answer: keep this page open until the order is revealed, or its bond is at stake."
      : "No agent is paired: keep this page open and unlocked until the order is revealed, or its bond is at stake.";
  return { name, state: "warn", text };
}

/**
 * Whether an order of an epoch may be revealed, as the wallet has it: its ledger, at `block`, holds the frozen set, and
 * the next block is within the reveal window.
 */
export function revealable({ freeze, reveal, settle }: Span, block: number, head: number): boolean {
  return block >= freeze && head >= reveal && head + 1 < settle;
}

/** Orders that somebody has yet to reveal, now or later. */
export function atStake(orders: OrderStatus[]): OrderStatus[] {
  return orders.filter(
    ({ fate, epochState }) => fate === "committed" && ["commit", "frozen", "reveal"].includes(epochState),
  );
}

type Span = Pick<ReturnType<typeof windowsOf>, "freeze" | "reveal" | "settle">;

/** What an agent must be of to act for a key. */
export interface Identity {
  chainId: number;
  pool: string;
  /** The key's shielded address, as text. */
  address: string;
}

/** Why an agent cannot act for `own` key, or null. */
export function stranger(status: AgentStatus, own: Identity): string | null {
  if (status.chainId !== own.chainId)
    return `This agent is on chain ${status.chainId}, your key on chain ${own.chainId}: pair that of this chain.`;
  if (status.pool.toLowerCase() !== own.pool.toLowerCase())
    return "This agent is of another pool: pair that of this one.";
  if (status.address !== own.address)
    return "This agent holds another key, and would not reveal your orders: pair that of your own key.";
  return null;
}

/** An agent that has done nothing for so long, and is so many blocks behind, will not reveal in time. */
const STILL_MS = 60_000;
const BEHIND_BLOCKS = 12;

/** Whether an agent may be relied on to reveal: one that only answers does not. */
export function works({ killed, lastRound, block }: AgentStatus, head: number, now = Date.now()): boolean {
  return !killed && (now - lastRound < STILL_MS || head - block <= BEHIND_BLOCKS);
}
