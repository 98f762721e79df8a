/** What taking an order back brings, and doing it only as its owner was told. */

import type { OrderStatus, PlacedOrder, Receipt, Wallet } from "./sdk";

/** cancelled: whole, before the freeze; forfeited: less the bond; whole: the epoch settled nothing. */
export type Back = "cancelled" | "forfeited" | "whole";

/** An order about to be taken back, and what its owner was told of it. */
export interface Asked {
  quotaNullifier: bigint;
  told: Back;
}

/** What taking it back brings as things stand; null if it cannot be taken back. */
export function backOf({ reclaimable, epochState, fate }: OrderStatus): Back | null {
  if (!reclaimable) return null;
  if (epochState === "commit") return "cancelled";
  return fate === "unrevealed" || fate === "invalid" ? "forfeited" : "whole";
}

/** The order asked about, as it is now; null once it is not what its owner was told. */
export function stillAsked(orders: OrderStatus[], { quotaNullifier, told }: Asked): OrderStatus | null {
  const order = orders.find(({ placed }) => placed.quotaNullifier === quotaNullifier);
  return order && backOf(order) === told ? order : null;
}

type Reclaimer = Pick<Wallet, "sync" | "orders" | "reclaim">;

/** Take an order back. The error says if that would bring anything but `told`, before it is proven or sent. */
export async function reclaimAs(
  told: Back,
  wallet: Reclaimer,
  placed: PlacedOrder,
  options: Parameters<Reclaimer["reclaim"]>[1],
): Promise<Receipt> {
  const check = () => {
    if (!stillAsked(wallet.orders(), { quotaNullifier: placed.quotaNullifier, told }))
      throw new Error("the order is no longer as it was shown, and nothing was sent: look at it again");
  };
  await wallet.sync();
  check();
  return await wallet.reclaim(placed, {
    ...options,
    // The wallet reads the chain again before it proves, and the epoch may end meanwhile.
    onStage: (stage, part) => {
      if (stage === "send" && !part) check();
      options.onStage?.(stage, part);
    },
  });
}
