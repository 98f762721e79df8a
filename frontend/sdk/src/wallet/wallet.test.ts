/** The wallet over a made-up pool: it must hold what Python's holds, and refuse what Python's refuses. */

import { expect, test, vi } from "vitest";

import { HEAD, ScriptedNode, deployment, epochWords, expected, issued, key } from "../../vectors/scripted";
import { each, vectors } from "../../vectors/read";
import { asAddress } from "../crypto/field";
import { ShieldedKey } from "../crypto/keys";
import { tryMemo } from "../crypto/streams";
import * as errors from "../errors";
import { KeptSource } from "../ledger/journal";
import { RpcSource } from "../ledger/source";
import type { Store } from "../store";
import type { Inputs, Prover, Signer, Terms } from "../types";
import { exportRows, toCsv } from "./history";
import { candidates } from "./scan";
import type { PlacedOrder, Receipt } from "./types";
import { Wallet } from "./wallet";

const [USD, BTC] = [deployment.tokens.USD!.address, deployment.tokens.BTC!.address];
const BUY: Terms = { side: 0, quantity: 3n, price: 1_000n };
const DEPTH = 3;

/** Gives words that no contract would take, for the statement that it is asked. */
function prover(asked: Inputs[] = []): Prover {
  const prove = async (_: string, __: string, inputs: Inputs) => {
    asked.push(inputs);
    const publicSignals = [inputs.digest, inputs.challenge, inputs.evaluation] as bigint[];
    return { words: Array<bigint>(8).fill(1n), publicSignals };
  };
  return { prove, warm: async () => {} };
}

function signer(node: ScriptedNode): Signer {
  return { address: asAddress(0xacc0n), request: (args) => node.request(args) };
}

async function open(node = new ScriptedNode(), asked: Inputs[] = [], owner = key): Promise<Wallet> {
  const made = { deployment, provider: node, source: new RpcSource(), prover: prover(asked) };
  return await Wallet.open({ ...made, key: owner, depth: DEPTH, pollMs: 1 });
}

test("notes, orders and fills are Python's", async () => {
  const { holdings } = await open();
  const notes = holdings.notes.map(({ note, ...rest }) => {
    const { asset, amount, blinding } = note;
    return { asset, amount, blinding, ...rest };
  });
  const plain = (value: unknown) =>
    JSON.parse(JSON.stringify(value, (_, one) => (typeof one === "bigint" ? String(one) : one)));
  const told = expected.notes.map((one) => ({ ...one, position: Number(one.position) }));
  expect(plain(notes)).toEqual(told);
  const orders = holdings.orders.map(({ epoch, terms, salt, index, quotaNullifier, rk }) => {
    return {
      epoch: String(epoch),
      ...terms,
      side: String(terms.side),
      salt,
      index: String(index),
      quota_nullifier: quotaNullifier,
      rk,
    };
  });
  expect(plain(orders)).toEqual(expected.orders);
  const fills = [...holdings.fills].map(([quotaNullifier, { fill, price, payment }]) => {
    return { quota_nullifier: quotaNullifier, fill, price, fee: payment.fee };
  });
  expect(plain(fills)).toEqual(expected.fills);
  expect(holdings.unreadable).toEqual([]);
});

test("another key finds nothing", async () => {
  const wallet = await open(new ScriptedNode(), [], new ShieldedKey(5n));
  expect([wallet.notes(), wallet.orders(), wallet.history()]).toEqual([[], [], []]);
});

test("a scan keeps every memo of the key, and drops others", async () => {
  const memos = vectors.memos.map((one: any) => one.memo);
  for (const { viewing } of [key, ...vectors.memos.map((one: any) => one.key).filter(Boolean)]) {
    const mine = memos.map((memo: bigint[]) => tryMemo(memo, viewing) !== null);
    const maybe = await candidates(memos, viewing.scalar);
    mine.forEach((one: boolean, i: number) => one && expect(maybe[i]).toBe(true));
  }
  const off = [[1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n]];
  expect(await candidates(off, key.viewing.scalar)).toEqual([false]);
});

test("orders with their fates", async () => {
  const wallet = await open();
  const told = wallet.orders().map(({ fate, fill, price, reference, forfeited, reclaimable, blocks }) => {
    return [fate, fill, price, reference, forfeited, reclaimable, blocks];
  });
  expect(told).toEqual([
    ["filled", 20n, 1_000n, 1_005n, null, false, { commit: 41, reveal: 64, reclaim: null }],
    ["cancelled", null, null, 1_005n, 0n, false, { commit: 42, reveal: null, reclaim: 50 }],
    ["reclaimed", null, null, null, 200n, false, { commit: 81, reveal: null, reclaim: 115 }],
  ]);
});

test("an order under way is locked, and its epoch's state is the contract's", async () => {
  const node = new ScriptedNode();
  node.head = 100;
  node.answers["state(uint256,uint256)"] = () => [1n];
  const wallet = await open(node);
  const [, , last] = wallet.orders();
  expect([last!.fate, last!.epochState, last!.reclaimable]).toEqual(["committed", "commit", true]);
  expect(wallet.locked()).toEqual(new Map([[BTC, 4_000n]]));
  node.answers["state(uint256,uint256)"] = () => [6n];
  await wallet.sync();
  expect([wallet.orders()[2]!.fate, wallet.orders()[2]!.epochState]).toEqual(["unrevealed", "empty"]);
});

test.each([45, 60, 90, HEAD])("movements add up to what is held and locked (head %i)", async (head) => {
  const node = new ScriptedNode();
  node.head = head;
  const wallet = await open(node);
  const sums = new Map<string, bigint>();
  for (const { asset, amount } of wallet.history()) sums.set(asset, (sums.get(asset) ?? 0n) + amount);
  for (const asset of [USD, BTC]) {
    const held = (wallet.balances().get(asset) ?? 0n) + (wallet.locked().get(asset) ?? 0n);
    expect(sums.get(asset) ?? 0n).toBe(held);
  }
});

test("the history tells what happened, with the improvement on the reference", async () => {
  const history = (await open()).history();
  expect(history.map(({ kind, amount, fee }) => [kind, amount, fee])).toEqual([
    ["deposit", 100_000n, 0n],
    ["deposit", 9_000n, 0n],
    ["received", 5_000n, 0n],
    ["sent", -2_600n, 100n],
    ["fill", 20_000n, 0n],
    ["fill", -20_020n, 20n],
    ["forfeit", -200n, 0n],
    ["withdrawal", -3_005n, 5n],
  ]);
  const [trade] = history.flatMap(({ trade }) => trade ?? []);
  expect(trade).toMatchObject({
    fill: 20n,
    price: 1_000n,
    reference: 1_005n,
    againstReference: 100n,
    againstLimit: 2_000n,
  });
  const rows = exportRows(history);
  expect(new Set(rows.map((row) => row.length))).toEqual(new Set([17]));
  expect(rows[5]!.slice(2, 6)).toEqual(["fill", BTC, "20000", "0"]);
  expect(toCsv([["a", 'b,"c']])).toBe('a,"b,""c"\r\n');
});

test("a market as it stands", async () => {
  const wallet = await open();
  expect(wallet.market(0)).toMatchObject({
    base: BTC,
    quote: USD,
    lot: 1_000n,
    epoch: 4,
    reference: 1_005n,
    printed: { epoch: 0, price: 1_000n, volume: 20n },
    windows: { open: 120, freeze: 140, reveal: 142, settle: 152, deadline: 162 },
  });
  expect(wallet.worstCase(0, BUY)).toEqual({ asset: USD, lock: 3_003n, fee: 3n, bond: 150n });
  expect(wallet.worstCase(0, { ...BUY, side: 1 })).toEqual({ asset: BTC, lock: 3_000n, fee: 0n, bond: 150n });
  expect(() => wallet.market(7)).toThrow(errors.UnknownMarket);
  await wallet.checkSpent();
});

const CASES: [string, Function, Partial<Terms>, (node: ScriptedNode, change: Change) => void][] = [
  ["no credential", errors.NoCredential, {}, (_, change) => (change.issued = null)],
  ["another leaf", errors.NoCredential, {}, (_, change) => (change.issued = { ...issued, id: 0 })],
  ["an expired one", errors.CredentialExpired, {}, (node) => (node.began = 2_000_000_000)],
  ["nothing", errors.OutOfRange, { quantity: 0n }, () => {}],
  ["another market", errors.UnknownMarket, {}, (_, change) => (change.market = 1)],
  ["a pause", errors.Paused, {}, (node) => (node.answers["paused()"] = () => [1n])],
  ["a changed tree", errors.NoCredential, {}, (node) => (node.answers["accepts(uint256)"] = () => [0n])],
  [
    "a full epoch",
    errors.EpochFull,
    {},
    (node) => (node.answers["epochs(uint256,uint256)"] = () => Array(21).fill(0n).with(6, 8n)),
  ],
  ["an epoch to come", errors.WindowClosed, {}, (_, change) => (change.epoch = 5)],
  ["an epoch gone by", errors.WindowClosed, {}, (_, change) => (change.epoch = 3)],
  ["no funds", errors.InsufficientFunds, { price: 10n ** 9n }, () => {}],
  ["funds on their way", errors.NotSpendableYet, { side: 1, quantity: 24n }, () => {}],
  ["three notes", errors.NeedsConsolidation, { quantity: 75n }, () => {}],
];

interface Change {
  issued: typeof issued | null;
  market: number;
  epoch?: number;
}

test.each(CASES)("refused before a proof: %s", async (_, kind, terms, alter) => {
  const node = new ScriptedNode();
  const asked: Inputs[] = [];
  const wallet = await open(node, asked);
  const change: Change = { issued, market: 0 };
  alter(node, change);
  const [order, { epoch, market }] = [{ ...BUY, ...terms }, change];
  await expect(wallet.check(market, order, change.issued, epoch)).rejects.toThrow(kind as never);
  const options = { sender: signer(node), epoch };
  await expect(wallet.commit(market, order, change.issued, options)).rejects.toThrow(kind as never);
  expect(asked).toEqual([]);
});

test("two commits at once take other notes and other places", async () => {
  const node = new ScriptedNode();
  const asked: Inputs[] = [];
  const wallet = await open(node, asked);
  const options = { sender: signer(node) };
  const stages: string[] = [];
  const onStage = (stage: string) => stages.push(stage);
  expect(wallet.underway).toBe(false);
  const both = await Promise.all([
    wallet.commit(0, BUY, issued, { ...options, onStage }),
    wallet.commit(0, BUY, issued, options),
  ]);
  expect(wallet.underway).toBe(true);
  expect(both.map(({ placed }) => [placed.epoch, placed.index])).toEqual([
    [4, 0],
    [4, 1],
  ]);
  const spent = asked.flatMap((inputs) => inputs.in_blinding as bigint[]);
  expect(new Set(spent).size).toBe(4);
  expect(stages).toEqual(["send", "send"]);
  await expect(wallet.commit(0, BUY, issued, options)).rejects.toThrow(errors.QuotaUsed);
  const left = wallet.balances().get(USD)!;
  node.head += DEPTH + 1;
  await wallet.sync();
  expect(wallet.balances().get(USD)!).toBeGreaterThan(left);
  expect(wallet.underway).toBe(false);
});

test("what was not sent is held back no longer", async () => {
  const node = new ScriptedNode();
  const wallet = await open(node);
  const before = wallet.balances();
  const stop = new AbortController();
  const sender = signer(node);
  stop.abort(new Error("stopped"));
  await expect(wallet.withdraw(USD, 5n, USD, { sender, signal: stop.signal })).rejects.toThrow("stopped");
  expect(wallet.balances()).toEqual(before);
  const poor = {
    ...sender,
    request: () => Promise.reject(Object.assign(new Error("execution reverted: no"), { code: 3 })),
  };
  await expect(wallet.withdraw(USD, 5n, USD, { sender: poor })).rejects.toThrow("no");
  expect(wallet.balances()).toEqual(before);
});

test("a deposit approves first, and may be two notes", async () => {
  const node = new ScriptedNode();
  const asked: Inputs[] = [];
  const wallet = await open(node, asked);
  const told: string[] = [];
  const onReceipt = ({ name }: Receipt) => told.push(name);
  const receipt = await wallet.deposit(USD, 101n, { sender: signer(node), notes: 2, onReceipt });
  expect(receipt.name).toBe("transact");
  expect(told).toEqual(["approve", "transact"]);
  expect(node.asked.filter((method) => method === "eth_sendTransaction")).toHaveLength(2);
  expect((asked[0]!.out_amount as bigint[]).toSorted()).toEqual([50n, 51n]);
  expect(asked[0]).toMatchObject({ deposit: 101n, withdrawal: 0n, account: 0xacc0n });
});

test("consolidation joins spendable notes two by two", async () => {
  const node = new ScriptedNode();
  const asked: Inputs[] = [];
  const wallet = await open(node, asked);
  const usable = wallet.notes().filter((own) => own.advanced && own.note.asset === BigInt(USD));
  await wallet.consolidate(USD, { sender: signer(node) });
  expect(asked).toHaveLength(Math.floor(usable.length / 2));
  for (const inputs of asked) expect((inputs.in_amount as bigint[]).every((amount) => amount > 0n)).toBe(true);
});

test("what was sent before an action is ended is told", async () => {
  const node = new ScriptedNode();
  const wallet = await open(node);
  const stop = new AbortController();
  const told: string[] = [];
  const onReceipt = ({ name }: Receipt) => {
    told.push(name);
    stop.abort(new Error("stopped"));
  };
  const options = { sender: signer(node), onReceipt, signal: stop.signal };
  await expect(wallet.deposit(USD, 5n, options)).rejects.toThrow("stopped");
  expect(told).toEqual(["approve"]);
});

test("a note whose other half was taken meanwhile is joined with nothing", async () => {
  const node = new ScriptedNode();
  const asked: Inputs[] = [];
  const { prove, warm } = prover(asked);
  const options = { sender: signer(node) };
  let others = 0;
  const taking: Prover["prove"] = async (...statement) => {
    // While the first pair is proven, something else takes one of the second.
    if (!others++) await wallet.withdraw(USD, 1n, USD, options);
    return await prove(...statement);
  };
  const made = { deployment, provider: node, source: new RpcSource(), prover: { prove: taking, warm } };
  const wallet = await Wallet.open({ ...made, key, depth: DEPTH, pollMs: 1 });
  const usable = wallet.notes().filter((own) => own.advanced && own.note.asset === BigInt(USD));
  expect(usable).toHaveLength(4);
  expect(await wallet.consolidate(USD, options)).toHaveLength(1);
});

test("reveals and reclaims that are not due", async () => {
  const node = new ScriptedNode();
  const wallet = await open(node);
  const [filled, cancelled, reclaimed] = wallet.orders().map(({ placed }) => placed) as [
    PlacedOrder,
    PlacedOrder,
    PlacedOrder,
  ];
  const options = { sender: signer(node) };
  await expect(wallet.reveal(filled, options)).rejects.toThrow("revealed already");
  await expect(wallet.reveal(cancelled, options)).rejects.toThrow("was reclaimed");
  await expect(wallet.reclaim(filled, options)).rejects.toThrow("settled");
  await expect(wallet.reclaim(reclaimed, options)).rejects.toThrow("reclaimed already");
  await expect(wallet.reveal({ ...filled, quotaNullifier: 1n }, options)).rejects.toThrow("not on the chain");
});

/** A wallet in the reveal window of its last order, and what the contract says of that order's epoch once it is open. */
async function revealing(bend: (words: bigint[]) => unknown = () => {}) {
  const node = new ScriptedNode();
  node.head = 105;
  const wallet = await open(node);
  const told = epochWords(2, 105 - DEPTH);
  bend(told);
  node.answers["epochs(uint256,uint256)"] = (_, block) => (block === 105 - DEPTH ? told : Array(21).fill(0n));
  const sent = () => node.asked.filter((method) => method === "eth_sendTransaction").length;
  return { wallet, placed: wallet.orders()[2]!.placed, options: { sender: signer(node) }, sent };
}

test("a reveal goes to the leader that the contract has", async () => {
  const { wallet, placed, options, sent } = await revealing();
  expect((await wallet.reveal(placed, options)).name).toBe("reveal");
  expect(sent()).toBe(1);
});

test.each([
  ["leader", 0],
  ["leader's key version", 1],
  ["leader's reveal key", 2],
  ["leader's reveal key", 3],
  ["set of orders", 8],
])("nothing is revealed where the contract has another %s (word %i)", async (what, word) => {
  const { wallet, placed, options, sent } = await revealing((words) => (words[word]! += 1n));
  const refused = wallet.reveal(placed, options);
  await expect(refused).rejects.toThrow(errors.Diverged);
  await expect(refused).rejects.toThrow(`another ${what} on the chain`);
  expect(sent()).toBe(0);
});

/** Wallets on one journal, of which a part is bent. */
async function journaled(node: ScriptedNode, bend: (text: string) => string) {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const store: Store = {
    get: async (key) => files.get(key),
    put: async (key, bytes) => void files.set(key, bytes),
    keep: async (keys) => files.forEach((_, key) => keys.includes(key) || files.delete(key)),
  };
  const made = { deployment, provider: node, prover: prover(), key, depth: DEPTH, pollMs: 1 };
  const source = () => new KeptSource(new RpcSource(), store, 20);
  await Wallet.open({ ...made, source: source() });
  for (const [at, bytes] of files) {
    const text = new TextDecoder().decode(bytes);
    expect(bend(text)).not.toBe(text);
    files.set(at, new TextEncoder().encode(bend(text)));
  }
  return { files, wallet: await Wallet.open({ ...made, source: source() }) };
}

test("a journal that hides what was spent is dropped when the chain says so", async () => {
  const { files, wallet } = await journaled(new ScriptedNode(), (text) =>
    text.replace(/\n[^\n]*"block":81,[^\n]*"name":"Spent"[^\n]*/, ""),
  );
  await expect(wallet.checkSpent()).rejects.toThrow(errors.Diverged);
  expect([files.size, wallet.ledger.block, wallet.notes()]).toEqual([0, deployment.startBlock - 1, []]);
  await wallet.sync();
  await wallet.checkSpent();
  expect([files.size, wallet.notes()]).toEqual([1, (await open()).notes()]);
});

test("what the chain contradicts when an order is revealed is read anew", async () => {
  const node = new ScriptedNode();
  node.head = 105;
  const { files, wallet } = await journaled(node, (text) => text.replace("\n", " \n"));
  const [placed, options] = [wallet.orders()[2]!.placed, { sender: signer(node) }];
  const answer = node.answers["epochs(uint256,uint256)"]!;
  node.answers["epochs(uint256,uint256)"] = () => Array(21).fill(0n);
  await expect(wallet.reveal(placed, options)).rejects.toThrow(errors.Diverged);
  expect([files.size, wallet.ledger.block, wallet.orders()]).toEqual([0, deployment.startBlock - 1, []]);
  node.answers["epochs(uint256,uint256)"] = answer;
  expect((await wallet.reveal(placed, options)).name).toBe("reveal");
  expect(files.size).toBe(1);
});

test("an order that does not open its commitment is neither revealed nor reclaimed", async () => {
  const { wallet, placed, options, sent } = await revealing();
  for (const changed of [{ salt: placed.salt + 1n }, { epoch: 0 }, { terms: { ...placed.terms, price: 1n } }]) {
    await expect(wallet.reveal({ ...placed, ...changed }, options)).rejects.toThrow("not the order that was committed");
    await expect(wallet.reclaim({ ...placed, ...changed }, options)).rejects.toThrow(errors.OrderRefused);
  }
  expect(sent()).toBe(0);
});

test.each([
  ["another verifier", "commit_verifier()", () => [7n]],
  ["another key", "circuit_id()", () => [7n]],
])("a deployment that names %s than the chain is not opened", async (_, view, answer) => {
  const node = new ScriptedNode();
  node.answers[view] = answer;
  await expect(open(node)).rejects.toThrow(errors.DeploymentError);
});

test("a carrier is paid what was agreed to, not what it asks", async () => {
  const node = new ScriptedNode();
  const asked: Inputs[] = [];
  const wallet = await open(node, asked);
  const { chainId, contracts } = deployment;
  const info = { carrier: BTC, chain_id: Number(chainId), pool: contracts.Pool, fees: { [USD]: "60000" } };
  vi.stubGlobal("fetch", async (url: string) =>
    url.endsWith("/info") ? Response.json(info) : Response.json({ reason: "enough" }, { status: 422 }),
  );
  const options = { sender: "http://127.0.0.1:1" };
  await expect(wallet.withdraw(USD, 5n, USD, options)).rejects.toThrow("asks for 60000 units");
  await expect(wallet.transfer(USD, 5n, wallet.address, options)).rejects.toThrow(errors.CarrierError);
  await expect(wallet.consolidate(USD, options)).rejects.toThrow(errors.CarrierError);
  expect(asked).toEqual([]);
  await expect(wallet.withdraw(USD, 5n, USD, { ...options, fee: 7n })).rejects.toThrow("enough");
  expect(asked).toMatchObject([{ fee: 7n, withdrawal: 5n }]);
  vi.unstubAllGlobals();
});

test("an account on another chain sends nothing", async () => {
  const node = new ScriptedNode();
  const wallet = await open(node);
  const sender: Signer = {
    ...signer(node),
    request: async (args) => (args.method === "eth_chainId" ? "0x1" : node.request(args)),
  };
  await expect(wallet.withdraw(USD, 5n, USD, { sender })).rejects.toThrow("but the wallet is on 1");
  expect(node.asked).not.toContain("eth_sendTransaction");
});

test.each(each(["", "{}", '{"id": 1}', '{"id": "1"}']))("no credential (%i)", async (_, __, text) => {
  const { readCredential } = await import("./credential");
  expect(() => readCredential(text)).toThrow(errors.NoCredential);
});
