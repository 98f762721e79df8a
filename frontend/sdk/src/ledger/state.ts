/** The public state that a deployment's events add up to. Nothing here needs a key. */

import { CHUNK } from "../crypto/merkle";
import { commitLink } from "../crypto/streams";
import { Diverged } from "../errors";
import type { Hex, Point } from "../types";
import type { Value } from "../abi";
import type { PoolEvent } from "./events";
import { ChunkTree, CredentialTree, TREE_CHUNKS, TREE_LEAVES } from "./merkle";
import type { EpochRecord, MarketTerms, NoteMemo, OrderRecord, Settlement, TransactRecord, Treasury } from "./records";
import { windowsOf } from "./records";

export type Args = Record<string, Value>;

/** The key of a map over epochs. */
export function epochKey(market: number, epoch: number): string {
  return `${market}/${epoch}`;
}

/** The key of a map over reveal keys. */
export function revealKeyOf(relayer: Hex, version: number): string {
  return `${relayer}/${version}`;
}

export class State {
  /** Note trees by number. */
  trees = [new ChunkTree()];
  /** Note commitments by position, advanced or not. */
  leaves = new Map<number, bigint>();
  nextLeaf = 0;
  spent = new Set<bigint>();
  /** Memos that may open a note, in chain order. */
  memos: NoteMemo[] = [];
  transacts: TransactRecord[] = [];
  markets = new Map<number, MarketTerms>();
  epochs = new Map<string, EpochRecord>();
  /** By quota nullifier. */
  orders = new Map<bigint, OrderRecord>();
  credentials = new CredentialTree();
  /** The root that the issuer gave its tree, which nothing proves. */
  credentialRoot = this.credentials.root;
  /** By version. */
  treasuries = new Map<number, Treasury>();
  revealKeys = new Map<string, Point>();
  #spending: { transaction: Hex; nullifiers: bigint[] } | null = null;

  /** The chunk, numbered across trees, that is advanced next. */
  get nextChunk(): number {
    return (this.trees.length - 1) * TREE_CHUNKS + this.trees.at(-1)!.chunks;
  }

  /** Whether the issuer's root is that of its leaves; no commit can be proven where it is not. */
  get credentialsFit(): boolean {
    return this.credentialRoot === this.credentials.root;
  }

  /** The root of the tree that takes the next chunk, as the pool has it. */
  get noteRoot(): bigint {
    return this.trees.at(-1)!.chunks === TREE_CHUNKS ? new ChunkTree().root : this.trees.at(-1)!.root;
  }

  /** Whether a leaf is in its tree, so that its note can be spent. */
  advanced(position: number): boolean {
    return Math.floor(position / CHUNK) < this.nextChunk;
  }

  epoch(market: number, epoch: number): EpochRecord {
    const found = this.epochs.get(epochKey(market, epoch));
    if (!found) throw new Diverged(`epoch ${epoch} of market ${market} was never opened`);
    return found;
  }

  /** Take in one event, in chain order. Diverged if it does not follow from those before. */
  apply(event: PoolEvent): void {
    const handler = HANDLERS[`${event.contract}.${event.name}`];
    try {
      handler?.(this, event.args, event);
    } catch (error) {
      const what = `${event.contract}.${event.name} of block ${event.block}`;
      throw new Diverged(`${what} does not follow from the events before it: ${(error as Error).message}`);
    }
  }

  /** Remember what a transaction spends until its `Transacted` comes. */
  noteSpending(transaction: Hex, nullifiers: bigint[]): void {
    nullifiers.forEach((nullifier) => this.spent.add(nullifier));
    this.#spending = { transaction, nullifiers };
  }

  takeSpending(transaction: Hex): bigint[] {
    if (this.#spending?.transaction !== transaction) throw new Diverged("it spends nothing");
    return this.#spending.nullifiers;
  }
}

const number = (value: Value | undefined): number => {
  const found = Number(value as bigint);
  if (!Number.isSafeInteger(found)) throw new Diverged("a number is too large");
  return found;
};
const words = (value: Value | undefined): bigint[] => value as bigint[];
const point = (value: Value | undefined): Point => value as unknown as Point;
const place = (event: PoolEvent) => ({ block: event.block, transaction: event.transaction });
const epochOf = (state: State, args: Args) => state.epoch(number(args.market), number(args.epoch));

const HANDLERS: Record<string, (state: State, args: Args, event: PoolEvent) => void> = {
  "Pool.Appended": (state, args) => {
    const first = number(args.position);
    const leaves = words(args.leaves);
    leaves.forEach((leaf, i) => state.leaves.set(first + i, leaf));
    state.nextLeaf = first + leaves.length;
  },
  "Pool.Spent": (state, args, event) => state.noteSpending(event.transaction, words(args.nullifiers)),
  "Pool.Transacted": (state, args, event) => {
    const position = number(args.position);
    state.memos.push({ position, words: words(args.memo0) }, { position: position + 1, words: words(args.memo1) });
    state.transacts.push({
      ...place(event),
      position,
      nullifiers: state.takeSpending(event.transaction),
      asset: args.asset as Hex,
      deposit: args.deposit as bigint,
      withdrawal: args.withdrawal as bigint,
      fee: args.fee as bigint,
      account: args.account as Hex,
    });
  },
  "Pool.Advanced": (state, args) => {
    const [tree, chunk, count] = [number(args.tree), number(args.chunk), number(args.count)];
    if (tree === state.trees.length) state.trees.push(new ChunkTree());
    if (tree !== state.trees.length - 1) throw new Diverged(`tree ${tree} is not the last`);
    const first = tree * TREE_LEAVES + chunk * CHUNK;
    const leaves = Array.from({ length: count }, (_, i) => {
      const leaf = state.leaves.get(first + i);
      if (leaf === undefined) throw new Diverged(`no leaf at ${first + i}`);
      return leaf;
    });
    if (state.trees[tree]!.insertChunk(chunk, leaves) !== args.root)
      throw new Diverged(`chunk ${chunk} of tree ${tree} gives another root than the pool's`);
    state.nextLeaf = Math.max(state.nextLeaf, first + CHUNK);
  },
  "Credentials.LeavesSet": (state, args) => {
    state.credentials.setAll(number(args.index), words(args.leaves));
    state.credentialRoot = args.root as bigint;
  },
  "Keys.TreasurySet": (state, args) => {
    const key = point([args.x!, args.y!]);
    state.treasuries.set(number(args.version), { owner: args.owner_word as bigint, key });
  },
  "Relayers.KeyRegistered": (state, args) => {
    state.revealKeys.set(revealKeyOf(args.relayer as Hex, number(args.version)), point([args.x!, args.y!]));
  },
  "Market.MarketOpened": (state, args) => {
    state.markets.set(number(args.market), termsOf(args.terms as Args));
  },
  "Market.EpochOpened": (state, args) => {
    const [market, epoch] = [number(args.market), number(args.epoch)];
    state.epochs.set(epochKey(market, epoch), {
      market,
      epoch,
      leader: args.leader as Hex,
      revealVersion: number(args.reveal_version),
      auditorVersion: number(args.auditor_version),
      treasuryVersion: number(args.treasury_version),
      commitChain: 0n,
      orders: [],
      reveals: [],
      reference: null,
      void: false,
      settlement: null,
      failed: false,
      printed: null,
    });
  },
  "Market.Committed": (state, args, event) => {
    const epoch = epochOf(state, args);
    const order: OrderRecord = {
      ...place(event),
      market: epoch.market,
      epoch: epoch.epoch,
      quotaNullifier: args.quota_nullifier as bigint,
      oc: args.oc as bigint,
      rk: args.rk as Hex,
      position: number(args.position),
      memo: words(args.memo),
      reveal: null,
      reclaim: null,
    };
    epoch.orders.push(order);
    epoch.commitChain = commitLink(epoch.commitChain, order.oc, BigInt(order.rk));
    state.orders.set(order.quotaNullifier, order);
  },
  "Market.Revealed": (state, args, event) => {
    const reveal = { oc: args.oc as bigint, point: point(args.point), ciphertext: words(args.ciphertext) };
    const quotaNullifier = args.quota_nullifier as bigint;
    const record = { ...place(event), slot: number(args.slot), quotaNullifier, reveal };
    epochOf(state, args).reveals.push(record);
    orderOf(state, args).reveal = record;
  },
  "Market.ReferenceFixed": (state, args) => {
    Object.assign(epochOf(state, args), { reference: args.price as bigint, void: args.void as boolean });
  },
  "Market.Settled": (state, args, event) => {
    const settlement: Settlement = {
      ...place(event),
      count: number(args.count),
      invalidMask: args.invalid_mask as bigint,
      position: number(args.position),
      receipts: (args.slots as bigint[][]).map((slot) => slot[0]!),
    };
    epochOf(state, args).settlement = settlement;
    state.memos.push({ position: settlement.position + 2 * settlement.count, words: words(args.memo) });
  },
  "Market.Reclaimed": (state, args, event) => {
    const [epoch, order] = [epochOf(state, args), orderOf(state, args)];
    const cancelled = event.block < windowsOf(state.markets.get(epoch.market)!, epoch.epoch).freeze;
    const position = number(args.position);
    order.reclaim = { ...place(event), forfeit: args.forfeit as boolean, cancelled, position };
    if (cancelled) epoch.commitChain = commitLink(epoch.commitChain, order.oc, 0n);
    state.memos.push({ position, words: words(args.memo) });
  },
  "Market.Failed": (state, args) => {
    epochOf(state, args).failed = true;
  },
  "Market.Printed": (state, args) => {
    epochOf(state, args).printed = { price: args.price as bigint, volume: args.volume as bigint };
  },
};

function orderOf(state: State, args: Args): OrderRecord {
  const found = state.orders.get(args.quota_nullifier as bigint);
  if (!found) throw new Diverged("the order was never committed");
  return found;
}

/** A market's terms, from the struct that the contract has of them. */
export function termsOf(given: Args): MarketTerms {
  return {
    base: given.base as Hex,
    quote: given.quote as Hex,
    lot: given.lot as bigint,
    minQuantity: given.min_quantity as bigint,
    feeBps: given.fee_bps as bigint,
    bondBps: given.bond_bps as bigint,
    jurisdictions: given.jurisdictions as bigint,
    tier: given.tier as bigint,
    startBlock: number(given.start_block),
    commitBlocks: number(given.commit_blocks),
    freezeBlocks: number(given.freeze_blocks),
    revealBlocks: number(given.reveal_blocks),
    settleBlocks: number(given.settle_blocks),
    capacity: number(given.capacity),
    quota: number(given.quota),
    splitBps: given.split_bps as bigint,
    deferral: number(given.deferral),
    source: given.source as Hex,
    maxAge: given.max_age as bigint,
    collarBps: given.collar_bps as bigint,
  };
}
