/**
 * The desk's state: a connected wallet, the shielded key while it is unlocked, and what it holds on chain.
 *
 * The key lives in this module and in the SDK's wallet, for as long as the tab does or until it locks.
 */

import { get } from "../api/client";
import { type Connection, connect, follow, switchChain } from "../wallets/connection";
import { type Announced, wallets } from "../wallets/discover";
import { signKey } from "../wallets/sign";
import * as agents from "./agent";
import { type Identity, atStake } from "./checks";
import { presence } from "./presence";
import {
  type Deployment,
  type Hex,
  type Issued,
  type Movement,
  type OrderStatus,
  type OwnedNote,
  ShieldedKey,
  type Signer,
  type Wallet,
  addressText,
  openWallet,
  prover,
  readCredential,
  readDeployment,
} from "./sdk";
import { change, settings } from "./settings";
import { Store } from "./store";
import { abandon, explain, tasks } from "./tasks";
import { type Place, type Sealer, type Secrets, makeSealer, seal, shelf, unseal } from "./vault";

/** What the key holds as of `block`; never changed, but made anew. */
export interface View {
  block: number;
  /** The chain's head, which the ledger follows some blocks behind. */
  head: number;
  notes: OwnedNote[];
  orders: OrderStatus[];
  history: Movement[];
}

export interface Session {
  connection: Connection | null;
  deployment: Deployment | null;
  /** Whether this browser keeps the account's key, sealed. */
  kept: boolean;
  busy: string | null;
  problem: string | null;
  wallet: Wallet | null;
  owner: bigint | null;
  issued: Issued | null;
  view: View | null;
  /** Why the last reading of the chain failed. */
  stale: string | null;
  /** Whether changes of the secrets are sealed at once. */
  sealing: boolean;
  /** The wallet's signature was seen to be the same twice, or its key to be in use. */
  proven: boolean;
}

const CLOSED = { wallet: null, owner: null, issued: null, view: null, stale: null, sealing: false, proven: false };
export const session = new Store<Session>({
  connection: null,
  deployment: null,
  kept: false,
  busy: null,
  problem: null,
  ...CLOSED,
});

let secrets: Secrets | null = null;
let sealer: Sealer | null = null;
let unfollow: () => void = () => undefined;
/** The wallet has no account for this page any more, which is left as soon as nothing needs the key. */
let gone = false;
/** Counts the locks: what began before the last one must not open anything after it. */
let turn = 0;

// --- The wallet ---

export const connectTo = (wallet: Announced) =>
  doing("Waiting for the wallet", async () => {
    await connected(await connect(wallet), wallet);
  });

/** Connect the wallet of last time again, if it still allows it. */
export async function reconnect(): Promise<void> {
  const { wallet: rdns } = settings.get();
  const { connection, busy } = session.get();
  const wallet = wallets.get().find(({ info }) => info.rdns === rdns);
  if (!wallet || connection || busy) return;
  const found = await connect(wallet, { quietly: true }).catch(() => null);
  if (found && !session.get().connection) await doing("Connecting", () => connected(found, wallet));
}

export function disconnect(): void {
  gone = false;
  lock();
  unfollow();
  change({ wallet: "" });
  session.set({ connection: null, kept: false, problem: null });
}

export const toRightChain = () =>
  doing("Waiting for the wallet", async () => {
    const { connection, deployment } = session.get();
    await switchChain(connection!.provider, Number(deployment!.chainId));
  });

/** Whether closing or locking the page now would put a bond at stake, or end what runs. */
export function needed(): boolean {
  const orders = session.get().view?.orders ?? [];
  return tasks.get().current?.state === "running" || (agents.agentState() !== "running" && atStake(orders).length > 0);
}

/** Leave a wallet that is gone, unless the key is needed, or what was sent shows no order in the view yet. */
function release(): void {
  if (gone && !needed() && !session.get().wallet?.underway) disconnect();
}

/** The account as it signs and sends; null without one on the pool's chain. */
export function signerOf({ connection, deployment }: Session): Signer | null {
  if (!connection || !deployment || connection.chainId !== Number(deployment.chainId)) return null;
  const { provider, address } = connection;
  return { address, request: (args) => provider.request(args) };
}

async function connected(connection: Connection, wallet: Announced): Promise<void> {
  const mine = turn;
  const deployment = readDeployment(await get<unknown>("/v1/deployment"));
  if (mine !== turn) return;
  unfollow();
  unfollow = follow(connection, ({ address, chainId }) => {
    const { connection: now } = session.get();
    if (!now) return;
    // A wallet that locked itself tells of no account either: what is at stake needs the key all the same.
    if (address !== undefined) gone = address === null;
    if (address === null) return release();
    // Another account has another key.
    if (address && address.toLowerCase() !== now.address.toLowerCase()) {
      lock();
      void doing("Connecting", () => connected({ ...now, address }, wallet));
    } else if (chainId) session.set({ connection: { ...now, chainId }, problem: null });
  });
  change({ wallet: wallet.info.rdns });
  session.set({ connection, deployment });
  const kept = await shelf.read(place()).catch(() => undefined);
  if (mine === turn) session.set({ kept: kept !== undefined });
}

// --- The key ---

/** Sign once: the key comes from the signature, and stays in memory. */
export const signIn = () =>
  doing("Waiting for your signature", async () => {
    const { connection, deployment } = session.get();
    const mine = turn;
    const key = await signKey(connection!, deployment!);
    await opened(key, { sk: hex(key.sk), credential: null, agent: null }, null, mine);
  });

export const unlock = (passphrase: string) =>
  doing("Opening what is kept here", async () => {
    const mine = turn;
    const record = await shelf.read(place());
    if (!record) throw new Error("nothing is kept here for this account: sign again");
    const found = await unseal(record, passphrase);
    await opened(new ShieldedKey(BigInt(found.secrets.sk)), found.secrets, found.sealer, mine);
  });

/**
 * Have the wallet sign again, and see that the same key comes out. Money must not go to a key that the
 * wallet cannot give a second time.
 */
export async function proveKey(): Promise<void> {
  const { connection, deployment, owner } = session.get();
  const again = await signKey(connection!, deployment!);
  if (again.owner !== owner)
    throw new Error(
      "this wallet signs differently each time, so that its key could not be found again: use another one",
    );
  if (session.get().owner !== owner) throw new Error("the desk was locked meanwhile: nothing was sent");
  session.set({ proven: true });
}

/** Keep the secrets in this browser, sealed with a passphrase. */
export const keep = (passphrase: string) =>
  doing("Sealing", async () => {
    const mine = turn;
    const made = await makeSealer(passphrase);
    if (mine !== turn) return;
    sealer = made;
    await reseal();
    session.set({ kept: true, sealing: true });
  });

/** Remove what this browser keeps of the account. */
export const discard = () =>
  doing("Removing", async () => {
    await shelf.remove(place());
    sealer = null;
    session.set({ kept: false, sealing: false });
  });

export function lock(): void {
  turn += 1;
  [secrets, sealer] = [null, null];
  abandon();
  prover.stop();
  agents.unpair();
  session.set({ ...CLOSED, busy: null, problem: null });
  presence.set({ open: false });
  // React keeps what was drawn before the last drawing, and with it the key: one more drops it.
  setTimeout(() => session.set({}));
  release();
}

async function opened(key: ShieldedKey, found: Secrets, by: Sealer | null, mine: number): Promise<void> {
  if (mine !== turn) return;
  const { deployment, connection } = session.get();
  session.set({ busy: "Reading the chain" });
  const wallet = await openWallet(deployment!, key, connection!.provider, (block, target) => {
    if (mine === turn) session.set({ busy: `Reading the chain, block ${block} of ${target}` });
  });
  if (mine !== turn) return;
  [secrets, sealer] = [found, by];
  const issued = found.credential === null ? null : readCredential(found.credential);
  // Sealing a key proves nothing of the wallet that signed it; the chain's history may.
  session.set({ wallet, owner: key.owner, issued, sealing: by !== null, proven: false });
  await sync();
  if (mine !== turn) return;
  presence.set({ open: true, lock });
  if (found.agent) void agents.pair(found.agent.url, found.agent.key, identity()).catch(() => undefined);
}

// --- What is sealed with it ---

export async function giveCredential(text: string | null): Promise<void> {
  const issued = text === null ? null : readCredential(text);
  if (issued && issued.credential.owner !== session.get().owner)
    throw new Error(`credential ${issued.id} is another owner's: ask the issuer for that of your owner word`);
  secrets = { ...secrets!, credential: text };
  await reseal();
  session.set({ issued });
}

export async function pairAgent(agent: Secrets["agent"]): Promise<void> {
  // Unpaired or locked meanwhile: what is open by now may be another account's.
  if (agent && !(await agents.pair(agent.url, agent.key, identity()))) return;
  if (!agent) agents.unpair();
  secrets = { ...secrets!, agent };
  await reseal();
}

async function reseal(): Promise<void> {
  if (sealer && secrets) await shelf.write(await seal(secrets, place(), sealer));
}

// --- The chain ---

let reading: Promise<void> | null = null;
let again = false;

/** Read what the chain says of the key; one reading at a time, and one more for what was asked meanwhile. */
export function sync(): Promise<void> {
  again = true;
  reading ??= readOn();
  return reading;
}

async function readOn(): Promise<void> {
  while (again) {
    again = false;
    await read();
  }
  reading = null;
  release();
}

async function read(): Promise<void> {
  const { wallet } = session.get();
  // On another chain its node would tell of other contracts.
  if (!wallet || !signerOf(session.get())) return;
  try {
    const block = await wallet.sync();
    const { proven, wallet: now } = session.get();
    if (now !== wallet) return;
    const [notes, orders] = [wallet.notes(), wallet.orders()];
    const view = { block, head: wallet.ledger.head, notes, orders, history: wallet.history() };
    session.set({ view, stale: null, proven: proven || view.history.length > 0 });
  } catch (error) {
    if (session.get().wallet === wallet) session.set({ stale: explain(error) });
  }
}

// --- Within ---

function place(): Place {
  const { connection, deployment } = session.get();
  return {
    chainId: Number(deployment!.chainId),
    pool: deployment!.contracts.Pool!,
    address: connection!.address,
  };
}

function identity(): Identity {
  const { chainId, pool } = place();
  return { chainId, pool, address: addressText(session.get().wallet!.key.address) };
}

function hex(word: bigint): Hex {
  return `0x${word.toString(16).padStart(64, "0")}`;
}

/** Run what may fail, with what it waits for on show, and then why it failed; whether it was done before any lock. */
async function doing(what: string, act: () => Promise<void>): Promise<boolean> {
  if (session.get().busy) return false;
  const mine = turn;
  session.set({ busy: what, problem: null });
  try {
    await act();
    return mine === turn;
  } catch (error) {
    if (mine === turn) session.set({ problem: explain(error) });
    return false;
  } finally {
    // A lock ended the waiting already, and something else may be awaited by now.
    if (mine === turn) session.set({ busy: null });
  }
}
