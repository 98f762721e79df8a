/** What a ledger's source keeps for the next start: taken where it is of the chain's branch, and never believed. */

import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";

import { afterEach, expect, test, vi } from "vitest";

import { HEAD, ROWS, ScriptedNode, deployment, expected, indexer } from "../../vectors/scripted";
import { Diverged } from "../errors";
import type { Store } from "../store";
import { FileStore } from "../store/files";
import { IndexedDbStore } from "../store/indexeddb";
import { Chain } from "./chain";
import { readRow, rowOf } from "./events";
import { KeptSource } from "./journal";
import { Ledger } from "./ledger";
import { IndexerSource, RpcSource, type Source } from "./source";

const DEPTH = 3;
const GRID = 20;
const START = deployment.startBlock - 1;

class Kept implements Store {
  readonly files = new Map<string, Uint8Array<ArrayBuffer>>();
  get = async (key: string) => this.files.get(key);
  put = async (key: string, bytes: Uint8Array<ArrayBuffer>) => void this.files.set(key, bytes);
  keep = async (keys: string[], prefix = "") =>
    this.files.forEach((_, key) => !key.startsWith(prefix) || keys.includes(key) || this.files.delete(key));

  /** Change what is kept, as whoever can write to the disk may. */
  bend(change: (text: string) => string, files = this.files.size): void {
    for (const [key, bytes] of [...this.files].slice(0, files))
      this.files.set(key, new TextEncoder().encode(change(new TextDecoder().decode(bytes))));
  }
}

function ledgerOf(node: ScriptedNode, store: Store, source: Source = new RpcSource(40)): Ledger {
  return new Ledger(new Chain(node, deployment, 1), new KeptSource(source, store, GRID), DEPTH);
}

/** Start anew, sync, and give the blocks that the node was asked for logs of. */
async function started(node: ScriptedNode, store: Store, source?: Source): Promise<number[]> {
  const asked: number[] = [];
  const request = node.request.bind(node);
  node.request = (given) => {
    if (given.method === "eth_getLogs") asked.push(Number((given.params![0] as { fromBlock: string }).fromBlock));
    return request(given);
  };
  const ledger = ledgerOf(node, store, source);
  expect(await ledger.sync()).toBe(node.head - DEPTH);
  node.request = request;
  if (node.head !== HEAD || node.forked <= HEAD) return asked;
  expect(ledger.state.trees[0]!.path(1).map(String)).toEqual(expected.path);
  expect(ledger.state.epoch(0, 0).settlement).not.toBeNull();
  return asked;
}

afterEach(() => vi.unstubAllGlobals());

test("the next start asks for the rest alone, from a round block", async () => {
  const [node, store] = [new ScriptedNode(), new Kept()];
  node.head = 70;
  expect(await started(node, store)).toEqual([START + 1, START + 41]);
  expect(store.files.size).toBe(1);
  node.head = HEAD;
  expect(await started(node, store)).toEqual([61, 101]);
  expect(await started(node, store)).toEqual([121]);
  expect(store.files.size).toBe(2);
});

test("a ledger that runs keeps what it follows", async () => {
  const [node, store] = [new ScriptedNode(), new Kept()];
  const ledger = ledgerOf(node, store);
  for (node.head = 40; node.head <= HEAD; node.head += 7) await ledger.sync();
  node.head = HEAD;
  expect(await started(node, store)).toEqual([121]);
});

test("what a branch left behind is not taken, what came before it is", async () => {
  const [node, store] = [new ScriptedNode(), new Kept()];
  node.head = 70;
  await started(node, store);
  node.head = HEAD;
  await started(node, store);
  node.forked = 70;
  node.logs = node.logs.filter((log) => Number(log.blockNumber) < 70);
  expect((await started(node, store))[0]).toBe(61);
  const ledger = ledgerOf(node, store);
  await ledger.sync();
  expect(ledger.state.epoch(0, 0).settlement).toBeNull();
});

test.each([70, 125])("a branch left at block %i while the ledger runs is kept no longer", async (fork) => {
  const [node, store] = [new ScriptedNode(), new Kept()];
  const ledger = ledgerOf(node, store);
  await ledger.sync();
  const all = node.logs;
  node.forked = fork;
  node.logs = all.filter((log) => Number(log.blockNumber) < fork);
  await ledger.sync();
  [node.forked, node.logs] = [Infinity, all];
  await started(node, store);
});

test.each([
  ["with an event taken out", (text: string) => text.replace(/\n[^\n]*"name":"Advanced"[^\n]*/, "")],
  ["cut short", (text: string) => text.slice(0, text.length / 2)],
  ["of nothing", () => ""],
  ["of noise", () => "{}\n[]\n"],
])("what is kept %s changes nothing", async (_, change) => {
  const [node, store] = [new ScriptedNode(), new Kept()];
  await started(node, store);
  store.bend(change);
  await started(node, store);
  await started(node, store);
});

test("of two parts the second fails for what the first lacks: both are read again", async () => {
  const [node, store] = [new ScriptedNode(), new Kept()];
  node.head = 70;
  await started(node, store);
  node.head = HEAD;
  await started(node, store);
  expect(store.files.size).toBe(2);
  const whole = new Map(store.files);
  store.bend((text) => text.replace(/\n[^\n]*"block":42,[^\n]*"name":"Committed"[^\n]*/, ""), 1);
  expect(store.files).not.toEqual(whole);
  expect((await started(node, store))[0]).toBe(START + 1);
});

test("what an indexer leaves to the node is not kept as the indexer's", async () => {
  const [node, store] = [new ScriptedNode(), new Kept()];
  vi.stubGlobal("fetch", indexer(100));
  for (let start = 0; start < 3; start++)
    expect(await started(node, store, new IndexerSource("http://127.0.0.1:1", 10))).toEqual([101]);
  expect(store.files.size).toBe(1);
  vi.stubGlobal("fetch", indexer(HEAD));
  for (let start = 0; start < 2; start++)
    expect(await started(node, store, new IndexerSource("http://127.0.0.1:1", 10))).toEqual(start ? [121] : []);
});

test("one source's lie drops nothing of another's", async () => {
  const [node, store] = [new ScriptedNode(), new Kept()];
  await started(node, store);
  const kept = new Map(store.files);
  vi.stubGlobal("fetch", indexer(HEAD, []));
  await expect(ledgerOf(node, store, new IndexerSource("http://127.0.0.1:1", 10)).sync()).rejects.toThrow(Diverged);
  expect(store.files).toEqual(kept);
});

test("what does not hold is not kept, and no source's word is another's", async () => {
  const store = new Kept();
  const without = ROWS.filter((row) => !row.includes('"name":"Advanced"'));
  vi.stubGlobal("fetch", indexer(HEAD, without));
  const liar = () => new IndexerSource("http://127.0.0.1:1", 10);
  await expect(ledgerOf(new ScriptedNode(), store, liar()).sync()).rejects.toThrow(Diverged);
  expect(store.files.size).toBe(0);
  vi.stubGlobal("fetch", indexer(HEAD));
  await started(new ScriptedNode(), store, liar());
  expect(store.files.size).toBe(1);
  expect((await started(new ScriptedNode(), store))[0]).toBe(START + 1);
});

test("a row is read as it was written", () => {
  for (const row of ROWS) {
    const event = readRow(JSON.parse(row));
    if (event) expect(JSON.parse(JSON.stringify(rowOf(event)))).toEqual(JSON.parse(row));
  }
});

test("a folder keeps files by any key", async () => {
  const folder = await mkdtemp("/tmp/shadowpool-store-");
  try {
    const store = new FileStore(`${folder}/of/ours`);
    const [one, two] = ["http://127.0.0.1:1/.. 7", "node/../../7"];
    expect(await store.get(one)).toBeUndefined();
    await store.put(one, Uint8Array.of(1));
    await store.put(two, Uint8Array.of(2));
    await store.put(two, Uint8Array.of(3));
    expect([await store.get(one), await store.get(two)]).toEqual([Uint8Array.of(1), Uint8Array.of(3)]);
    await writeFile(`${folder}/of/ours/theirs`, Uint8Array.of(4));
    await store.keep([], "http://127.0.0.1:2/");
    expect(await store.get(one)).toEqual(Uint8Array.of(1));
    await store.keep([two]);
    expect([await store.get(one), await store.get(two)]).toEqual([undefined, Uint8Array.of(3)]);
    await store.keep([]);
    expect([await store.get(two), await readdir(`${folder}/of/ours`)]).toEqual([undefined, ["theirs"]]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** As much of IndexedDB as a store asks: one database with one object store. */
function database(): unknown {
  const kept = new Map<string, unknown>();
  const answering = (result: unknown) => {
    const request = { result, onsuccess: () => {} };
    queueMicrotask(() => request.onsuccess());
    return request;
  };
  const files = {
    get: (key: string) => answering(kept.get(key)),
    put: (bytes: unknown, key: string) => answering(kept.set(key, bytes) && key),
    delete: (key: string) => answering(void kept.delete(key)),
    getAllKeys: () => answering([...kept.keys()]),
  };
  return { open: () => answering({ transaction: () => ({ objectStore: () => files }) }) };
}

test("a browser's store drops those of a prefix alone", async () => {
  vi.stubGlobal("indexedDB", database());
  const store = new IndexedDbStore("kept");
  for (const key of ["1 a 7", "1 a 8", "1 b 7"]) await store.put(key, Uint8Array.of(1));
  await store.keep(["1 a 8"], "1 a ");
  expect(await Promise.all(["1 a 7", "1 a 8", "1 b 7"].map((key) => store.get(key)))).toEqual([
    undefined,
    Uint8Array.of(1),
    Uint8Array.of(1),
  ]);
});
