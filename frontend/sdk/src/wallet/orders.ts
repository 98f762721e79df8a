/** What became of an order, from what the chain says of it and of its epoch (protocol §5). */

import { worstCase } from "../claims";
import { asAddress } from "../crypto/field";
import { ENDED, type EpochState, FORFEITS } from "../epochs";
import type { Ledger } from "../ledger/ledger";
import { type EpochRecord, type MarketTerms, type OrderRecord, rulesOf, windowsOf } from "../ledger/records";
import type { Terms } from "../types";
import type { Fill } from "./holdings";
import type { Fate, Lock, OrderStatus, PlacedOrder } from "./types";

/** The worst case of an order in a market. */
export function lockOfOrder(market: number, terms: MarketTerms, order: Terms): Lock {
  const { asset, ...rest } = worstCase(rulesOf(market, terms), order);
  return { asset: asAddress(asset), ...rest };
}

/** The state of an epoch by what the ledger saw of it; a Void that no transaction has fixed yet shows on chain alone. */
export function seenState(ledger: Ledger, epoch: EpochRecord): EpochState {
  const at = windowsOf(ledger.state.markets.get(epoch.market)!, epoch.epoch);
  if (epoch.settlement) return "settled";
  if (epoch.failed) return "failed";
  if (epoch.void) return "void";
  if (ledger.block < at.freeze) return "commit";
  if (ledger.block < at.reveal) return "frozen";
  if (ledger.block < at.settle) return "reveal";
  if (!epoch.reveals.length) return "empty";
  return ledger.block < at.deadline ? "settling" : "failed";
}

/** The status of an order whose epoch is in `state`. */
export function orderStatus(
  placed: PlacedOrder,
  record: OrderRecord,
  epoch: EpochRecord,
  state: EpochState,
  fill: Fill | undefined,
  lock: Lock,
): OrderStatus {
  const { reveal, reclaim } = record;
  const common = {
    placed,
    epochState: state,
    reference: epoch.reference,
    lock,
    fill: null,
    price: null,
    forfeited: null,
    reclaimable: false,
    blocks: { commit: record.block, reveal: reveal?.block ?? null, reclaim: reclaim?.block ?? null },
  };
  if (reclaim) {
    const fate: Fate = reclaim.cancelled ? "cancelled" : "reclaimed";
    return { ...common, fate, forfeited: reclaim.forfeit ? lock.bond : 0n };
  }
  if (fill) return { ...common, fate: "filled", fill: fill.fill, price: fill.price };
  return { ...common, fate: fateOf(record, state), reclaimable: state === "commit" || ENDED.includes(state) };
}

/** Whether the market still holds the order's lock. */
export function isOpen({ fate }: Pick<OrderStatus, "fate">): boolean {
  return !["filled", "cancelled", "reclaimed"].includes(fate);
}

/** The fate of an order neither reclaimed nor filled. */
function fateOf({ reveal }: OrderRecord, state: EpochState): Fate {
  if (FORFEITS.includes(state)) return reveal ? "invalid" : "unrevealed";
  if (ENDED.includes(state)) return "refundable";
  return reveal ? "revealed" : "committed";
}
