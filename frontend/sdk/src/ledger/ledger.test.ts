/** The ledger, held to what Python makes of the same events, over a node and an indexer that may lie. */

import { afterEach, expect, test, vi } from "vitest";

import { topics } from "../../vectors/chain.json";
import { HEAD, ROWS, ScriptedNode, deployment, expected, indexer } from "../../vectors/scripted";
import { contextWord } from "../crypto/streams";
import { ChainError, Diverged, Reorganised, RestoreError } from "../errors";
import { declare, topic } from "../abi";
import { Chain } from "./chain";
import { EVENTS } from "./events";
import { Ledger } from "./ledger";
import { type EpochRecord, epochAt, revealChain, windowsOf } from "./records";
import { IndexerSource, RpcSource, type Source } from "./source";

const DEPTH = 3;
const hex = (word: bigint) => `0x${word.toString(16).padStart(64, "0")}`;

function ledgerOf(node: ScriptedNode, source: Source = new RpcSource(7)): Ledger {
  return new Ledger(new Chain(node, deployment, 1), source, DEPTH);
}

function check(ledger: Ledger): void {
  const { state } = ledger;
  const chains = [...state.epochs.values()].map((epoch: EpochRecord) => [String(epoch.epoch), hex(epoch.commitChain)]);
  expect(Object.fromEntries(chains)).toEqual(expected.commit_chains);
  expect(hex(revealChain(state.epoch(0, 0)))).toBe(expected.reveal_chain);
  expect(contextWord(ledger.context(0, 0))).toBe(BigInt(expected.context));
  expect(state.trees[0]!.path(1).map(String)).toEqual(expected.path);
  expect(state.credentials.path(1).map(String)).toEqual(expected.credential_path);
  expect(state.credentialsFit).toBe(true);
}

afterEach(() => vi.unstubAllGlobals());

test("a node's logs make Python's state, as deep as is asked", async () => {
  const node = new ScriptedNode();
  const ledger = ledgerOf(node);
  node.head = 45;
  expect(await ledger.sync()).toBe(45 - DEPTH);
  expect(ledger.state.orders.size).toBe(3);
  node.head = HEAD;
  const seen: number[] = [];
  expect(await ledger.sync((block) => seen.push(block))).toBe(HEAD - DEPTH);
  expect(seen.at(-1)).toBe(HEAD - DEPTH);
  check(ledger);
  const { version } = ledger;
  await ledger.sync();
  expect(ledger.version).toBe(version);
});

test("calls at once share one sync", async () => {
  const node = new ScriptedNode();
  const ledger = ledgerOf(node, new RpcSource());
  await Promise.all([ledger.sync(), ledger.sync(), ledger.sync()]);
  expect(node.asked.filter((method) => method === "eth_getLogs")).toHaveLength(1);
});

test.each([HEAD, 100, HEAD + 5])("an indexer at block %i and the node make the same", async (last) => {
  vi.stubGlobal("fetch", indexer(last));
  const node = new ScriptedNode();
  const ledger = ledgerOf(node, new IndexerSource("http://127.0.0.1:1/", 10));
  await ledger.sync();
  check(ledger);
  expect(node.asked.includes("eth_getLogs")).toBe(last < HEAD);
});

test("an indexer on another branch is passed over", async () => {
  vi.stubGlobal("fetch", indexer(HEAD, ROWS.slice(0, 5), `0x${"9".repeat(64)}`));
  const ledger = ledgerOf(new ScriptedNode(), new IndexerSource("http://127.0.0.1:1", 10));
  await ledger.sync();
  check(ledger);
});

test.each([
  ["no JSON", [...ROWS, "{"]],
  ["out of order", [...ROWS].reverse()],
  ["a number that is none", ROWS.map((row) => row.replace('"position":"0"', '"position":"-0"'))],
])("an indexer's answer is refused: %s", async (_, rows) => {
  const tell = indexer(HEAD, ROWS);
  vi.stubGlobal("fetch", async (input: string) => new Response(rows.join("\n") + "\n", await tell(input)));
  const ledger = ledgerOf(new ScriptedNode(), new IndexerSource("http://127.0.0.1:1", 10));
  await expect(ledger.sync()).rejects.toThrow(RestoreError);
});

test("an indexer that is not there", async () => {
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("refused")));
  await expect(ledgerOf(new ScriptedNode(), new IndexerSource("http://127.0.0.1:1", 10)).sync()).rejects.toThrow(
    "no indexer",
  );
});

test.each(["Advanced", "LeavesSet", "Appended", "Committed"])(
  "an indexer cannot hold back what says %s",
  async (name) => {
    const rows = ROWS.filter((row) => !row.includes(`"name":"${name}"`));
    vi.stubGlobal("fetch", indexer(HEAD, rows));
    const ledger = ledgerOf(new ScriptedNode(), new IndexerSource("http://127.0.0.1:1", 10));
    await expect(ledger.sync()).rejects.toThrow(Diverged);
    expect([ledger.block, ledger.state.nextLeaf]).toEqual([deployment.startBlock - 1, 0]);
  },
);

test("an indexer cannot hold back everything", async () => {
  vi.stubGlobal("fetch", indexer(HEAD, []));
  const ledger = ledgerOf(new ScriptedNode(), new IndexerSource("http://127.0.0.1:1", 10));
  await expect(ledger.sync()).rejects.toThrow(Diverged);
});

test.each([
  ["terms", ROWS.map((row) => row.replace('"quota":"2"', '"quota":"9007199254740991"'))],
  ["a market", ROWS.flatMap((row) => (row.includes('"MarketOpened"') ? [row, row.replace('"market":"0"', '"market":"1"')] : row))], // prettier-ignore
])("an indexer cannot make up %s", async (_, rows) => {
  expect(rows).not.toEqual(ROWS);
  vi.stubGlobal("fetch", indexer(HEAD, rows));
  const ledger = ledgerOf(new ScriptedNode(), new IndexerSource("http://127.0.0.1:1", 10));
  await expect(ledger.sync()).rejects.toThrow(Diverged);
  expect(ledger.state.markets.size).toBe(0);
});

const named = (name: string, block: number) => (row: string) =>
  row.includes(`"name":"${name}"`) && (JSON.parse(row) as { block: number }).block === block;
const nullifierOf = (row: string) => /"quota_nullifier":"\d+"/.exec(row)![0];
const [ONE, TWO] = ROWS.filter((row) => /"name":"Committed"/.test(row)).map(nullifierOf);
const [SHOWN] = ROWS.filter(named("Revealed", 63)) as [string];

test.each<[string, number, (row: string) => string[]]>([
  ["no commit", 100, (row) => (named("EpochOpened", 81)(row) || named("Committed", 81)(row) ? [] : [row])],
  ["a commit of another's name", 55, (row) => [row.replace(ONE!, "?").replace(TWO!, ONE!).replace("?", TWO!)]],
  ["a reveal more", 66, (row) => (row === SHOWN ? [row, row.replace(TWO!, ONE!).replace('"slot":"0"', '"slot":"1"')] : [row])], // prettier-ignore
  ["a reveal of another's order", 66, (row) => [row === SHOWN ? row.replace(TWO!, ONE!) : row]],
  ["a reveal of another slot", 66, (row) => [row === SHOWN ? row.replace('"slot":"0"', '"slot":"1"') : row]],
  ["no reveal", 69, (row) => (named("Revealed", 64)(row) ? [] : [row])],
  ["no settlement", HEAD, (row) => (named("Settled", 75)(row) ? [] : [row])],
  ["another mask", HEAD, (row) => [row.replace('"invalid_mask":"0"', '"invalid_mask":"1"')]],
  ["another reference", HEAD, (row) => [row.replace('"price":"1005"', '"price":"1006"')]],
  ["another leader", 100, (row) => [named("EpochOpened", 81)(row) ? row.replace(/"leader":"0x[^"]*"/, `"leader":"${deployment.contracts.Pool}"`) : row]], // prettier-ignore
  ["another version", 100, (row) => [named("EpochOpened", 81)(row) ? row.replace(/"treasury_version":"1"/, '"treasury_version":"2"') : row]], // prettier-ignore
  ["a reclaim that was not", 66, (row) => (named("Reclaimed", 50)(row) ? [row] : row === SHOWN ? [row, late()] : [row])], // prettier-ignore
])("an indexer cannot tell of %s (head %i)", async (_, head, bend) => {
  const [node, rows] = [new ScriptedNode(), ROWS.flatMap(bend)];
  node.head = head;
  expect(rows).not.toEqual(ROWS);
  const source = () => new IndexerSource("http://127.0.0.1:1", 10);
  vi.stubGlobal("fetch", indexer(head));
  expect(await ledgerOf(node, source()).sync()).toBe(head - DEPTH);
  vi.stubGlobal("fetch", indexer(head, rows));
  const ledger = ledgerOf(node, source());
  await expect(ledger.sync()).rejects.toThrow(/differs from the contract's/);
  expect([ledger.block, ledger.state.epochs.size]).toEqual([deployment.startBlock - 1, 0]);
});

/** A reclaim after the freeze, in the block of the first reveal, of the order that is revealed there. */
function late(): string {
  const row = { ...JSON.parse(ROWS.find(named("Reclaimed", 50))!), ...place(SHOWN) };
  return JSON.stringify(row).replace(nullifierOf(JSON.stringify(row)), ONE!);
}

function place(row: string) {
  const { block, hash, log_index } = JSON.parse(row);
  return { block, hash, log_index: Number(log_index) + 1 };
}

test("an epoch that ended is asked for no more, the others whether or not they are told of", async () => {
  const node = new ScriptedNode();
  const asked: number[] = [];
  const answer = node.answers["epochs(uint256,uint256)"]!;
  node.answers["epochs(uint256,uint256)"] = (args, block, to) => {
    asked.push(Number(args[1]));
    return answer(args, block, to);
  };
  const ledger = ledgerOf(node);
  await ledger.sync();
  expect(asked.toSorted()).toEqual([0, 1, 2, 3, 4]);
  asked.length = 0;
  node.head = HEAD + 5;
  await ledger.sync();
  expect(asked.toSorted()).toEqual([3, 4]);
});

test("a root that the contracts do not hold", async () => {
  const node = new ScriptedNode();
  node.answers["Pool.root()"] = () => [5n];
  await expect(ledgerOf(node).sync()).rejects.toThrow("note root");
});

test("a reorganisation goes back to the last block in common", async () => {
  const node = new ScriptedNode();
  const ledger = ledgerOf(node);
  await ledger.sync();
  expect(ledger.state.epoch(0, 0).settlement).not.toBeNull();
  const all = node.logs;
  node.forked = 70;
  node.logs = all.filter((log) => Number(log.blockNumber) < 70);
  await ledger.sync();
  const epoch = ledger.state.epoch(0, 0);
  expect([epoch.settlement, epoch.reveals.length, ledger.state.epochs.size]).toEqual([null, 2, 1]);
  expect(ledger.block).toBe(HEAD - DEPTH);
  [node.forked, node.logs] = [Infinity, all];
  await ledger.sync();
  check(ledger);
});

test("a chain that changes under every read is not taken in", async () => {
  const node = new ScriptedNode();
  let turn = 0;
  node.hash = (block) => hex(BigInt(block) + BigInt(turn++) * 2n ** 128n) as string;
  await expect(ledgerOf(node).sync()).rejects.toThrow(Reorganised);
});

test("refusals of a node are told with its reason", async () => {
  const node = new ScriptedNode();
  const chain = new Chain(node, deployment, 1);
  await expect(chain.call("Pool", "nothing()->(uint256)")).rejects.toThrow("nothing: no such view");
  const other = new Chain({ request: async () => "0x5" }, deployment, 1);
  await expect(other.check()).rejects.toThrow(ChainError);
});

test("events are declared as the contracts declare them", () => {
  const declared = Object.entries(EVENTS).flatMap(([contract, texts]) => {
    return texts.map((text) => [`${contract}.${declare(text).name}`, topic(declare(text))] as const);
  });
  expect(declared.length).toBeGreaterThan(15);
  for (const [name, hash] of declared) expect([name, hash]).toEqual([name, topics[name as keyof typeof topics]]);
});

test("windows follow each other", async () => {
  const node = new ScriptedNode();
  const ledger = ledgerOf(node);
  await ledger.sync();
  const terms = ledger.state.markets.get(0)!;
  expect(windowsOf(terms, 2)).toEqual({ open: 80, freeze: 100, reveal: 102, settle: 112, deadline: 122 });
  expect([40, 59, 60].map((block) => epochAt(terms, block))).toEqual([0, 0, 1]);
  expect(() => epochAt(terms, 39)).toThrow("opens at block 40");
});
