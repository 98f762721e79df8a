/** Reveals are sent once, each on its own, and again where a reorganisation has undone them. */

import { beforeEach, expect, test, vi } from "vitest";

import type { OrderStatus, Receipt, Wallet } from "./sdk";
import type { View } from "./session";

vi.stubGlobal("localStorage", { getItem: () => null, setItem: () => undefined });
vi.stubGlobal("window", globalThis);
vi.mock("./sdk", () => ({ prover: { stop: () => undefined } }));

const { agent } = await import("./agent");
const { forgetDuties, reveal, reveals, work } = await import("./duties");
const { session } = await import("./session");
const { settings } = await import("./settings");
const { abandon } = await import("./tasks");

const CARRIER = "https://carrier.example";
const WINDOWS = { freeze: 60, reveal: 63, settle: 90 };

interface Sending {
  order: bigint;
  mined: (block: number) => void;
  fails: (error: unknown) => void;
}

/** Reveals that the wallet was asked for, in their order; each waits for its block. */
let asked: Sending[] = [];

const wallet = {
  windows: () => WINDOWS,
  reveal: ({ quotaNullifier }: { quotaNullifier: bigint }) =>
    new Promise<Receipt>((resolve, reject) => {
      asked.push({ order: quotaNullifier, mined: (block) => resolve({ block } as Receipt), fails: reject });
    }),
} as unknown as Wallet;

function order(id: bigint, fate = "committed"): OrderStatus {
  return { placed: { quotaNullifier: id, market: 0, epoch: 0 }, fate, epochState: "reveal" } as OrderStatus;
}

/** The chain is read at `block`, and the page does its duties; they may wait for the wallet. */
function beat(block: number, ...orders: OrderStatus[]): void {
  session.set({ view: { block, head: block + 4, orders } as View });
  void work();
}

/** Lets pages tell of fills; what was told, by the service worker or without one. */
function telling(worker: boolean) {
  const told: string[] = [];
  settings.set({ notify: true });
  const shown = {
    active: {},
    showNotification: async (_: string, { body }: NotificationOptions) => void told.push(body!),
  };
  vi.stubGlobal("navigator", { serviceWorker: { getRegistration: async () => (worker ? shown : undefined) } });
  class Plain {
    static permission = "granted";
    constructor(_: string, { body }: NotificationOptions) {
      // As Chrome for Android has it.
      if (worker) throw new TypeError("Illegal constructor. Use ServiceWorkerRegistration.showNotification() instead.");
      told.push(`plain: ${body}`);
    }
  }
  vi.stubGlobal("Notification", Plain);
  return { told };
}

const filled = (id: bigint) => ({ ...order(id, "filled"), fill: 1n });
const FILLED = "An order of epoch 0 was filled.";

const settled = () => new Promise((resolve) => setTimeout(resolve));

beforeEach(() => {
  asked = [];
  forgetDuties();
  abandon();
  agent.set({ state: "none" });
  settings.set({ carrier: CARRIER, notify: false });
  session.set({ wallet });
});

test("what was sent is not sent again while the ledger is behind its block", async () => {
  beat(60, order(1n));
  asked[0]!.mined(63);
  await settled();
  expect(reveals.get().sent.get(1n)).toBe(63);
  for (const block of [61, 62, 63]) beat(block, order(1n));
  beat(64, order(1n, "revealed"));
  expect(asked).toHaveLength(1);
});

test("what a reorganisation has undone is sent again at once", async () => {
  beat(60, order(1n));
  asked[0]!.mined(61);
  await settled();
  beat(62, order(1n));
  expect(asked.map((one) => one.order)).toEqual([1n, 1n]);
  expect(reveals.get().sent.has(1n)).toBe(false);
  expect(reveals.get().underway.has(1n)).toBe(true);
});

test("what was undone is due by hand too while an agent runs", async () => {
  beat(60, order(1n));
  asked[0]!.mined(61);
  await settled();
  agent.set({ state: "running" });
  beat(62, order(1n));
  expect(reveals.get().sent.has(1n)).toBe(false);
  expect(asked).toHaveLength(1);
});

test("a prompt that nobody answers keeps no other order waiting", () => {
  beat(60, order(1n));
  beat(64, order(1n), order(2n));
  beat(68, order(1n), order(2n));
  expect(asked.map((one) => one.order)).toEqual([1n, 2n]);
});

test("one that failed says why, and is tried again some blocks later", async () => {
  beat(60, order(1n));
  asked[0]!.fails(new Error("the carrier is full"));
  await settled();
  expect(reveals.get().failed.get(1n)).toBe("The carrier is full");
  beat(61, order(1n));
  beat(62, order(1n));
  expect(asked).toHaveLength(1);
  beat(63, order(1n));
  asked[1]!.mined(65);
  await settled();
  expect(reveals.get()).toMatchObject({ failed: new Map(), sent: new Map([[1n, 65]]), underway: new Map() });
});

test("one that fails by hand beside another task says why, and one declined is left to its owner", async () => {
  beat(60, order(1n), order(2n));
  const byHand = reveal(order(2n), CARRIER);
  asked[1]!.fails({ code: 4001, message: "no" });
  await byHand;
  expect(reveals.get().failed.get(2n)).toContain("declined");
  beat(65, order(1n), order(2n));
  expect(asked).toHaveLength(2);
  void reveal(order(2n), CARRIER);
  expect(asked).toHaveLength(3);
});

test("what ends after a lock marks nothing", async () => {
  beat(60, order(1n));
  session.set({ wallet: null, view: null });
  forgetDuties();
  asked[0]!.mined(61);
  await settled();
  expect(reveals.get()).toMatchObject({ failed: new Map(), sent: new Map(), underway: new Map() });
});

test.each([true, false])(
  "a fill is told of once (service worker: %s), and none of those found at the start",
  async (worker) => {
    const { told } = telling(worker);
    beat(58, filled(1n));
    beat(59, filled(1n), filled(2n));
    beat(60, filled(1n), filled(2n));
    await settled();
    expect(told).toEqual([worker ? FILLED : `plain: ${FILLED}`]);
  },
);

test("a browser that tells of no fill keeps no reveal waiting", async () => {
  telling(true);
  vi.stubGlobal("navigator", {});
  beat(59, order(1n));
  beat(60, filled(2n), order(1n));
  await settled();
  expect(asked.map((one) => one.order)).toEqual([1n]);
});
