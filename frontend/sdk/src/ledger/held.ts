/** What the contracts hold of epochs and orders, against what the events of a ledger add up to. */

import { asAddress, keccakWords } from "../crypto/field";
import type { Hex, Point } from "../types";
import type { Chain } from "./chain";
import type { PoolEvent } from "./events";
import { type MarketTerms, type OrderRecord, revealChain } from "./records";
import { type State, epochKey, revealKeyOf } from "./state";

/** Views asked at once. */
const AT_ONCE = 32;
/** Of the epochs that no event tells of, so many of a market are asked for, the latest. */
const UNTOLD = 256;
/** As `Market.order_record` marks an order that was reclaimed. */
const RECLAIMED = 1n;

const EPOCH =
  "(address leader,uint256 reveal_key_version,uint256[2] reveal_key,uint256 auditor_version,uint256 treasury_version," +
  "uint256 live,uint256 reveals,bytes32 commit_chain,bytes32 reveal_chain,uint256 reference,bool fixed,bool void," +
  "bool slashed,bool released,uint256 settled_block,uint256 invalid_mask,uint256 print_commitment,bool printed," +
  "uint256 price,uint256 volume)";

/** What `Market.epochs` answers, as far as it counts here. The commit chain is zero once the epoch is settled. */
export interface EpochOnChain {
  leader: Hex;
  reveal_key_version: bigint;
  reveal_key: [bigint, bigint];
  auditor_version: bigint;
  treasury_version: bigint;
  live: bigint;
  commit_chain: Hex;
  reveal_chain: Hex;
  reference: bigint;
  void: boolean;
  slashed: boolean;
  settled_block: bigint;
  invalid_mask: bigint;
  printed: boolean;
  price: bigint;
  volume: bigint;
}

export async function epochOnChain(chain: Chain, market: number, epoch: number, block?: number): Promise<EpochOnChain> {
  const [found] = await chain.call("Market", `epochs(uint256,uint256)->(${EPOCH})`, [market, epoch], block);
  return found as unknown as EpochOnChain;
}

/**
 * Name what the contracts hold otherwise at `block`, undefined if nothing: of each epoch and order that `events`, all
 * those after block `since`, name, and of each epoch that could change after it. They are everybody's, so that the
 * node does not learn whose wallet asks.
 */
export async function otherRecord(
  chain: Chain,
  state: State,
  events: PoolEvent[],
  since: number,
  block: number,
): Promise<string | undefined> {
  const epochs = new Map<string, [number, number]>();
  const orders = new Set<OrderRecord>();
  for (const { market, epoch, quota_nullifier } of events.map(({ args }) => args)) {
    if (epoch !== undefined) epochs.set(epochKey(Number(market), Number(epoch)), [Number(market), Number(epoch)]);
    if (quota_nullifier !== undefined) orders.add(state.orders.get(quota_nullifier as bigint)!);
  }
  for (const [market, terms] of state.markets)
    for (const epoch of unended(terms, since, block)) epochs.set(epochKey(market, epoch), [market, epoch]);
  const otherEpoch = ([market, epoch]: [number, number]) => epochDiffers(chain, state, market, epoch, block);
  return (
    (await first([...epochs.values()], otherEpoch)) ??
    (await first([...orders], (order) => orderDiffers(chain, order, block)))
  );
}

/** The epochs open at `block` or before, whose deadline is after `since`: the latest of them. */
function unended(terms: MarketTerms, since: number, block: number): number[] {
  const { startBlock, commitBlocks, freezeBlocks, revealBlocks, settleBlocks } = terms;
  const last = Math.floor((block - startBlock) / commitBlocks);
  const span = commitBlocks + freezeBlocks + revealBlocks + settleBlocks;
  const from = Math.max(0, Math.floor((since - startBlock - span) / commitBlocks) + 1, last - UNTOLD + 1);
  return Array.from({ length: Math.max(0, last - from + 1) }, (_, i) => from + i);
}

/** What the contract has otherwise of an epoch, which it may say has no orders. */
async function epochDiffers(
  chain: Chain,
  state: State,
  market: number,
  epoch: number,
  block: number,
): Promise<string | undefined> {
  const there = await epochOnChain(chain, market, epoch, block);
  const ours = state.epochs.get(epochKey(market, epoch));
  const of = `of epoch ${epoch} of market ${market}`;
  if (!ours) return there.leader === asAddress(0n) ? undefined : `leader ${of}`;
  const { settlement, printed } = ours;
  const key: Point = state.revealKeys.get(revealKeyOf(ours.leader, ours.revealVersion)) ?? [0n, 0n];
  const pairs: [string, unknown, unknown][] = [
    ["leader", there.leader, ours.leader],
    ["leader's key version", there.reveal_key_version, BigInt(ours.revealVersion)],
    ["leader's reveal key", String(there.reveal_key), String(key)],
    ["auditor's key version", there.auditor_version, BigInt(ours.auditorVersion)],
    ["treasury's key version", there.treasury_version, BigInt(ours.treasuryVersion)],
    ["settlement", there.settled_block, BigInt(settlement?.block ?? 0)],
    ["invalid reveals", there.invalid_mask, settlement?.invalidMask ?? 0n],
    ["commit chain", BigInt(there.commit_chain), settlement ? 0n : ours.commitChain],
    ["reveal chain", BigInt(there.reveal_chain), ours.reveals.length ? revealChain(ours) : 0n],
    ["reference", there.reference, ours.reference ?? 0n],
    ["void", there.void, ours.void],
    ["failure", there.slashed, ours.failed],
    ["print", [there.printed, there.price, there.volume].join(), [!!printed, printed?.price ?? 0n, printed?.volume ?? 0n].join()], // prettier-ignore
  ];
  const wrong = pairs.find(([, theirs, own]) => theirs !== own);
  return wrong && `${wrong[0]} ${of}`;
}

/** The chains do not say under which nullifier an order stands, the order's own word does, and its slot if revealed. */
async function orderDiffers(chain: Chain, order: OrderRecord, block: number): Promise<string | undefined> {
  const { market, epoch, quotaNullifier, oc, rk, reveal, reclaim } = order;
  const [there] = await chain.call("Market", "order_record(uint256)->(bytes32)", [quotaNullifier], block);
  const words = [oc, BigInt(rk), BigInt(market), BigInt(epoch), BigInt(reveal ? reveal.slot + 1 : 0)];
  const ours = reclaim ? RECLAIMED : keccakWords(words);
  return BigInt(there as Hex) === ours ? undefined : `record of an order of epoch ${epoch} of market ${market}`;
}

/** The first that `check` finds of all, a few asked at once. */
async function first<T>(all: T[], check: (one: T) => Promise<string | undefined>): Promise<string | undefined> {
  for (let at = 0; at < all.length; at += AT_ONCE) {
    const wrong = (await Promise.all(all.slice(at, at + AT_ONCE).map(check))).find((found) => found !== undefined);
    if (wrong) return wrong;
  }
  return undefined;
}
