/** The client of a carrier against one that fails, lies or is another's. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { deployment } from "../../vectors/scripted";
import { asAddress } from "../crypto/field";
import { CarrierError, Reverted } from "../errors";
import { Chain } from "../ledger/chain";
import type { Call, Hex } from "../types";
import { CarrierClient, carriedId } from "./client";

const URL_ = "http://127.0.0.1:8470";
const USD = deployment.tokens.USD!.address;
const MARKET = deployment.contracts.Market!;
const TX: Hex = `0x${"ab".repeat(32)}`;
const CALL: Call = { to: MARKET, data: "0x0102", value: 0n, name: "reveal" };
const INFO = {
  chain_id: Number(deployment.chainId),
  pool: deployment.contracts.Pool,
  carrier: asAddress(0xca44n),
  fees: { [USD]: "1000" },
};
const PENDING = { state: "pending", transaction: TX };

type Answer = [number, unknown, Record<string, string>?] | null;
let answers: Answer[];
let asked: [string, string, unknown][];

beforeEach(() => {
  [answers, asked] = [[], []];
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
  vi.stubGlobal("fetch", async (url: string, { method, body }: RequestInit) => {
    const path = new URL(url).pathname;
    asked.push([method!, path, body && JSON.parse(String(body))]);
    const answer = path === "/v1/info" ? ([200, info] as Answer) : answers.length > 1 ? answers.shift()! : answers[0]!;
    if (answer === null) throw new TypeError("lost");
    const [status, said, headers] = answer;
    return new Response(typeof said === "string" ? said : JSON.stringify(said), { status, headers });
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

let info: unknown = INFO;
beforeEach(() => (info = INFO));

/** A node that has the transaction, after a while, as this. */
function chain(tx: { to?: Hex; input?: Hex; status?: Hex } = {}, after = 0): Chain {
  let turns = 0;
  const { to = MARKET, input = CALL.data, status = "0x1" } = tx;
  const provider = {
    request: async ({ method }: { method: string }) => {
      if (method === "eth_getTransactionByHash") return turns > after ? { input } : null;
      return turns++ < after ? null : { blockNumber: "0x9", gasUsed: "0x5", status, to };
    },
  };
  return new Chain(provider, deployment, 1_000);
}

async function carry(on: Chain) {
  const client = await CarrierClient.open(URL_, deployment);
  const done = client.carry(on, CALL).then(
    (value) => value,
    (error: unknown) => error,
  );
  await vi.advanceTimersByTimeAsync(200_000);
  return await done;
}

test("it is asked once, and believed when the node has it", async () => {
  answers = [[202, PENDING]];
  expect(await carry(chain({}, 1))).toMatchObject({ hash: TX, block: 9, gas: 5n });
  expect(asked.slice(1)).toEqual([
    ["POST", "/v1/carry", { to: MARKET, data: "0x0102" }],
    ["GET", `/v1/carried/${carriedId(MARKET, "0x0102")}`, null],
  ]);
});

test("lost connections and full hands are tried again", async () => {
  answers = [null, [503, { detail: "busy" }, { "Retry-After": "2" }], [429, { detail: "slow" }], [202, PENDING]];
  expect(await carry(chain())).toMatchObject({ hash: TX });
});

test("a carrier that forgot is asked again", async () => {
  answers = [
    [202, { state: "pending", transaction: null }],
    [404, { detail: "unknown" }],
    [202, PENDING],
  ];
  expect(await carry(chain())).toMatchObject({ hash: TX });
  expect(asked.map(([method]) => method)).toEqual(["GET", "POST", "GET", "POST"]);
});

test.each<[string, Answer[], object, Function, string]>([
  [
    "a refusal of the contract",
    [[422, { detail: "no", reason: "window closed" }]],
    {},
    Reverted,
    "reveal: window closed",
  ],
  ["a failure", [[202, { state: "failed", reason: "too late" }]], {}, Reverted, "reveal: too late"],
  ["its own refusal", [[402, { detail: "fee too low" }]], {}, CarrierError, "fee too low; mend that"],
  ["another target", [[202, PENDING]], { to: USD }, CarrierError, "names another transaction"],
  ["other calldata", [[202, PENDING]], { input: "0x03" }, CarrierError, "names another transaction"],
  ["no hash", [[202, { state: "pending", transaction: "0x1" }]], {}, CarrierError, "names no transaction"],
  ["no JSON", [[200, "<html>"]], {}, CarrierError, "not a JSON object"],
  ["a transaction that failed", [[202, PENDING]], { status: "0x0" }, CarrierError, "no block took it in 180 s"],
  ["silence", [null], {}, CarrierError, "does not answer"],
])("%s", async (_, given, tx, kind, says) => {
  answers = given;
  const error = await carry(chain(tx));
  expect(error).toBeInstanceOf(kind);
  expect((error as Error).message).toContain(says);
});

test("who is no carrier of this deployment", async () => {
  for (const [said, says] of [
    [{}, "is no carrier"],
    [{ ...INFO, carrier: "0x12" }, "is no carrier"],
    [{ ...INFO, fees: { [USD]: 5 } }, "is no carrier"],
    [{ ...INFO, pool: USD }, "another pool or chain"],
    [{ ...INFO, chain_id: 1 }, "another pool or chain"],
    [{ ...INFO, chain_id: 1.5 }, "another pool or chain"],
  ] as const) {
    info = said;
    await expect(CarrierClient.open(URL_, deployment)).rejects.toThrow(says);
  }
});

test.each([
  "http://carrier.example",
  "https://a:b@carrier.example",
  "https://carrier.example/?q=1",
  "ftp://x",
  "carrier",
])("%s is no address of one", async (url) => {
  await expect(CarrierClient.open(url, deployment)).rejects.toThrow("is no carrier's address");
  expect(asked).toEqual([]);
});

test("fees by asset", async () => {
  const client = await CarrierClient.open(`${URL_}/`, deployment);
  expect([client.fee(USD), client.address]).toEqual([1_000n, INFO.carrier]);
  expect(() => client.fee(MARKET)).toThrow("names no fee");
});
