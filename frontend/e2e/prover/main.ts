/** What `drive.mjs` calls in the page: proofs with times, stages, and how long the page ever stood still. */

import { BrowserProver } from "@shadowpool/sdk/prover/browser";
import type { Circuit, Hex, Inputs } from "@shadowpool/sdk/types";

export interface Job {
  circuit: Circuit;
  circuitId: Hex;
  /** Numbers in decimal text. */
  inputs: Record<string, Text>;
  threads?: number;
  /** Proofs by one prover: the first of them reads the key. */
  rounds: number;
  /** Cancel so many milliseconds after the stage has begun. */
  cancel?: { stage: string; after: number };
}

type Text = string | Text[];

export interface Outcome {
  isolated: boolean;
  proofs: { words: string[]; publicSignals: string[] }[];
  seconds: number[];
  stages: string[];
  /** The longest time between two turns of the page, in seconds. */
  stillness: number;
  /** From the wish to cancel to the end, in turns of the page. */
  cancelled?: number;
  error?: string;
}

async function run(job: Job): Promise<Outcome> {
  const outcome: Outcome = { isolated: crossOriginIsolated, proofs: [], seconds: [], stages: [], stillness: 0 };
  const prover = new BrowserProver({ threads: job.threads });
  const controller = new AbortController();
  let last = performance.now();
  let turns = 0;
  const watch = setInterval(() => {
    turns += 1;
    outcome.stillness = Math.max(outcome.stillness, (performance.now() - last) / 1000);
    last = performance.now();
  }, 5);
  let wished = 0;
  const onStage = (stage: string) => {
    if (outcome.stages.at(-1) !== stage) outcome.stages.push(stage);
    else return;
    if (job.cancel?.stage === stage)
      setTimeout(() => {
        wished = turns;
        controller.abort();
      }, job.cancel.after);
  };
  try {
    for (let i = 0; i < job.rounds; i++) {
      const begun = performance.now();
      const proof = await prover.prove(job.circuit, job.circuitId, numbers(job.inputs) as Inputs, {
        onStage,
        signal: controller.signal,
      });
      outcome.seconds.push((performance.now() - begun) / 1000);
      outcome.proofs.push({ words: proof.words.map(String), publicSignals: proof.publicSignals.map(String) });
    }
  } catch (error) {
    if (controller.signal.aborted) outcome.cancelled = turns - wished;
    outcome.error = `${(error as Error).name}: ${(error as Error).message}`;
  } finally {
    clearInterval(watch);
    prover.stop();
  }
  return outcome;
}

function numbers(value: Record<string, Text> | Text): unknown {
  if (typeof value === "string") return BigInt(value);
  if (Array.isArray(value)) return value.map(numbers);
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, numbers(part)]));
}

/** Change one byte of every file in the store, and tell how many there were. */
async function spoil(): Promise<number> {
  const database = await new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open("shadowpool-artifacts");
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const files = database.transaction("files", "readwrite").objectStore("files");
  const cursor = files.openCursor();
  return new Promise((resolve, reject) => {
    let count = 0;
    cursor.onerror = () => reject(cursor.error);
    cursor.onsuccess = () => {
      const at = cursor.result;
      if (!at) {
        database.close();
        return resolve(count);
      }
      const bytes = at.value as Uint8Array;
      bytes[bytes.length >> 1]! ^= 1;
      at.update(bytes);
      count++;
      at.continue();
    };
  });
}

Object.assign(window, { run, spoil });
