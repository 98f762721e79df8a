/** A node or an indexer that never answers is given up: whoever waits for it must not wait for ever. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { fromWallet } from "../crypto/keys";
import { ChainError, RestoreError } from "../errors";
import type { Deployment, Eip1193, Signer } from "../types";
import { Chain, HttpProvider } from "./chain";
import { EVENTS } from "./events";
import { IndexerSource } from "./source";

const CALL = { name: "deposit", to: "0xab", data: "0x", value: 0n } as const;
const contracts = Object.fromEntries(Object.keys(EVENTS).map((name) => [name, "0xab"]));
const DEPLOYMENT = { chainId: 1n, contracts } as unknown as Deployment;
const never = new Promise<never>(() => undefined);
const silent: Eip1193 = { request: () => never };
const minutes = (count: number) => vi.advanceTimersByTimeAsync(count * 60_000);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** How a promise ended, while time goes by. */
function ending(promise: Promise<unknown>): { error: unknown } {
  const seen: { error: unknown } = { error: undefined };
  promise.catch((error: unknown) => (seen.error = error));
  return seen;
}

test("a node that does not answer is an error, and what is asked next is answered", async () => {
  let answer: Promise<unknown> = never;
  const chain = new Chain({ request: () => answer }, DEPLOYMENT);
  const seen = ending(chain.events(1, 2));
  await minutes(0.9);
  expect(seen.error).toBeUndefined();
  await minutes(0.2);
  expect(seen.error).toBeInstanceOf(ChainError);
  expect(String(seen.error)).toContain("eth_getLogs");
  answer = Promise.resolve("0x7");
  expect(await chain.head()).toBe(7);
});

test("a person is given the time to answer a prompt", async () => {
  const answers: Record<string, unknown> = {
    eth_estimateGas: "0x1",
    eth_getBlockByNumber: { baseFeePerGas: "0x1" },
    eth_chainId: "0x1",
  };
  const asked: string[] = [];
  const node: Eip1193 = {
    request: ({ method }) => {
      asked.push(method);
      return method in answers ? Promise.resolve(answers[method]) : never;
    },
  };
  const signer: Signer = { address: "0x01", request: (args) => node.request(args) };
  const seen = ending(new Chain(node, DEPLOYMENT).send(signer, CALL as never));
  await minutes(30);
  expect(asked.at(-1)).toBe("eth_sendTransaction");
  expect(seen.error).toBeUndefined();
});

test("a request over HTTP ends with its time, unless a person is asked", async () => {
  const signals: (AbortSignal | null)[] = [];
  vi.stubGlobal("fetch", (_: string, { signal }: { signal: AbortSignal | null }) => {
    signals.push(signal);
    return never;
  });
  const provider = new HttpProvider("http://127.0.0.1:1");
  void provider.request({ method: "eth_blockNumber" });
  void provider.request({ method: "eth_sendTransaction" });
  void fromWallet({ address: "0x01", request: (args) => provider.request(args) }, 1n, `0x${"ab".repeat(20)}`);
  expect(signals).toEqual([expect.any(AbortSignal), null, null]);
});

test("an indexer that begins no answer, or breaks one off, is given up", async () => {
  const chain = new Chain(silent, DEPLOYMENT);
  chain.blockHash = () => Promise.resolve(null);
  const stalled = new Response(new ReadableStream(), { headers: { "X-Indexed-Block": "1000" } });
  for (const answer of [never, Promise.resolve(stalled)]) {
    vi.stubGlobal("fetch", () => answer);
    const seen = ending(new IndexerSource("http://127.0.0.1:1").next(chain, 0, 1_000));
    await minutes(1.1);
    expect(seen.error).toBeInstanceOf(RestoreError);
  }
});
