/** What the page does at every block while it is open: reveal in time, and tell of fills. */

import { grouped } from "../format";
import { REJECTED } from "../wallets/eip1193";
import { agentState } from "./agent";
import type { OrderStatus, Sender } from "./sdk";
import { type Session, session, signerOf } from "./session";
import { settings } from "./settings";
import { Store } from "./store";
import { SENT, run, tasks } from "./tasks";

const RETRY_BLOCKS = 3;
/** One that was sent is tried again only where a reorganisation has undone it. */
const UNDONE_BLOCKS = 12;

/** Blocks at which a reveal was tried, by quota nullifier; Infinity once its owner declined it. */
const tried = new Map<bigint, number>();
const told = new Set<bigint>();

/** Reveals that the chain does not show yet: failed or declined, so that the user must see to them, and sent. */
export const reveals = new Store<{ failed: ReadonlySet<bigint>; sent: ReadonlySet<bigint> }>({
  failed: new Set(),
  sent: new Set(),
});

export function toReveal(orders: OrderStatus[]): OrderStatus[] {
  return orders.filter(({ fate, epochState }) => fate === "committed" && epochState === "reveal");
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
  tellFills(view.orders);
  if (agentState() === "running") return;
  const due = toReveal(view.orders).find(
    ({ placed }) => view.block >= (tried.get(placed.quotaNullifier) ?? -Infinity) + RETRY_BLOCKS,
  );
  if (due && tasks.get().current?.state !== "running") await reveal(due);
}

/** Reveal one order now; whether it was. */
export async function reveal({ placed }: OrderStatus): Promise<boolean> {
  const state = session.get();
  const sender = senderOf(state);
  if (!state.wallet || !sender) return false;
  tried.set(placed.quotaNullifier, state.view?.block ?? 0);
  let declined = false;
  const done = await run(`Reveal the order of epoch ${placed.epoch}`, SENT, async ({ onStage, signal }) => {
    onStage("send");
    try {
      return await state.wallet!.reveal(placed, { sender, onStage, signal });
    } catch (error) {
      declined = (error as { code?: unknown }).code === REJECTED;
      throw error;
    }
  });
  const { quotaNullifier } = placed;
  const [failed, sent] = [new Set(reveals.get().failed), new Set(reveals.get().sent)];
  if (done) {
    failed.delete(quotaNullifier);
    sent.add(quotaNullifier);
    tried.set(quotaNullifier, (state.view?.block ?? 0) + UNDONE_BLOCKS);
  } else {
    failed.add(quotaNullifier);
    if (declined) tried.set(quotaNullifier, Infinity);
  }
  reveals.set({ failed, sent });
  return done !== null;
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
  reveals.set({ failed: new Set(), sent: new Set() });
}
