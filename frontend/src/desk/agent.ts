/** The institution's own agent, while the page is paired with it: what it says of itself and of the orders it holds. */

import { type Identity, stranger, works } from "./checks";
import { AgentClient, type AgentOrder, type AgentStatus, type Terms, pause } from "./sdk";
import { Store } from "./store";
import { explain } from "./tasks";

export interface AgentView {
  url: string | null;
  /**
   * silent: it does not answer; stopped: its kill switch is on, or the chain goes on without it; foreign: it is of
   * another key, pool or chain.
   */
  state: "none" | "running" | "silent" | "stopped" | "foreign";
  status: AgentStatus | null;
  /** By their last event. */
  orders: AgentOrder[];
  problem: string | null;
  /** Why its orders are not heard of, although it may answer; null while they are. */
  feed: string | null;
}

const NONE: AgentView = { url: null, state: "none", status: null, orders: [], problem: null, feed: null };
const POLL_MS = 5_000;
export const agent = new Store<AgentView>(NONE);

interface Pairing {
  client: AgentClient;
  own: Identity;
  end: AbortController;
}

let pairing: Pairing | null = null;
let head = 0;

/** The chain's head, as this page hears of it, of its indexer and of the wallet's node. */
export function heard(block: number): void {
  head = Math.max(head, block);
}

export function agentState(): AgentView["state"] {
  return agent.get().state;
}

/**
 * Pair `own` key with the agent at `url`, and follow it; whether it is still paired once that has answered. The error
 * says why it refuses; it is tried again.
 */
export async function pair(url: string, key: string, own: Identity): Promise<boolean> {
  const mine: Pairing = { client: new AgentClient(url, key), own, end: new AbortController() };
  unpair();
  pairing = mine;
  agent.set({ url, state: "silent" });
  const problem = await look(mine);
  if (pairing !== mine) return false;
  void watch(mine);
  if (problem) throw problem;
  return true;
}

export function unpair(): void {
  pairing?.end.abort();
  pairing = null;
  agent.set(NONE);
}

/** Hand over an order: the agent commits, reveals and reclaims it. `clientId` makes a second asking the same order. */
export async function hand(clientId: string, market: number, terms: Terms): Promise<AgentOrder> {
  const order = await paired().place({ clientId, market, ...terms });
  take(order);
  return order;
}

export async function takeBack(clientId: string): Promise<void> {
  take(await paired().cancel(clientId));
}

export const quote = (market: number, terms: Terms) => paired().quote({ market, ...terms });

function paired(): AgentClient {
  if (!pairing) throw new Error("no agent is paired: pair one in the settings");
  return pairing.client;
}

/** Ask for its state now and then, and hear of orders as they change, until it is unpaired. */
async function watch(mine: Pairing): Promise<void> {
  const { signal } = mine.end;
  const timer = window.setInterval(() => void look(mine), POLL_MS);
  signal.addEventListener("abort", () => window.clearInterval(timer), { once: true });
  while (!signal.aborted) {
    await hear(mine).catch((error: unknown) => pairing === mine && agent.set({ feed: explain(error) }));
    await pause(POLL_MS, signal);
  }
}

/** All orders, and then each as it changes; the error says why no more is heard. */
async function hear(mine: Pairing): Promise<void> {
  const orders = await mine.client.orders();
  if (pairing !== mine) return;
  agent.set({ orders });
  await mine.client.follow(Math.max(0, ...orders.map(({ sequence }) => sequence)), {
    signal: mine.end.signal,
    onEvent: ({ order }) => order && pairing === mine && take(order),
    onState: (up, problem) => pairing === mine && agent.set({ feed: up ? null : explain(problem) }),
  });
}

async function look(mine: Pairing): Promise<Error | null> {
  try {
    const status = await mine.client.status();
    const problem = stranger(status, mine.own);
    const state = problem ? "foreign" : works(status, head) ? "running" : "stopped";
    if (pairing === mine) agent.set({ status, state, problem });
    return problem === null ? null : new Error(problem);
  } catch (error) {
    if (pairing === mine) agent.set({ state: "silent", problem: explain(error) });
    return error as Error;
  }
}

function take(order: AgentOrder): void {
  const { orders } = agent.get();
  const known = orders.find(({ clientId }) => clientId === order.clientId);
  if (known && known.sequence > order.sequence) return;
  agent.set({ orders: [...orders.filter((one) => one !== known), order] });
}
