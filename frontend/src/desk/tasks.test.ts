/** What a task has sent is on show as it comes, and stays there however the task ends. */

import { beforeEach, expect, test, vi } from "vitest";

import type { Receipt } from "./sdk";

vi.mock("./sdk", () => ({}));

const { PROVEN, abandon, cancel, run, tasks } = await import("./tasks");
const receipt = (name: string) => ({ name }) as Receipt;
const sent = () => tasks.get().current!.receipts.map(({ name }) => name);

beforeEach(abandon);

test("receipts are told as they come, and kept where the rest is cancelled", async () => {
  const done = run("Deposit", PROVEN, async ({ onReceipt, onStage, signal }) => {
    onReceipt(receipt("approve"));
    onStage("proof");
    expect(sent()).toEqual(["approve"]);
    cancel();
    signal.throwIfAborted();
  });
  expect(await done).toBe(false);
  expect(tasks.get().current).toMatchObject({ state: "cancelled", receipts: [{ name: "approve" }] });
});

test("receipts are kept where the rest fails, and told of no task but their own", async () => {
  let late = (_: Receipt) => undefined as void;
  await run("Join notes", PROVEN, async ({ onReceipt }) => {
    late = onReceipt;
    onReceipt(receipt("transact"));
    throw new Error("the carrier is full");
  });
  expect(tasks.get().current).toMatchObject({ state: "failed", error: "The carrier is full" });
  expect(sent()).toEqual(["transact"]);
  expect(await run("Another", PROVEN, async () => "anything")).toBe(true);
  late(receipt("transact"));
  expect(sent()).toEqual([]);
});
