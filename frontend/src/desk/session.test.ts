/** What is locked stays locked: nothing that ran before may open the desk after it. */

import { afterEach, expect, test, vi } from "vitest";

import type { Connection } from "../wallets/connection";
import type { Announced } from "../wallets/discover";

const met = vi.hoisted(() => ({
  tell: (_: unknown) => undefined as void,
  opened: [] as ((wallet: unknown) => void)[],
}));
const [FIRST, SECOND] = [`0x${"1".repeat(40)}`, `0x${"2".repeat(40)}`];
const PATIENCE = { timeout: 60_000 };
const WALLET = { info: { rdns: "a.wallet" } } as Announced;

vi.stubGlobal("localStorage", { getItem: () => null, setItem: () => undefined });
vi.mock("../api/client", () => ({ get: () => Promise.resolve({}) }));
vi.mock("../wallets/discover", () => ({ wallets: { get: () => [] } }));
vi.mock("../wallets/sign", () => ({ signKey: () => Promise.resolve({ owner: 7n, sk: 1n }) }));
vi.mock("../wallets/connection", () => ({
  connect: () => Promise.resolve({ address: FIRST, chainId: 1, provider: {} }),
  follow: (_: Connection, tell: (change: unknown) => void) => {
    met.tell = tell;
    return () => undefined;
  },
}));
vi.mock("./sdk", () => ({
  readDeployment: () => ({ chainId: 1n, contracts: { Pool: "0xab" } }),
  openWallet: () => new Promise((resolve) => met.opened.push(resolve)),
  prover: { stop: () => undefined },
}));

const { connectTo, lock, session, signIn, sync } = await import("./session");
const made = () => ({
  sync: () => Promise.resolve(9),
  notes: () => [],
  orders: () => [],
  history: () => [],
  ledger: {},
});

afterEach(() => {
  lock();
  met.opened.length = 0;
});

async function signing(): Promise<Promise<boolean>[]> {
  await connectTo(WALLET);
  const signed = signIn();
  await vi.waitFor(() => expect(met.opened).toHaveLength(1), PATIENCE);
  return [signed];
}

test("a reading that ends opens the desk, with a key that is not proven yet", async () => {
  const [signed] = await signing();
  met.opened[0]!(made());
  expect(await signed).toBe(true);
  expect(session.get()).toMatchObject({ owner: 7n, proven: false, busy: null, view: { block: 9 } });
});

test("a lock while the chain is read is not undone when that ends", async () => {
  const [signed] = await signing();
  lock();
  expect(session.get().busy).toBeNull();
  met.opened[0]!(made());
  expect(await signed).toBe(false);
  expect(session.get()).toMatchObject({ wallet: null, owner: null, view: null });
});

test("another account while the chain is read is taken, and its predecessor's key is not", async () => {
  const [signed] = await signing();
  met.tell({ address: SECOND });
  met.opened[0]!(made());
  await signed;
  const taken = { busy: null, connection: { address: SECOND } };
  await vi.waitFor(() => expect(session.get()).toMatchObject(taken), PATIENCE);
  expect(session.get().wallet).toBeNull();
});

const SEALED = { fate: "committed", epochState: "frozen" };
const OPEN = { owner: 7n, connection: { address: FIRST } };
const LEFT = { wallet: null, owner: null, connection: null };

/** A desk that is open, and what its wallet says next. */
async function opened() {
  const says = { orders: [SEALED], underway: false };
  const [signed] = await signing();
  met.opened[0]!({
    ...made(),
    orders: () => says.orders,
    get underway() {
      return says.underway;
    },
  });
  await signed;
  return says;
}

test("a wallet that locks itself keeps the desk open while an order is sealed, and no longer", async () => {
  const says = await opened();
  met.tell({ address: null });
  await sync();
  expect(session.get()).toMatchObject(OPEN);
  says.orders = [];
  await sync();
  expect(session.get()).toMatchObject(LEFT);
});

test("an order that was sent and is not in the view yet keeps the desk open as well", async () => {
  const says = await opened();
  Object.assign(says, { orders: [], underway: true });
  await sync();
  met.tell({ address: null });
  expect(session.get()).toMatchObject(OPEN);
  says.underway = false;
  await sync();
  expect(session.get()).toMatchObject(LEFT);
});

test("a wallet that is unlocked again in time keeps the desk open", async () => {
  const says = await opened();
  met.tell({ address: null });
  met.tell({ chainId: 1 });
  met.tell({ address: FIRST });
  says.orders = [];
  await sync();
  expect(session.get()).toMatchObject(OPEN);
});

test("a chain's change says nothing of the account, and a desk locked by hand leaves the wallet that is gone", async () => {
  await opened();
  met.tell({ address: null });
  met.tell({ chainId: 1 });
  expect(session.get()).toMatchObject(OPEN);
  lock();
  expect(session.get()).toMatchObject(LEFT);
});
