/** The agent's client: what goes over the wire, and what refusals become. */

import { afterEach, expect, test, vi } from "vitest";

import { AgentError } from "../errors";
import { AgentClient } from "./client";
import type { AgentEvent } from "./types";

const ORDER = {
  client_id: "a",
  market: 0,
  epoch: null,
  side: "sell",
  quantity: "18446744073709551615",
  price: "7",
  state: "accepted",
  fill: null,
  fill_price: null,
  reference: "5",
  commit_tx: null,
  sequence: 3,
  created: 1,
};

afterEach(() => vi.unstubAllGlobals());

function answering(...answers: [number, unknown][]): Request[] {
  const asked: Request[] = [];
  vi.stubGlobal("fetch", async (url: string, options: RequestInit) => {
    asked.push(new Request(url, options));
    const [status, body] = answers.shift()!;
    return new Response(JSON.stringify(body), { status });
  });
  return asked;
}

test("an order goes and comes with exact numbers", async () => {
  const asked = answering([201, ORDER]);
  const client = new AgentClient("http://127.0.0.1:8700/", "secret");
  const ticket = { clientId: "a", market: 0, side: 1, quantity: 2n ** 64n - 1n, price: 7n } as const;
  const order = await client.place(ticket);
  expect(order).toMatchObject({ ...ticket, epoch: null, fill: null, reference: 5n, commitTx: null, sequence: 3 });
  expect([asked[0]!.url, asked[0]!.headers.get("authorization")]).toEqual([
    "http://127.0.0.1:8700/v1/orders",
    "Bearer secret",
  ]);
  const body = { client_id: "a", market: 0, side: "sell", quantity: "18446744073709551615", price: "7" };
  expect(await asked[0]!.json()).toEqual(body);
  expect(JSON.stringify(client)).not.toContain("secret");
});

test("pages are walked to the end", async () => {
  const asked = answering(
    [200, { items: [ORDER], next: 3 }],
    [200, { items: [{ ...ORDER, sequence: 4 }], next: null }],
  );
  const found = await new AgentClient("http://localhost:8700", "k").orders({ state: "accepted" });
  expect(found.map((order) => order.sequence)).toEqual([3, 4]);
  expect(asked.map(({ url }) => new URL(url).search)).toEqual([
    "?state=accepted&after=0&limit=500",
    "?state=accepted&after=3&limit=500",
  ]);
});

test("refusals say why, and have a code", async () => {
  answering([422, { code: "notional", detail: "too much: 5 at most" }], [502, null]);
  const client = new AgentClient("http://127.0.0.1:8700", "k");
  const refused = await client.status().catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(AgentError);
  expect(refused).toMatchObject({ code: "notional", message: "too much: 5 at most" });
  await expect(client.status()).rejects.toThrow("answers 502");
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("no")));
  await expect(client.status()).rejects.toThrow("no agent answers");
  expect(() => new AgentClient("http://desk.example", "k")).toThrow(AgentError);
});

test("a number that is none is refused", async () => {
  answering([200, { ...ORDER, price: 7 }]);
  await expect(new AgentClient("https://desk.example", "k").order("a")).rejects.toThrow("no whole number as price");
});

/** A socket that a test drives. */
class Socket {
  static all: Socket[] = [];
  sent: string[] = [];
  onopen = () => {};
  onmessage = (_: { data: string }) => {};
  onclose = () => {};
  constructor(readonly url: string) {
    Socket.all.push(this);
    queueMicrotask(() => this.onopen());
  }
  send(text: string) {
    this.sent.push(text);
  }
  close() {
    queueMicrotask(() => this.onclose());
  }
  say(said: object) {
    this.onmessage({ data: JSON.stringify(said) });
  }
}

test("events go on where the last link was lost", async () => {
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", Socket);
  const [stop, seen] = [new AbortController(), [] as AgentEvent[]];
  const states: boolean[] = [];
  const following = new AgentClient("http://127.0.0.1:8700", "secret").follow(4, {
    onEvent: (event) => seen.push(event),
    onState: (up) => states.push(up),
    signal: stop.signal,
  });
  await vi.advanceTimersByTimeAsync(1);
  Socket.all[0]!.say({ sequence: 5, time: 1, kind: "order", order: ORDER, data: { raw_name: "1" } });
  Socket.all[0]!.say({ kind: "heartbeat", time: 2 });
  Socket.all[0]!.close();
  await vi.advanceTimersByTimeAsync(2_000);
  expect(Socket.all.map(({ url }) => url)).toEqual([
    "ws://127.0.0.1:8700/v1/stream?after=4",
    "ws://127.0.0.1:8700/v1/stream?after=5",
  ]);
  expect(Socket.all[1]!.sent).toEqual(['{"token":"secret"}']);
  expect(seen).toMatchObject([{ sequence: 5, order: { side: 1, price: 7n }, data: { raw_name: "1" } }]);
  stop.abort();
  await following;
  expect(states).toEqual([true, false, true]);
  vi.useRealTimers();
});

test("an event that cannot be read is not passed over", async () => {
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", Socket);
  Socket.all = [];
  const seen: AgentEvent[] = [];
  const following = new AgentClient("http://127.0.0.1:8700", "secret").follow(4, {
    onEvent: (event) => seen.push(event),
    signal: new AbortController().signal,
  });
  const ended = expect(following).rejects.toMatchObject({ code: "malformed" });
  await vi.advanceTimersByTimeAsync(1);
  const [socket] = Socket.all;
  socket!.say({ sequence: 5, time: 1, kind: "order", order: { ...ORDER, price: 7 }, data: {} });
  socket!.onmessage?.({ data: JSON.stringify({ sequence: 6, time: 1, kind: "agent", order: null, data: {} }) });
  await vi.advanceTimersByTimeAsync(2_000);
  await ended;
  expect(seen).toEqual([]);
  vi.useRealTimers();
});
