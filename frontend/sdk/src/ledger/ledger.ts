/**
 * A deployment's public state, followed from its events and held to the contracts.
 *
 * The ledger follows the chain `depth` blocks behind its head. It keeps the hash of every block that it acted on;
 * when one of them is no longer on the chain, it falls back to the last that is, and rebuilds (protocol §6).
 */

import { R } from "../crypto/field";
import type { Context } from "../crypto/streams";
import { Diverged, Reorganised, Reverted } from "../errors";
import type { Hex } from "../types";
import { Chain } from "./chain";
import { type PoolEvent, TERMS } from "./events";
import { otherRecord } from "./held";
import { breather } from "./pause";
import { type MarketTerms, revealChain } from "./records";
import type { Source } from "./source";
import { type Args, State, termsOf } from "./state";

export const CONFIRMATIONS = 5;
/** How far behind the head a node that is no archive still answers views (geth keeps 128). */
const STATE_BLOCKS = 100;
const ATTEMPTS = 5;

/** Told the last block taken in, and where the sync will end. */
export type Progress = (block: number, target: number) => void;

export class Ledger {
  state = new State();
  /** The last block taken in. */
  block: number;
  /** Changes whenever the state does. */
  version = 0;
  /** The head that the last sync saw. */
  head = 0;
  #events: PoolEvent[] = [];
  /** The block up to which the contracts have confirmed the state. */
  #confirmed: number;
  /** Markets whose terms, which never change, they have confirmed. */
  #markets = new Set<number>();
  #checkpoints = new Map<number, Hex>();
  #syncing: Promise<number> | null = null;

  constructor(
    readonly chain: Chain,
    readonly source: Source,
    readonly depth = CONFIRMATIONS,
  ) {
    this.block = chain.deployment.startBlock - 1;
    this.#confirmed = this.block;
  }

  /**
   * Take in the blocks as deep as `depth` demands; `block` then. Diverged if the contracts hold another state than
   * the events make, Reorganised if the chain does not settle on a branch. Calls at once share one sync.
   */
  sync(onProgress: Progress = () => {}): Promise<number> {
    this.#syncing ??= this.#sync(onProgress).finally(() => (this.#syncing = null));
    return this.#syncing;
  }

  /** Where the settlement of an epoch whose reference is fixed stands. */
  context(market: number, epoch: number): Context {
    const record = this.state.epoch(market, epoch);
    if (record.reference === null) throw new Diverged(`epoch ${epoch} settled before its reference was fixed`);
    const { chainId, contracts } = this.chain.deployment;
    return {
      chainId,
      pool: BigInt(contracts.Pool!),
      market: BigInt(market),
      epoch: BigInt(epoch),
      revealChain: revealChain(record) % R,
      reference: record.reference,
      revealVersion: BigInt(record.revealVersion),
      auditorVersion: BigInt(record.auditorVersion),
      treasuryVersion: BigInt(record.treasuryVersion),
    };
  }

  /**
   * Begin again, without what the source keeps: the chain contradicts what was confirmed. The next sync reads anew; not
   * to be called while one runs.
   */
  async forget(): Promise<void> {
    await this.source.forget?.(this.chain);
    await this.#return(this.chain.deployment.startBlock - 1);
  }

  async #sync(onProgress: Progress): Promise<number> {
    for (let attempt = 1; ; attempt++) {
      await this.#fallBack();
      this.head = await this.chain.head();
      const target = this.head - this.depth;
      try {
        while (this.block < target) {
          await this.#take(target);
          onProgress(this.block, target);
        }
        if (this.#confirmed !== this.block) await this.#confirm();
        return this.block;
      } catch (error) {
        // What was taken in since may be as wrong as what failed.
        if (error instanceof Diverged) await this.#return(this.#confirmed);
        const again = error instanceof Diverged ? await this.source.forget?.(this.chain) : error instanceof Reorganised;
        if (!again || attempt === ATTEMPTS) throw error;
      }
    }
  }

  /** Take in the blocks after `block`, up to `target` at most: all that the source gives or, after an error, none. */
  async #take(target: number): Promise<void> {
    const [branch, ours] = [await this.chain.blockHash(target), this.#checkpoints.get(this.block)];
    const { events, last } = await this.source.next(this.chain, this.block, target);
    const [tip, final] = [await this.chain.blockHash(last), events.at(-1)];
    const same =
      tip !== null &&
      (await this.chain.blockHash(target)) === branch &&
      (ours === undefined || (await this.chain.blockHash(this.block)) === ours) &&
      (final === undefined || (await this.chain.blockHash(final.block)) === final.blockHash);
    if (!same)
      throw new Reorganised(`the chain reorganised at or before block ${target} while it was read; sync again`);
    const breath = breather();
    for (const event of events) {
      this.state.apply(event);
      await breath();
    }
    for (const event of events) this.#checkpoints.set(event.block, event.blockHash);
    this.#checkpoints.set(last, tip);
    this.#events.push(...events);
    this.block = last;
    if (events.length) this.version++;
  }

  /** Hold the rebuilt state to what the contracts hold at `block`. */
  async #confirm(): Promise<void> {
    const { block, state } = this;
    if (block <= (await this.chain.head()) - STATE_BLOCKS)
      throw new Reorganised("the chain moved on while it was followed; sync again");
    const pairs: [string, bigint, string, string][] = [
      ["note root", state.noteRoot, "Pool", "root()->(uint256)"],
      ["next leaf", BigInt(state.nextLeaf), "Pool", "next_leaf()->(uint256)"],
      ["credential root", state.credentialRoot, "Credentials", "root()->(uint256)"],
      ["number of markets", BigInt(state.markets.size), "Market", "market_count()->(uint256)"],
    ];
    const theirs = await Promise.all(pairs.map(([, , to, view]) => this.chain.call(to, view, [], block)));
    const wrong =
      pairs.find(([, ours], i) => theirs[i]![0] !== ours)?.[0] ??
      (await this.#otherTerms()) ??
      (await otherRecord(this.chain, state, this.#unconfirmed(), this.#confirmed, block));
    if (!wrong) {
      this.#confirmed = block;
      await this.source.keep?.(this.chain);
      return;
    }
    const same = (await this.chain.blockHash(block)) === this.#checkpoints.get(block);
    if (!same) throw new Reorganised(`the chain reorganised at block ${block} while it was compared; sync again`);
    throw new Diverged(`the ${wrong} rebuilt up to block ${block} differs from the contract's`);
  }

  #unconfirmed(): PoolEvent[] {
    return this.#events.slice(this.#events.findLastIndex(({ block }) => block <= this.#confirmed) + 1);
  }

  /** What an indexer told otherwise of a market than the contract does; undefined if nothing. */
  async #otherTerms(): Promise<string | undefined> {
    for (const [market, terms] of this.state.markets) {
      if (this.#markets.has(market)) continue;
      const found = await this.chain
        .call("Market", `terms(uint256)->(${TERMS})`, [market], this.block)
        .then(([struct]) => Object.entries(termsOf(struct as Args)))
        .catch((error) => {
          if (error instanceof Reverted) return []; // there is no such market
          throw error;
        });
      if (!found.length || found.some(([name, value]) => terms[name as keyof MarketTerms] !== value))
        return `terms of market ${market}`;
      this.#markets.add(market);
    }
    return undefined;
  }

  /** Return to the last checkpoint that is still on the chain. */
  async #fallBack(): Promise<void> {
    const blocks = [...this.#checkpoints.keys()].sort((a, b) => b - a);
    let stale = 0;
    while (stale < blocks.length) {
      const block = blocks[stale]!;
      if ((await this.chain.blockHash(block)) === this.#checkpoints.get(block)) break;
      stale++;
    }
    if (stale) await this.#return(blocks[stale] ?? this.chain.deployment.startBlock - 1);
  }

  /** Forget everything after `block`. */
  async #return(block: number): Promise<void> {
    for (const known of [...this.#checkpoints.keys()]) if (known > block) this.#checkpoints.delete(known);
    await this.#rebuild(this.#events.filter((event) => event.block <= block));
    this.block = block;
    // Beyond a branch that was left nothing is confirmed any more.
    if (block < this.#confirmed) this.#confirmed = this.chain.deployment.startBlock - 1;
  }

  /** Make the state again from its events, which were taken in once. */
  async #rebuild(events: PoolEvent[]): Promise<void> {
    const breath = breather();
    const state = new State();
    for (const event of events) {
      state.apply(event);
      await breath();
    }
    this.state = state;
    this.#events = events;
    this.#markets.clear();
    this.version++;
  }
}
