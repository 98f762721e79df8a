/** What the page does at every block while it is open: reveal in time, and tell of fills. */

import { grouped } from "../format";
import { REJECTED } from "../wallets/eip1193";
import { agentState, heard } from "./agent";
import { revealable } from "./checks";
import type { OrderStatus, Receipt, Sender } from "./sdk";
import { type Session, type View, session, signerOf } from "./session";
import { settings } from "./settings";
import { Store } from "./store";
import { type Progress, SENT, explain, run, tasks } from "./tasks";

const RETRY_BLOCKS = 3;

/** Blocks at which a reveal was last tried, by quota nullifier; Infinity once its owner declined it. */
const tried = new Map<bigint, number>();
const told = new Set<bigint>();

/** By quota nullifier. */
interface Reveals {
  /** Why. */
  failed: ReadonlyMap<bigint, string>;
  /** The block that took it in. */
  sent: ReadonlyMap<bigint, number>;
  underway: ReadonlyMap<bigint, true>;
}

const NONE: Reveals = { failed: new Map(), sent: new Map(), underway: new Map() };

/** Reveals that the chain does not show yet: failed or declined, so that the user must see to them; sent; on their way. */
export const reveals = new Store<Reveals>(NONE);

/** Orders that can be revealed now: by the head, since the epoch's state is that of a ledger some blocks behind. */
export function toReveal({ wallet, view }: Session): OrderStatus[] {
  if (!wallet || !view) return [];
  return view.orders.filter(
    ({ fate, placed }) =>
      fate === "committed" && revealable(wallet.windows(placed.market, placed.epoch), view.block, view.head),
  );
}

/** Who sends a reveal when nobody is asked: the carrier if there is one, or the account. */
export function senderOf(state: Session): Sender | null {
  return settings.get().carrier || signerOf(state);
}

/** Reveal what is due, unless a running agent does it; and tell of fills, whatever the wallet waits for. */
export async function work(): Promise<void> {
  const state = session.get();
  const { view, wallet } = state;
  if (!view || !wallet) return;
  heard(view.head);
  forgetUndone(view);
  const due = agentState() === "running" ? undefined : firstDue(state, view);
  await Promise.all([due && reveal(due, senderOf(state)), tellFills(view.orders)]);
}

function firstDue(state: Session, { block }: View): OrderStatus | undefined {
  const { sent, underway } = reveals.get();
  return toReveal(state).find(({ placed: { quotaNullifier: order } }) => {
    const waits = sent.has(order) || underway.has(order);
    return !waits && block >= (tried.get(order) ?? -Infinity) + RETRY_BLOCKS;
  });
}

/** A reveal that the ledger lacks although it is past its block was undone by a reorganisation: it is due again. */
function forgetUndone({ block, orders }: View): void {
  for (const { placed, fate } of orders) {
    const at = reveals.get().sent.get(placed.quotaNullifier);
    if (at === undefined || fate !== "committed" || block <= at) continue;
    mark("sent", placed.quotaNullifier, null);
    tried.delete(placed.quotaNullifier);
  }
}

/** Reveal one order now. */
export async function reveal({ placed }: OrderStatus, sender: Sender | null): Promise<void> {
  const { wallet, view } = session.get();
  const { quotaNullifier } = placed;
  if (!wallet || !view || !sender || reveals.get().underway.has(quotaNullifier)) return;
  tried.set(quotaNullifier, view.block);
  mark("underway", quotaNullifier, true);
  let declined = false;
  let [block, problem]: [number | null, string | null] = [null, null];
  await beside(`Reveal the order of epoch ${placed.epoch}`, async (progress) => {
    try {
      const receipt = await wallet.reveal(placed, { sender, ...progress });
      block = receipt.block;
      return receipt;
    } catch (error) {
      problem = explain(error);
      declined = (error as { code?: unknown }).code === REJECTED;
      throw error;
    }
  });
  // What was locked meanwhile has forgotten its duties.
  if (session.get().wallet !== wallet) return;
  if (declined) tried.set(quotaNullifier, Infinity);
  mark("underway", quotaNullifier, null);
  mark("failed", quotaNullifier, problem);
  mark("sent", quotaNullifier, block);
}

/** Run it on show, or unseen where another task is: a reveal cannot wait for a prompt that nobody answers. */
async function beside(title: string, act: (progress: Partial<Progress>) => Promise<Receipt>): Promise<void> {
  if (tasks.get().current?.state === "running") await act({}).catch(() => undefined);
  else await run(title, SENT, act);
}

function mark(what: keyof Reveals, order: bigint, holds: string | number | true | null): void {
  const marked = new Map<bigint, unknown>(reveals.get()[what]);
  if (holds === null) marked.delete(order);
  else marked.set(order, holds);
  reveals.set({ [what]: marked });
}

/** A notification for each fill that came while the page was open; none for those found at the start. */
async function tellFills(orders: OrderStatus[]): Promise<void> {
  const first = !told.size;
  // A first look without fills is a look nonetheless.
  told.add(0n);
  for (const { placed, fate, fill } of orders) {
    if (fate !== "filled" || told.has(placed.quotaNullifier)) continue;
    told.add(placed.quotaNullifier);
    if (first || !fill || !settings.get().notify) continue;
    // No amounts: a notification shows on locked screens.
    await notify(`An order of epoch ${grouped(placed.epoch)} was filled.`, placed.rk).catch(() => undefined);
  }
}

/** By the service worker where there is one: some browsers allow no other way. */
async function notify(body: string, tag: string): Promise<void> {
  if (Notification.permission !== "granted") return;
  const worker = await navigator.serviceWorker?.getRegistration();
  if (worker?.active) await worker.showNotification("Shadowpool", { body, tag });
  else new Notification("Shadowpool", { body, tag });
}

export function forgetDuties(): void {
  tried.clear();
  told.clear();
  reveals.set(NONE);
}
