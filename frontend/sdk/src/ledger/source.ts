/** Where a ledger's events come from. Neither is trusted: the ledger holds what they add up to to the contracts. */

import { RestoreError, ShadowpoolError } from "../errors";
import { Chain } from "./chain";
import { type PoolEvent, type Row, readRow } from "./events";
import { within } from "./pause";

/** Blocks asked of a node at once. */
const SPAN = 2_000;
const BULK_BLOCKS = 256;
const MOST_LINE = 1 << 20;
/** A download may be long, but not silent. */
const SILENT_MS = 60_000;

/** Events after block `after` up to `last`, at most `to`, in chain order. */
export interface Batch {
  events: PoolEvent[];
  last: number;
  /** Whose word it is, if not the source's own. */
  by?: string;
}

export interface Source {
  /** Whose word it is. */
  readonly name: string;
  /** The next batch after block `after` up to block `to`, of which it may give a part, but not nothing. */
  next(chain: Chain, after: number, to: number): Promise<Batch>;
  /** Told that the contracts hold what all batches so far add up to. */
  keep?(chain: Chain): Promise<void>;
  /** Told that they do not; whether what it gives next may be other. */
  forget?(chain: Chain): Promise<boolean>;
}

/** The logs of the wallet's own node. */
export class RpcSource implements Source {
  readonly name = "node";

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

  get name(): string {
    return this.url;
  }

  async next(chain: Chain, after: number, to: number): Promise<Batch> {
    if (to - after <= this.bulk) return await this.ofNode(chain, after, to);
    const response = await this.ask(after + 1, to + 1);
    const last = Math.min(to, Number(response.headers.get("X-Indexed-Block") ?? Number.NaN));
    if (!Number.isSafeInteger(last)) throw new RestoreError(`${this.url} does not say how far it is: ${ELSE}`);
    if (last <= after || !(await follows(chain, response))) return await this.ofNode(chain, after, to);
    try {
      return { events: await readRows(lines(response), after, last), last };
    } catch (error) {
      const what = error instanceof ShadowpoolError ? error.message : "a line of it is no event";
      throw new RestoreError(`${this.url} gives what cannot be used (${what}): ${ELSE}`);
    }
  }

  private async ofNode(chain: Chain, after: number, to: number): Promise<Batch> {
    return { ...(await this.rest.next(chain, after, to)), by: this.rest.name };
  }

  private async ask(from: number, to: number): Promise<Response> {
    const end = new AbortController();
    const asked = fetch(`${this.url}/v1/events?from=${from}&to=${to}`, { redirect: "error", signal: end.signal });
    let response: Response;
    try {
      response = await within(SILENT_MS, asked, silent);
    } catch {
      end.abort();
      throw new RestoreError(`no indexer answers at ${this.url}: ${ELSE}`);
    }
    if (!response.ok) throw new RestoreError(`${this.url} answers ${response.status}: is it an indexer of this pool?`);
    return response;
  }
}

/** The events of rows of JSON, which are of the blocks after `after` up to `last`, in order. */
export async function readRows(
  rows: Iterable<string> | AsyncIterable<string>,
  after: number,
  last: number,
): Promise<PoolEvent[]> {
  const events: PoolEvent[] = [];
  for await (const row of rows) {
    const event = readRow(JSON.parse(row) as Row);
    if (!event) continue;
    const before = events.at(-1)?.block ?? after + 1;
    if (event.block < before || event.block > last) throw new RestoreError("events out of order");
    events.push(event);
  }
  return events;
}

/** Whether an indexer is on the node's branch, as far as the node knows. */
async function follows(chain: Chain, response: Response): Promise<boolean> {
  const [block, hash] = ["X-Indexed-Block", "X-Indexed-Hash"].map((name) => response.headers.get(name));
  const ours = await chain.blockHash(Number(block));
  return ours === null || ours === hash?.toLowerCase();
}

const ELSE = "use another indexer, or the node alone";

const silent = () => new RestoreError("nothing came for a minute");

async function* lines(response: Response): AsyncGenerator<string> {
  if (!response.body) return;
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let left = "";
  try {
    for (;;) {
      const { done, value } = await within(SILENT_MS, reader.read(), silent);
      const parts = (left + decoder.decode(value, { stream: !done })).split("\n");
      left = parts.pop()!;
      if (left.length > MOST_LINE) throw new RestoreError("a line is too long");
      yield* parts;
      if (done) break;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
  if (left) throw new RestoreError("the last line is cut");
}
