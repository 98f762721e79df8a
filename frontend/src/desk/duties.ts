/** What the page does at every block while it is open: reveal in time, and tell of fills. */

import { grouped } from "../format";
import { REJECTED } from "../wallets/eip1193";
import { agentState, heard } from "./agent";
import { revealable } from "./checks";
import type { OrderStatus, Receipt, Sender } from "./sdk";
import { type Session, session, signerOf } from "./session";
import { settings } from "./settings";
import { Store } from "./store";
import { type Progress, SENT, run, tasks } from "./tasks";

const RETRY_BLOCKS = 3;
/** One that was sent is tried again only where a reorganisation has undone it. */
const UNDONE_BLOCKS = 12;

/** Blocks at which a reveal was tried, by quota nullifier; Infinity once its owner declined it. */
const tried = new Map<bigint, number>();
const told = new Set<bigint>();

interface Reveals {
  failed: ReadonlySet<bigint>;
  sent: ReadonlySet<bigint>;
  underway: ReadonlySet<bigint>;
}

const NONE: Reveals = { failed: new Set(), sent: new Set(), underway: new Set() };

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

/** Orders that somebody has yet to reveal, now or later. */
export function atStake(orders: OrderStatus[]): OrderStatus[] {
  return orders.filter(
    ({ fate, epochState }) => fate === "committed" && ["commit", "frozen", "reveal"].includes(epochState),
  );
}

/** Who sends a reveal when nobody is asked: the carrier if there is one, or the account. */
export function senderOf(state: Session): Sender | null {
  return settings.get().carrier || signerOf(state);
}

/** Reveal what is due. A running agent does it instead. */
export async function work(): Promise<void> {
  const state = session.get();
  const { view, wallet } = state;
  if (!view || !wallet) return;
  heard(view.head);
  tellFills(view.orders);
  if (agentState() === "running") return;
  const due = toReveal(state).find(
    ({ placed }) => view.block >= (tried.get(placed.quotaNullifier) ?? -Infinity) + RETRY_BLOCKS,
  );
  if (due) await reveal(due, senderOf(state));
}

/** Reveal one order now. */
export async function reveal({ placed }: OrderStatus, sender: Sender | null): Promise<void> {
  const { wallet, view } = session.get();
  const { quotaNullifier } = placed;
  if (!wallet || !view || !sender || reveals.get().underway.has(quotaNullifier)) return;
  tried.set(quotaNullifier, view.block);
  mark("underway", quotaNullifier, true);
  let declined = false;
  const done = await beside(`Reveal the order of epoch ${placed.epoch}`, async (progress) => {
    try {
      return await wallet.reveal(placed, { sender, ...progress });
    } catch (error) {
      declined = (error as { code?: unknown }).code === REJECTED;
      throw error;
    }
  });
  if (done) tried.set(quotaNullifier, view.block + UNDONE_BLOCKS);
  else if (declined) tried.set(quotaNullifier, Infinity);
  mark("underway", quotaNullifier, false);
  mark("failed", quotaNullifier, !done);
  if (done) mark("sent", quotaNullifier, true);
}

/** Run it on show, or unseen where another task is: a reveal cannot wait for a prompt that nobody answers. */
async function beside(title: string, act: (progress: Partial<Progress>) => Promise<Receipt>): Promise<boolean> {
  if (tasks.get().current?.state === "running")
    return await act({}).then(
      () => true,
      () => false,
    );
  return (await run(title, SENT, act)) !== null;
}

function mark(what: keyof Reveals, order: bigint, holds: boolean): void {
  const marked = new Set(reveals.get()[what]);
  if (holds) marked.add(order);
  else marked.delete(order);
  reveals.set({ [what]: marked });
}

/** A notification for each fill that came while the page was open; none for those found at the start. */
function tellFills(orders: OrderStatus[]): void {
  const first = !told.size;
  for (const { placed, fate, fill } of orders) {
    if (fate !== "filled" || told.has(placed.quotaNullifier)) continue;
    told.add(placed.quotaNullifier);
    if (first || !fill || !settings.get().notify || Notification.permission !== "granted") continue;
    // No amounts: a notification shows on locked screens.
    new Notification("Shadowpool", { body: `An order of epoch ${grouped(placed.epoch)} was filled.`, tag: placed.rk });
  }
  // A first look without fills is a look nonetheless.
  told.add(0n);
}

export function forgetDuties(): void {
  tried.clear();
  told.clear();
  reveals.set(NONE);
}
