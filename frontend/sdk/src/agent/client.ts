/** The client of an institution's own agent: orders handed to it are committed, revealed and taken back on time. */

import { AgentError } from "../errors";
import { pause } from "../ledger/pause";
import type { Hex, Terms } from "../types";
import type {
  AgentBalance,
  AgentEvent,
  AgentMarket,
  AgentMovement,
  AgentOrder,
  AgentOrderState,
  AgentStatus,
  Killed,
  Quote,
  Ticket,
} from "./types";
import { read, write } from "./wire";

const REQUEST_MS = 20_000;
const PAGE = 500;
const AGAIN_MS = 1_000;
const LONGEST_MS = 15_000;
/** What asking again does not mend. */
const FINAL = ["unauthorized", "forbidden", "invalid", "malformed"];
/** Heartbeats come more often. */
const SILENT_MS = 45_000;

export interface Following {
  onEvent: (event: AgentEvent) => void;
  /** Told when the stream is up, and when it is lost, with why; it is opened again by itself. */
  onState?: (up: boolean, problem?: AgentError) => void;
  signal: AbortSignal;
}

/** The agent at `url` (http to this machine, or https), with an API key of its own. Refusals are AgentError. */
export class AgentClient {
  readonly url: string;
  readonly #key: string;

  constructor(url: string, key: string) {
    const { protocol, hostname } = new URL(url);
    const here = ["127.0.0.1", "localhost", "[::1]"].includes(hostname);
    if (protocol !== "https:" && !(protocol === "http:" && here))
      throw new AgentError("address", "an agent is reached at https://HOST, or at http:// on this machine");
    this.url = url.replace(/\/+$/, "");
    this.#key = key;
  }

  status(): Promise<AgentStatus> {
    return this.#ask("GET", "/status");
  }

  // --- Orders ---

  /** The same id with the same terms is the same order, however often. */
  place(ticket: Ticket): Promise<AgentOrder> {
    return this.#ask("POST", "/orders", ticket);
  }

  order(clientId: string): Promise<AgentOrder> {
    return this.#ask("GET", `/orders/${encodeURIComponent(clientId)}`);
  }

  /** All orders whose last event is after number `after`, by that number. */
  orders(filter: { after?: number; state?: AgentOrderState; account?: string } = {}): Promise<AgentOrder[]> {
    return this.#pages("/orders", filter);
  }

  /** Orders that settled and got something. */
  fills(filter: { after?: number } = {}): Promise<AgentOrder[]> {
    return this.#pages("/fills", filter);
  }

  /** Ask for an order back, before the freeze; where it is not cancelled yet, the event follows. */
  cancel(clientId: string): Promise<AgentOrder> {
    return this.#ask("DELETE", `/orders/${encodeURIComponent(clientId)}`);
  }

  quote(order: Terms & { market: number }): Promise<Quote> {
    const { market, side, quantity, price } = order;
    return this.#ask("POST", "/quote", { market, side, quantity, price });
  }

  // --- Holdings ---

  async balances(): Promise<AgentBalance[]> {
    return (await this.#ask<{ items: AgentBalance[] }>("GET", "/balances")).items;
  }

  async markets(): Promise<AgentMarket[]> {
    return (await this.#ask<{ items: AgentMarket[] }>("GET", "/markets")).items;
  }

  /** The newest first. */
  async movements(limit = 100): Promise<AgentMovement[]> {
    return (await this.#ask<{ items: AgentMovement[] }>("GET", `/movements?limit=${limit}`)).items;
  }

  deposit(key: string, asset: Hex, amount: bigint): Promise<AgentMovement> {
    return this.#ask("POST", "/deposits", { key, asset, amount });
  }

  withdraw(key: string, asset: Hex, amount: bigint, recipient: Hex): Promise<AgentMovement> {
    return this.#ask("POST", "/withdrawals", { key, asset, amount, recipient });
  }

  consolidate(key: string, asset: Hex): Promise<AgentMovement> {
    return this.#ask("POST", "/consolidations", { key, asset });
  }

  /** Stop all trading, or let it go on; `cancel` asks for what may still be cancelled. Needs the scope admin. */
  kill(on: boolean, reason: string, cancel = false): Promise<Killed> {
    return this.#ask("POST", "/kill", { on, reason, cancel });
  }

  // --- Events ---

  /** Every event after number `after`, in order and without a gap, until the signal: lost links are opened again. */
  async follow(after: number, { onEvent, onState, signal }: Following): Promise<void> {
    let [last, wait] = [after, AGAIN_MS];
    while (!signal.aborted) {
      const problem = await this.#listen(
        last,
        (event) => {
          [last, wait] = [event.sequence, AGAIN_MS];
          onEvent(event);
        },
        () => onState?.(true),
        signal,
      );
      if (signal.aborted) return;
      onState?.(false, problem);
      if (FINAL.includes(problem.code)) throw problem;
      await pause(wait, signal);
      wait = Math.min(2 * wait, LONGEST_MS);
    }
  }

  /** One connection; why it ended. */
  #listen(
    after: number,
    onEvent: (event: AgentEvent) => void,
    onUp: () => void,
    signal: AbortSignal,
  ): Promise<AgentError> {
    if (typeof WebSocket === "undefined")
      throw new AgentError("address", "this Node has no WebSocket: use version 22, or --experimental-websocket");
    return new Promise((resolve) => {
      const socket = new WebSocket(`${this.url.replace(/^http/, "ws")}/v1/stream?after=${after}`);
      let problem = new AgentError("lost", "the agent's stream ended; it is opened again");
      let silence: ReturnType<typeof setTimeout>;
      const end = () => socket.close();
      const heard = () => {
        clearTimeout(silence);
        silence = setTimeout(end, SILENT_MS);
      };
      signal.addEventListener("abort", end, { once: true });
      heard();
      socket.onopen = () => {
        socket.send(JSON.stringify({ token: this.#key }));
        onUp();
      };
      socket.onmessage = ({ data }) => {
        heard();
        const said = heardOf(data);
        if (said instanceof AgentError) {
          problem = said;
          socket.onmessage = null;
          end();
        } else if (said) onEvent(said);
      };
      socket.onclose = () => {
        clearTimeout(silence);
        signal.removeEventListener("abort", end);
        resolve(problem);
      };
    });
  }

  // --- Within ---

  async #pages<T extends { sequence: number }>(path: string, filter: Record<string, unknown>): Promise<T[]> {
    const found: T[] = [];
    let after: number | null = (filter.after as number | undefined) ?? 0;
    while (after !== null) {
      const given = Object.entries({ ...filter, after, limit: PAGE }).filter(([, value]) => value !== undefined);
      const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
      const page: { items: T[]; next: number | null } = await this.#ask("GET", `${path}?${query}`);
      found.push(...page.items);
      after = page.next;
    }
    return found;
  }

  async #ask<T>(method: string, path: string, body?: object): Promise<T> {
    const headers: Record<string, string> = { Authorization: `Bearer ${this.#key}`, Accept: "application/json" };
    if (body) headers["Content-Type"] = "application/json";
    const sent = body && JSON.stringify(write(body));
    let response: Response;
    try {
      const signal = AbortSignal.timeout(REQUEST_MS);
      response = await fetch(`${this.url}/v1${path}`, {
        method,
        headers,
        body: sent,
        signal,
        credentials: "omit",
        redirect: "error",
      });
    } catch {
      throw new AgentError("silent", `no agent answers at ${this.url}: is it running, and does it allow this page?`);
    }
    const answer: unknown = await response.json().catch(() => null);
    if (!response.ok) throw problemOf(Object(answer) as Record<string, unknown>, response.status);
    return read(answer) as T;
  }
}

/** An event of the stream, why it ends, or null for a sign of life. No event is passed over: what cannot be read ends it. */
function heardOf(data: unknown): AgentEvent | AgentError | null {
  try {
    const said = JSON.parse(String(data)) as Record<string, unknown>;
    if (said.kind === "heartbeat") return null;
    if (said.kind === "error") return problemOf(said);
    const event = read(said) as AgentEvent;
    if (Number.isSafeInteger(event.sequence)) return event;
  } catch (error) {
    if (error instanceof AgentError) return error;
  }
  return new AgentError("malformed", "the agent's stream cannot be read: is it of this version?");
}

function problemOf({ code, detail }: Record<string, unknown>, status = 0): AgentError {
  if (typeof code === "string" && typeof detail === "string") return new AgentError(code, detail);
  return new AgentError("refused", `the agent answers ${status}: is this its address?`);
}
