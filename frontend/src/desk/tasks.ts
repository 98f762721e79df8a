/** The one thing at a time that the desk proves and sends, and where it stands. */

import { capital } from "../format";
import { walletError } from "../wallets/eip1193";
import type { Receipt, Stage } from "./sdk";
import { Store } from "./store";

export interface Task {
  title: string;
  stages: Stage[];
  stage: Stage;
  /** Of the stage, from 0 to 1; null where that is not known. */
  part: number | null;
  state: "running" | "done" | "failed" | "cancelled";
  error: string | null;
  /** Of what a block took in so far. */
  receipts: Receipt[];
  began: number;
  ended: number | null;
}

export interface Progress {
  onStage: (stage: Stage, part?: number) => void;
  onReceipt: (receipt: Receipt) => void;
  signal: AbortSignal;
}

export const PROVEN: Stage[] = ["key", "witness", "proof", "send"];
export const SENT: Stage[] = ["send"];

export const tasks = new Store<{ current: Task | null }>({ current: null });
let stop: AbortController | null = null;

/** Run what proves and sends; whether it was done, or failed or was cancelled (`tasks` says why). */
export async function run(
  title: string,
  stages: Stage[],
  act: (progress: Progress) => Promise<unknown>,
): Promise<boolean> {
  if (tasks.get().current?.state === "running") throw new Error("one thing at a time: wait until the last one is done");
  const mine = new AbortController();
  stop = mine;
  const first: Task = {
    title,
    stages,
    stage: stages[0]!,
    part: null,
    state: "running",
    error: null,
    receipts: [],
    began: Date.now(),
    ended: null,
  };
  tasks.set({ current: first });
  const onStage = (stage: Stage, part?: number) => {
    if (stop === mine) patch({ stage, part: part ?? null });
  };
  const onReceipt = (receipt: Receipt) => {
    if (stop === mine) patch({ receipts: [...tasks.get().current!.receipts, receipt] });
  };
  try {
    await act({ onStage, onReceipt, signal: mine.signal });
    if (stop === mine) patch({ state: "done" });
    return true;
  } catch (error) {
    if (stop === mine) patch(mine.signal.aborted ? { state: "cancelled" } : { state: "failed", error: explain(error) });
    return false;
  }
}

/** What was sent cannot be called back, only what is still being proven. */
export function cancellable(task: Task): boolean {
  return task.state === "running" && task.stage !== "send";
}

export function cancel(): void {
  const { current } = tasks.get();
  if (current && cancellable(current)) stop?.abort();
}

export function dismiss(): void {
  if (tasks.get().current?.state !== "running") tasks.set({ current: null });
}

/** End whatever runs, unseen: the desk was locked. */
export function abandon(): void {
  stop?.abort();
  stop = null;
  tasks.set({ current: null });
}

/** An error as text for people; a wallet's refusals come as bare objects with a code. */
export function explain(error: unknown): string {
  if (typeof error === "object" && error !== null && "code" in error && typeof error.code === "number")
    return walletError(error).message;
  const text = error instanceof Error ? error.message : String(error);
  return text ? capital(text) : "It failed, and no reason was given.";
}

function patch(change: Partial<Task>): void {
  const { current } = tasks.get();
  if (!current) return;
  const ended = change.state ? Date.now() : null;
  tasks.set({ current: { ...current, ...change, ended } });
}
