/** An order is taken back as its owner was told, or not at all. */

import { expect, test } from "vitest";

import type { OrderStatus, PlacedOrder, Receipt, Stage } from "./sdk";
import { backOf, reclaimAs, stillAsked } from "./taking";

const PLACED = { quotaNullifier: 5n } as PlacedOrder;
const ASKED = { quotaNullifier: 5n, told: "cancelled" as const };
const COMMITTED = order("commit", "committed", true);
const UNREVEALED = order("settled", "unrevealed", true);

function order(epochState: string, fate: string, reclaimable: boolean): OrderStatus {
  return { placed: PLACED, epochState, fate, reclaimable } as OrderStatus;
}

test("what comes back is by the order as it is now", () => {
  expect(backOf(COMMITTED)).toBe("cancelled");
  expect(backOf(order("frozen", "committed", false))).toBeNull();
  expect(backOf(UNREVEALED)).toBe("forfeited");
  expect(backOf(order("settled", "invalid", true))).toBe("forfeited");
  expect(backOf(order("failed", "refundable", true))).toBe("whole");
});

test("a card is closed once its order is not what was told", () => {
  expect(stillAsked([COMMITTED], ASKED)).toBe(COMMITTED);
  expect(stillAsked([order("frozen", "committed", false)], ASKED)).toBeNull();
  expect(stillAsked([UNREVEALED], ASKED)).toBeNull();
  expect(stillAsked([], ASKED)).toBeNull();
});

/** A wallet whose readings find the order so, one after the other; what it did is in `did`. */
function wallet(...readings: OrderStatus[]) {
  const did: string[] = [];
  let now = COMMITTED;
  const sync = async () => {
    now = readings.shift() ?? now;
    return 1;
  };
  const reclaim = async (_: PlacedOrder, { onStage }: { onStage?: (stage: Stage, part?: number) => void }) => {
    await sync();
    did.push("proved");
    onStage?.("send", 0);
    did.push("sent");
    onStage?.("send", 1);
    return { block: 9 } as Receipt;
  };
  return { did, sync, orders: () => [now], reclaim };
}

const OPTIONS = { sender: "https://carrier.example" };

test("it is reclaimed where it is still as told, and what comes after its sending undoes nothing", async () => {
  const stages: unknown[] = [];
  const onStage = (...stage: unknown[]) => void stages.push(stage);
  const still = wallet(COMMITTED);
  expect(await reclaimAs("cancelled", still, PLACED, { ...OPTIONS, onStage })).toEqual({ block: 9 });
  expect(still.did).toEqual(["proved", "sent"]);
  expect(stages.join()).toBe("send,0,send,1");
});

test("nothing is proven where the epoch ended since it was shown", async () => {
  const ended = wallet(UNREVEALED);
  await expect(reclaimAs("cancelled", ended, PLACED, OPTIONS)).rejects.toThrow("no longer as it was shown");
  expect(ended.did).toEqual([]);
});

test("nothing is sent where it ended while it was proven", async () => {
  const ends = wallet(COMMITTED, UNREVEALED);
  await expect(reclaimAs("cancelled", ends, PLACED, OPTIONS)).rejects.toThrow("nothing was sent");
  expect(ends.did).toEqual(["proved"]);
});
