/**
 * Browser only: a prover's thread. The first is told to open and makes proofs; it starts the same script again for its
 * helpers, which hold pieces of keys and sum them. They end with the first.
 *
 * Keys and scalars pass in messages, so no shared memory is needed: it is as fast without cross-origin isolation.
 */

import * as errors from "../errors";
import { IndexedDbStore } from "../store/indexeddb";
import type { Circuit, Hex, Inputs, Proof, Stage } from "../types";
import { Artifacts } from "./artifacts";
import type { Section } from "./container";
import { Engine, type Helper, Share } from "./engine";
import type { Piece } from "./groth16";
import { Kernel } from "./kernel";

export type Request =
  | { kind: "open"; baseUrl: string; threads: number }
  | { kind: "warm"; id: number; circuit: Circuit }
  | { kind: "prove"; id: number; circuit: Circuit; circuitId: Hex; inputs: Inputs }
  | { kind: "hold"; circuit: Circuit; pieces: Piece[] }
  | { kind: "sum"; id: number; circuit: Circuit; section: Section; scalars: Uint8Array<ArrayBuffer>[] };

export type Reply =
  | { id: number; stage: Stage; part?: number }
  | { id: number; result: Proof | Uint8Array[] | undefined }
  | { id: number; error: string; name: "ArtifactError" | "ProverError" };

const kernel = Kernel.create();
const held = kernel.then((made) => new Share(made));
let engine: Promise<Engine> | undefined;

self.onmessage = async ({ data }: MessageEvent<Request>) => {
  if (data.kind === "open") engine = open(data.baseUrl, data.threads);
  else if (data.kind === "hold") (await held).hold(data.circuit, data.pieces);
  else await answer(data.id, data);
};

async function answer(id: number, request: Request): Promise<void> {
  const reply = (message: Reply) => postMessage(message);
  const report = (stage: Stage, part?: number) => reply({ id, stage, ...(part === undefined ? {} : { part }) });
  try {
    if (request.kind === "sum") {
      const share = await held;
      const pieces = share.of(request.circuit, request.section);
      reply({ id, result: pieces.map((piece, i) => share.sum(piece, request.scalars[i]!)) });
    } else if (request.kind === "prove") {
      const { circuit, circuitId, inputs } = request;
      reply({ id, result: await (await engine!).prove(circuit, circuitId, inputs, report) });
    } else if (request.kind === "warm") {
      await (await engine!).warm(request.circuit, report);
      reply({ id, result: undefined });
    }
  } catch (error) {
    const name = error instanceof errors.ArtifactError ? "ArtifactError" : "ProverError";
    reply({ id, error: error instanceof Error ? error.message : String(error), name });
  }
}

async function open(baseUrl: string, threads: number): Promise<Engine> {
  const artifacts = new Artifacts(baseUrl, new IndexedDbStore("shadowpool-artifacts"));
  const helpers = typeof Worker === "undefined" ? [] : Array.from({ length: threads - 1 }, () => new WorkerHelper());
  return new Engine(await kernel, (circuit, progress) => artifacts.load(circuit, progress), helpers);
}

class WorkerHelper implements Helper {
  private readonly worker = new Worker(self.location.href, { type: "module" });
  private readonly waiting = new Map<number, { resolve(sums: Uint8Array[]): void; reject(error: Error): void }>();
  private failure: Error | undefined;
  private next = 0;

  constructor() {
    this.worker.onmessage = ({ data }: MessageEvent<Reply>) => {
      const one = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      if ("result" in data) one?.resolve(data.result as Uint8Array[]);
      else if ("error" in data) one?.reject(new errors.ProverError(data.error));
    };
    this.worker.onerror = () => {
      this.failure = new errors.ProverError("a thread of the prover stopped; try again");
      for (const one of this.waiting.values()) one.reject(this.failure);
      this.waiting.clear();
    };
  }

  hold(circuit: Circuit, pieces: Piece[]): void {
    this.post(
      { kind: "hold", circuit, pieces },
      pieces.map((piece) => piece.points.buffer),
    );
  }

  sum(circuit: Circuit, section: Section, scalars: Uint8Array<ArrayBuffer>[]): Promise<Uint8Array[]> {
    const id = this.next++;
    return new Promise((resolve, reject) => {
      if (this.failure) return reject(this.failure);
      this.waiting.set(id, { resolve, reject });
      this.post(
        { kind: "sum", id, circuit, section, scalars },
        scalars.map((one) => one.buffer),
      );
    });
  }

  private post(request: Request, transfer: ArrayBuffer[]): void {
    this.worker.postMessage(request, transfer);
  }
}
