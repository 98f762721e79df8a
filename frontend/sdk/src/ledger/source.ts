/** Where a ledger's events come from. Neither is trusted: the ledger holds what they add up to to the contracts. */

import { RestoreError, ShadowpoolError } from "../errors";
import { Chain } from "./chain";
import { type PoolEvent, type Row, readRow } from "./events";

/** Blocks asked of a node at once. */
const SPAN = 2_000;
const BULK_BLOCKS = 256;
const MOST_LINE = 1 << 20;

/** Events after block `after` up to `last`, at most `to`, in chain order. */
export interface Batch {
  events: PoolEvent[];
  last: number;
}

export interface Source {
  /** The next batch after block `after` up to block `to`, of which it may give a part, but not nothing. */
  next(chain: Chain, after: number, to: number): Promise<Batch>;
}

/** The logs of the wallet's own node. */
export class RpcSource implements Source {
  constructor(readonly span = SPAN) {}

  async next(chain: Chain, after: number, to: number): Promise<Batch> {
    const last = Math.min(after + this.span, to);
    return { events: await chain.events(after + 1, last), last };
  }
}

/**
 * A long way in one download from an indexer, the rest from the wallet's own node. Whoever takes a whole range
 * tells nobody what of it is theirs.
 */
export class IndexerSource implements Source {
  readonly url: string;
  private readonly rest = new RpcSource();

  constructor(
    url: string,
    /** Fewer new blocks are asked of the node itself. */
    readonly bulk = BULK_BLOCKS,
  ) {
    this.url = url.replace(/\/+$/, "");
  }

  async next(chain: Chain, after: number, to: number): Promise<Batch> {
    if (to - after <= this.bulk) return await this.rest.next(chain, after, to);
    const response = await this.ask(after + 1, to + 1);
    const last = Math.min(to, Number(response.headers.get("X-Indexed-Block") ?? Number.NaN));
    if (!Number.isSafeInteger(last)) throw new RestoreError(`${this.url} does not say how far it is: ${ELSE}`);
    if (last <= after || !(await follows(chain, response))) return await this.rest.next(chain, after, to);
    const events: PoolEvent[] = [];
    try {
      for await (const line of lines(response)) {
        const event = readRow(JSON.parse(line) as Row);
        if (!event) continue;
        const before = events.at(-1)?.block ?? after + 1;
        if (event.block < before || event.block > last) throw new RestoreError("events out of order");
        events.push(event);
      }
    } catch (error) {
      const what = error instanceof ShadowpoolError ? error.message : "a line of it is no event";
      throw new RestoreError(`${this.url} gives what cannot be used (${what}): ${ELSE}`);
    }
    return { events, last };
  }

  private async ask(from: number, to: number): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(`${this.url}/v1/events?from=${from}&to=${to}`, { redirect: "error" });
    } catch {
      throw new RestoreError(`no indexer answers at ${this.url}: ${ELSE}`);
    }
    if (!response.ok) throw new RestoreError(`${this.url} answers ${response.status}: is it an indexer of this pool?`);
    return response;
  }
}

/** Whether an indexer is on the node's branch, as far as the node knows. */
async function follows(chain: Chain, response: Response): Promise<boolean> {
  const [block, hash] = ["X-Indexed-Block", "X-Indexed-Hash"].map((name) => response.headers.get(name));
  const ours = await chain.blockHash(Number(block));
  return ours === null || ours === hash?.toLowerCase();
}

const ELSE = "use another indexer, or the node alone";

async function* lines(response: Response): AsyncGenerator<string> {
  if (!response.body) return;
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let left = "";
  for (;;) {
    const { done, value } = await reader.read();
    const parts = (left + decoder.decode(value, { stream: !done })).split("\n");
    left = parts.pop()!;
    if (left.length > MOST_LINE) throw new RestoreError("a line is too long");
    yield* parts;
    if (done) break;
  }
  if (left) throw new RestoreError("the last line is cut");
}
