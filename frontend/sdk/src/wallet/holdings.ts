/**
 * What a key owns, found on a ledger with nothing but the key (protocol §4, §7).
 *
 * Notes received and changed open from their memos; own orders are found by their quota nullifiers; a settlement's
 * outputs are computed again from the order and its receipt. So a restored wallet and one that was there all along
 * hold the same.
 */

import { ecdh } from "../crypto/babyjubjub";
import { R } from "../crypto/field";
import type { ShieldedKey } from "../crypto/keys";
import { type Payment, noteCommitment, orderCommitment, pay, termsFromWord } from "../crypto/notes";
import { hash } from "../crypto/poseidon";
import { contextWord, openReceipt, outputBlindings, slotSeed, tryMemo } from "../crypto/streams";
import { OutOfRange } from "../errors";
import type { Ledger } from "../ledger/ledger";
import { breather } from "../ledger/pause";
import { type EpochRecord, type OrderRecord, lockedBy } from "../ledger/records";
import { epochKey, revealKeyOf } from "../ledger/state";
import type { Memo, Note, Order, OwnedNote } from "../types";
import { candidates } from "./scan";
import type { PlacedOrder } from "./types";

/** What a settlement did with an order: `fill` lots at `price`, 0 of both if none. */
export interface Fill {
  fill: bigint;
  price: bigint;
  payment: Payment;
}

interface Known {
  note: Note;
  commitment: bigint;
  nullifier: bigint;
}

/** The ephemeral scalar of an order's reveal, the same whenever it is needed. */
export function revealEphemeral(key: ShieldedKey, oc: bigint, epoch: EpochRecord): bigint {
  return key.ephemeral("reveal", oc, epoch.commitChain % R, BigInt(epoch.revealVersion));
}

/** The order as its commitment fixes it. */
export function orderOf(placed: PlacedOrder, owner: bigint): Order {
  const { terms, salt } = placed;
  const [market, epoch, credentialId] = [placed.market, placed.epoch, placed.credentialId].map(BigInt);
  return { market: market!, epoch: epoch!, terms, owner, credentialId: credentialId!, salt };
}

/** `notes` and `orders` of `key` as of the ledger's block, after `refresh`. */
export class Holdings {
  notes: OwnedNote[] = [];
  orders: PlacedOrder[] = [];
  /** By quota nullifier. */
  fills = new Map<bigint, Fill>();
  /** Own orders whose memo or receipt does not open: other software made the commit or the reveal. */
  unreadable: OrderRecord[] = [];
  #version = -1;
  // What was worked out once; memos by the words that the ledger holds, which stay the same through its rebuilds.
  #plain = new WeakMap<Memo, { words: bigint[] | null }>();
  #quotas = new Map<string, bigint[]>();
  #seeds = new Map<string, bigint>();
  #known = new Map<string, Known | null>();

  constructor(
    readonly ledger: Ledger,
    readonly key: ShieldedKey,
  ) {}

  /** Find everything again where the ledger has changed. `onProgress`: memos tried, of how many new ones. */
  async refresh(onProgress: (done: number, of: number) => void = () => {}): Promise<void> {
    const { state, version } = this.ledger;
    if (this.#version === version) return;
    await this.#scan(onProgress);
    const breath = breather();
    const found = new Map<number, Known>();
    const [orders, fills, unreadable]: [PlacedOrder[], Map<bigint, Fill>, OrderRecord[]] = [[], new Map(), []];
    for (const memo of state.memos) {
      const plain = this.#open(memo.words);
      if (!plain) continue;
      this.#keep(found, memo.position, plain[0]!, plain[1]!, plain[2]!);
      await breath();
    }
    for (const epoch of state.epochs.values()) {
      for (const [index, nullifier] of this.quotaNullifiers(epoch.market, epoch.epoch).entries()) {
        const record = state.orders.get(nullifier);
        if (!record) continue;
        const order = this.#restore(found, record, index);
        if (order) orders.push(order);
        const fill = order && this.#settled(found, record, order, epoch);
        if (fill) fills.set(nullifier, fill);
        if (!order || fill === null) unreadable.push(record);
      }
      await breath();
    }
    const places = [...found].sort(([a], [b]) => a - b);
    this.notes = places.map(([position, { note, nullifier }]) => {
      return { note, position, nullifier, spent: state.spent.has(nullifier), advanced: state.advanced(position) };
    });
    Object.assign(this, { orders, fills, unreadable });
    this.#version = version;
  }

  /** The key's quota nullifiers of an epoch, by index. */
  quotaNullifiers(market: number, epoch: number): bigint[] {
    const at = epochKey(market, epoch);
    let found = this.#quotas.get(at);
    if (!found) {
      const quota = this.ledger.state.markets.get(market)!.quota;
      const [m, e] = [BigInt(market), BigInt(epoch)];
      found = Array.from({ length: quota }, (_, index) => this.key.quotaNullifier(m, e, index));
      this.#quotas.set(at, found);
    }
    return found;
  }

  // --- Memos ---

  /** Pass over the new memos that are not for this key. */
  async #scan(onProgress: (done: number, of: number) => void): Promise<void> {
    const fresh = this.ledger.state.memos.map((memo) => memo.words).filter((words) => !this.#plain.has(words));
    const maybe = await candidates(fresh, this.key.viewing.scalar, (done) => onProgress(done, fresh.length));
    fresh.forEach((words, i) => maybe[i] || this.#plain.set(words, { words: null }));
  }

  #open(memo: Memo): bigint[] | null {
    let found = this.#plain.get(memo);
    if (!found) this.#plain.set(memo, (found = { words: tryMemo(memo, this.key.viewing) }));
    return found.words;
  }

  /** Keep a note that the leaf at `position` commits to: whoever told of it may have lied. */
  #keep(found: Map<number, Known>, position: number, asset: bigint, amount: bigint, blinding: bigint): void {
    const at = `${position} ${asset} ${amount} ${blinding}`;
    let known = this.#known.get(at);
    if (known === undefined) this.#known.set(at, (known = this.#work(position, asset, amount, blinding)));
    if (known && amount && known.commitment === this.ledger.state.leaves.get(position)) found.set(position, known);
  }

  #work(position: number, asset: bigint, amount: bigint, blinding: bigint): Known | null {
    const note = { asset, amount, owner: this.key.owner, blinding };
    try {
      const commitment = noteCommitment(note);
      return { note, commitment, nullifier: hash("nullifier", commitment, BigInt(position), this.key.sk) };
    } catch (error) {
      if (error instanceof OutOfRange) return null;
      throw error;
    }
  }

  // --- Orders ---

  /** The order that a commit's memo tells of, if it opens the commitment; its change is kept. */
  #restore(found: Map<number, Known>, record: OrderRecord, index: number): PlacedOrder | null {
    const plain = this.#open(record.memo);
    if (!plain) return null;
    const [word, credentialId, salt, change, blinding] = plain as [bigint, bigint, bigint, bigint, bigint];
    const { market, epoch, quotaNullifier, rk } = record;
    try {
      const terms = termsFromWord(word);
      const placed = { market, epoch, terms, credentialId: Number(credentialId), salt, index, quotaNullifier, rk };
      if (orderCommitment(orderOf(placed, this.key.owner)) !== record.oc) return null;
      const [asset] = lockedBy(this.ledger.state.markets.get(market)!, terms);
      this.#keep(found, record.position, BigInt(asset), change, blinding);
      return placed;
    } catch (error) {
      if (error instanceof OutOfRange || error instanceof RangeError) return null;
      throw error;
    }
  }

  /** What its epoch's settlement did with an order, its notes kept: undefined if nothing, null if unreadable. */
  #settled(
    found: Map<number, Known>,
    record: OrderRecord,
    placed: PlacedOrder,
    epoch: EpochRecord,
  ): Fill | null | undefined {
    const { settlement } = epoch;
    const { reveal } = record;
    if (!settlement || !reveal || (settlement.invalidMask >> BigInt(reveal.slot)) & 1n) return undefined;
    const context = this.ledger.context(record.market, record.epoch);
    const word = contextWord(context);
    const receipt = settlement.receipts[reveal.slot];
    const opened = receipt === undefined ? null : openReceipt(receipt, this.#seed(record, epoch), word);
    if (!opened) return null;
    const market = this.ledger.state.markets.get(record.market)!;
    const payment = pay(placed.terms, opened.fill, opened.price, market.lot, market.feeBps);
    const [base, quote] = outputBlindings(placed.salt, word);
    const position = settlement.position + 2 * reveal.slot;
    this.#keep(found, position, BigInt(market.base), payment.base, base);
    this.#keep(found, position + 1, BigInt(market.quote), payment.quote, quote);
    return { ...opened, payment };
  }

  /** The slot's seed, whose shared point is the dearest part of all this. */
  #seed(record: OrderRecord, epoch: EpochRecord): bigint {
    const ephemeral = revealEphemeral(this.key, record.oc, epoch);
    const leader = this.ledger.state.revealKeys.get(revealKeyOf(epoch.leader, epoch.revealVersion))!;
    const at = `${ephemeral} ${leader.join()} ${record.oc}`;
    let seed = this.#seeds.get(at);
    if (seed === undefined) {
      seed = slotSeed(ecdh(ephemeral, leader), this.ledger.context(record.market, record.epoch), record.oc);
      this.#seeds.set(at, seed);
    }
    return seed;
  }
}
