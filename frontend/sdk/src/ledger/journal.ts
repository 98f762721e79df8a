/** A source whose events outlive the process, so that the next start reads only the rest. */

import { ChainError } from "../errors";
import type { Store } from "../store";
import type { Chain } from "./chain";
import { rowOf } from "./events";
import { type Batch, type Source, readRows } from "./source";

/** Blocks between the ends of parts, so that who asks for the rest does not tell when it was last here. */
const GRID = 1_024;

interface Head {
  last: number;
  /** Of block `last`. */
  hash: string | null;
}

/**
 * `source` with a journal in `store`, under the chain, the pool and the source's own name: what one source told is
 * never taken for another's, and what it passes on of another's is not kept. Only what the contracts have confirmed is
 * kept, and it is trusted no more than the source: its last block must be on the chain's branch, and the ledger holds it
 * to the contracts again.
 */
export class KeptSource implements Source {
  /** What was read after the block `after`, and is not kept yet. */
  #run: (Batch & { after: number }) | null = null;
  /** Whether the contracts have yet to confirm something that was kept. */
  #used = false;

  constructor(
    readonly source: Source,
    private readonly store: Store,
    readonly grid = GRID,
  ) {}

  get name(): string {
    return this.source.name;
  }

  async next(chain: Chain, after: number, to: number): Promise<Batch> {
    const kept = this.#begins(chain, after) ? await this.#read(chain, after, to) : undefined;
    if (kept) {
      this.#used = true;
      this.#run = { after: kept.last, events: [], last: kept.last };
      return kept;
    }
    const batch = await this.source.next(chain, after, to);
    const own = batch.by === undefined ? batch : { events: [], last: after };
    const run = this.#run;
    // Whoever asks for blocks of it again has left the branch that they were on.
    if (run && run.after <= after && after <= run.last)
      this.#run = {
        ...run,
        events: [...run.events.filter(({ block }) => block <= after), ...own.events],
        last: own.last,
      };
    else this.#run = { ...own, after };
    return batch;
  }

  async keep(chain: Chain): Promise<void> {
    this.#used = false;
    const run = this.#run;
    if (!run || !this.#begins(chain, run.after)) return;
    const last = run.last - (run.last % this.grid);
    if (last <= run.after) return;
    const head: Head = { last, hash: await chain.blockHash(last) };
    const rows = run.events.filter(({ block }) => block <= last).map(rowOf);
    const text = [head, ...rows].map((one) => `${JSON.stringify(one)}\n`).join("");
    // A full disk is no reason to stop a wallet.
    await this.store.put(this.#key(chain, run.after), new TextEncoder().encode(text)).catch(() => undefined);
    this.#run = { after: last, events: run.events.filter(({ block }) => block > last), last: run.last };
  }

  async forget(chain: Chain): Promise<boolean> {
    const used = this.#used;
    this.#used = false;
    this.#run = null;
    await this.store.keep([], this.#prefix(chain));
    return used;
  }

  /** What is kept of the blocks after `after`; undefined if nothing that can be used now. */
  async #read(chain: Chain, after: number, to: number): Promise<Batch | undefined> {
    const bytes = await this.store.get(this.#key(chain, after));
    if (!bytes) return undefined;
    const [first = "", ...rows] = new TextDecoder().decode(bytes).split("\n");
    try {
      const { last, hash } = JSON.parse(first) as Head;
      if (!Number.isSafeInteger(last) || last <= after || last > to || rows.pop() !== "") return undefined;
      const events = await readRows(rows, after, last);
      return (await chain.blockHash(last)) === hash ? { events, last } : undefined;
    } catch (error) {
      if (error instanceof ChainError) throw error;
      return undefined; // as good as lost
    }
  }

  /** Whether a part may begin after this block. */
  #begins({ deployment }: Chain, after: number): boolean {
    return after === deployment.startBlock - 1 || after % this.grid === 0;
  }

  #key(chain: Chain, after: number): string {
    return `${this.#prefix(chain)}${after}`;
  }

  #prefix({ deployment }: Chain): string {
    return `${deployment.chainId} ${deployment.contracts.Pool} ${this.name} `;
  }
}
