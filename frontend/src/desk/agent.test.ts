/** The agent's orders are followed for as long as it is paired, whatever fails meanwhile. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";

import type { AgentOrder } from "./sdk";

interface Following {
  onEvent: (event: { order: AgentOrder }) => void;
  onState: (up: boolean, problem?: Error) => void;
  signal: AbortSignal;
}

const OWN = { chainId: 1, pool: "0xab", address: "own" };
const met = vi.hoisted(() => ({
  orders: vi.fn(),
  status: vi.fn(),
  followed: [] as { after: number; following: unknown }[],
}));
const STATUS = { ...OWN, killed: false, block: 1, problems: [] };

vi.stubGlobal("window", globalThis);
vi.mock("./sdk", async () => ({
  ...(await vi.importActual<object>("../../sdk/src/ledger/pause")),
  AgentClient: class {
    orders = met.orders;
    status = met.status;
    follow(after: number, following: Following): Promise<void> {
      met.followed.push({ after, following });
      return new Promise((resolve) => following.signal.addEventListener("abort", () => resolve()));
    }
  },
}));

const { agent, pair, unpair } = await import("./agent");
const order = (clientId: string, sequence: number) => ({ clientId, sequence }) as AgentOrder;
const feed = () => met.followed.at(-1)!.following as Following;

beforeEach(() => {
  vi.useFakeTimers();
  met.status.mockImplementation(() => Promise.resolve({ ...STATUS, lastRound: Date.now() }));
});
afterEach(() => {
  unpair();
  vi.useRealTimers();
  met.orders.mockReset();
  met.status.mockReset();
  met.followed.length = 0;
});

test("a call that fails is made again, and the agent is not called silent for it", async () => {
  met.orders.mockRejectedValueOnce(new Error("lost on the way")).mockResolvedValue([order("a", 7)]);
  await pair("https://agent.example", "key", OWN);
  await vi.advanceTimersByTimeAsync(0);
  expect(agent.get()).toMatchObject({ state: "running", feed: "Lost on the way", problem: null, orders: [] });
  await vi.advanceTimersByTimeAsync(5_000);
  feed().onState(true);
  expect(met.followed.map(({ after }) => after)).toEqual([7]);
  expect(agent.get()).toMatchObject({ state: "running", feed: null, orders: [{ clientId: "a" }] });
});

test("a look at its state does not hide that its orders are not heard of", async () => {
  met.orders.mockResolvedValue([]);
  await pair("https://agent.example", "key", OWN);
  await vi.advanceTimersByTimeAsync(0);
  feed().onState(true);
  feed().onEvent({ order: order("b", 1) });
  feed().onState(false, new Error("the stream ended"));
  await vi.advanceTimersByTimeAsync(20_000);
  expect(agent.get()).toMatchObject({ state: "running", feed: "The stream ended", orders: [{ clientId: "b" }] });
});

test("once unpaired nothing is asked or said any more", async () => {
  met.orders.mockRejectedValue(new Error("lost"));
  await pair("https://agent.example", "key", OWN);
  await vi.advanceTimersByTimeAsync(0);
  unpair();
  const calls = met.orders.mock.calls.length;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(met.orders.mock.calls).toHaveLength(calls);
  expect(agent.get()).toMatchObject({ state: "none", feed: null });
});

test("what is unpaired before the agent answered is not paired, and its key is sent no more", async () => {
  let answer = (_: unknown) => undefined as void;
  met.status.mockImplementation(() => new Promise((resolve) => (answer = resolve)));
  const paired = pair("https://agent.example", "key", OWN);
  unpair();
  answer({ ...STATUS, lastRound: Date.now() });
  expect(await paired).toBe(false);
  await vi.advanceTimersByTimeAsync(60_000);
  expect([met.status.mock.calls.length, met.orders.mock.calls.length]).toEqual([1, 0]);
  expect(agent.get().state).toBe("none");
});
