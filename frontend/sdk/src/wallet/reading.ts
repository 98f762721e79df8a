/** What a wallet can tell without asking anyone: as of its last sync. */

import { asAddress } from "../crypto/field";
import type { ShieldedKey } from "../crypto/keys";
import type { EpochState } from "../epochs";
import type { Ledger } from "../ledger/ledger";
import { type Windows, epochAt, windowsOf } from "../ledger/records";
import { epochKey } from "../ledger/state";
import type { Address, Deployment, Hex, OwnedNote, Terms } from "../types";
import { marketTerms } from "./admission";
import { movements } from "./history";
import { Holdings } from "./holdings";
import { isOpen, lockOfOrder, orderStatus, seenState } from "./orders";
import type { Lock, MarketView, Movement, OrderStatus } from "./types";

export class Reading {
  readonly holdings: Holdings;
  /** Notes and quota places of what is being proven or under way: the block of it, Infinity while there is none. */
  protected readonly held = new Map<bigint, number>();
  /** Of the epochs of orders that have not ended. */
  protected states = new Map<string, EpochState>();

  protected constructor(
    readonly key: ShieldedKey,
    readonly ledger: Ledger,
  ) {
    this.holdings = new Holdings(ledger, key);
  }

  get deployment(): Deployment {
    return this.ledger.chain.deployment;
  }

  /** Where others send notes to. */
  get address(): Address {
    return this.key.address;
  }

  /** Whether something is being proven or sent, or was sent and is in no block that the last sync took in. */
  get underway(): boolean {
    return this.held.size > 0;
  }

  /** Unspent notes, those not yet in an advanced root included. */
  notes(): OwnedNote[] {
    return this.holdings.notes.filter((own) => !own.spent && !this.held.has(own.nullifier));
  }

  /** Units by asset. */
  balances(): Map<Hex, bigint> {
    const totals = new Map<Hex, bigint>();
    for (const { note } of this.notes()) add(totals, asAddress(note.asset), note.amount);
    return totals;
  }

  /** Units by asset that orders on chain lock. */
  locked(): Map<Hex, bigint> {
    const totals = new Map<Hex, bigint>();
    for (const { lock } of this.orders().filter(isOpen)) add(totals, lock.asset, lock.lock);
    return totals;
  }

  /** Every order of this key with its fate, by epoch and place in the quota. */
  orders(): OrderStatus[] {
    const { state } = this.ledger;
    return this.holdings.orders.map((placed) => {
      const { market, epoch, terms, quotaNullifier } = placed;
      const [record, of] = [state.orders.get(quotaNullifier)!, state.epoch(market, epoch)];
      const known = this.states.get(epochKey(market, epoch)) ?? seenState(this.ledger, of);
      const lock = lockOfOrder(market, state.markets.get(market)!, terms);
      return orderStatus(placed, record, of, known, this.holdings.fills.get(quotaNullifier), lock);
    });
  }

  /** How the key's holdings came about, the oldest first. */
  history(): Movement[] {
    return movements(this.ledger, this.holdings);
  }

  markets(): MarketView[] {
    return [...this.ledger.state.markets.keys()].map((id) => this.market(id));
  }

  /** A market, and where it stood at the head that the last sync saw. */
  market(id: number): MarketView {
    const terms = marketTerms(this.ledger, id);
    const { head } = this.ledger;
    const epoch = head < terms.startBlock ? null : epochAt(terms, head);
    const past = [...this.ledger.state.epochs.values()].filter((one) => one.market === id);
    const printed = past.findLast((one) => one.printed);
    return {
      id,
      base: terms.base,
      quote: terms.quote,
      lot: terms.lot,
      minQuantity: terms.minQuantity,
      feeBps: terms.feeBps,
      bondBps: terms.bondBps,
      quota: terms.quota,
      capacity: terms.capacity,
      head,
      epoch,
      windows: epoch === null ? null : windowsOf(terms, epoch),
      reference: past.findLast((one) => one.reference)?.reference ?? null,
      printed: printed ? { epoch: printed.epoch, ...printed.printed! } : null,
    };
  }

  windows(market: number, epoch: number): Windows {
    return windowsOf(marketTerms(this.ledger, market), epoch);
  }

  /** What an order would lock, and of it pay and forfeit at most. */
  worstCase(market: number, terms: Terms): Lock {
    return lockOfOrder(market, marketTerms(this.ledger, market), terms);
  }
}

function add(totals: Map<Hex, bigint>, asset: Hex, amount: bigint): void {
  totals.set(asset, (totals.get(asset) ?? 0n) + amount);
}
