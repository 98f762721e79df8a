/** Browser only: proofs in a web worker, off the page's thread. */

import * as errors from "../errors";
import type { Circuit, Hex, Inputs, Proof, ProveOptions, Prover } from "../types";
import type { Reply, Request } from "./worker";

export { IndexedDbStore } from "../store/indexeddb";

/** More threads gain little: the longest sums are of some ten thousand points. */
const MOST_THREADS = 4;

export interface BrowserProverOptions {
  /** Where `artifacts/` is served, without a slash at its end; the page's own origin if none. */
  baseUrl?: string;
  threads?: number;
}

/** `threads` are the machine's cores, up to four, unless given. One proof is made at a time, in the order asked for. */
export class BrowserProver implements Prover {
  private readonly baseUrl: string;
  private readonly threads: number;
  private worker: Worker | undefined;
  private last: Promise<unknown> = Promise.resolve();
  private next = 0;

  constructor({ baseUrl = location.origin, threads }: BrowserProverOptions = {}) {
    this.baseUrl = baseUrl;
    this.threads = threads ?? Math.max(1, Math.min(navigator.hardwareConcurrency || 1, MOST_THREADS));
  }

  /** Have a circuit's files ready: downloaded, checked, in memory. */
  async warm(circuit: Circuit, options: ProveOptions = {}): Promise<void> {
    await this.inTurn((id) => ({ kind: "warm", id, circuit }), options);
  }

  /** ArtifactError, ProverError; the signal's reason, at once, if it is aborted. */
  prove(circuit: Circuit, circuitId: Hex, inputs: Inputs, options: ProveOptions = {}): Promise<Proof> {
    return this.inTurn((id) => ({ kind: "prove", id, circuit, circuitId, inputs }), options) as Promise<Proof>;
  }

  /** End the threads and forget what they hold; the next proof starts new ones. */
  stop(): void {
    this.worker?.terminate();
    this.worker = undefined;
  }

  private inTurn(request: (id: number) => Request, options: ProveOptions): Promise<unknown> {
    const { signal } = options;
    const before = this.last;
    const turn = new Promise((resolve, reject) => {
      const leave = () => reject(signal!.reason);
      signal?.addEventListener("abort", leave, { once: true });
      const begin = () => {
        signal?.removeEventListener("abort", leave);
        signal?.throwIfAborted();
        return this.ask(request(this.next++), options);
      };
      before.then(begin).then(resolve, reject);
    });
    this.last = turn.catch(() => undefined);
    return turn;
  }

  private ask(request: Request, { onStage, signal }: ProveOptions): Promise<unknown> {
    const worker = (this.worker ??= this.start());
    return new Promise((resolve, reject) => {
      const end = (finish: () => void) => {
        signal?.removeEventListener("abort", abort);
        worker.onmessage = worker.onerror = null;
        finish();
      };
      // After any failure new threads are started: one of them may be what failed.
      const fail = (error: unknown) =>
        end(() => {
          if (this.worker === worker) this.stop();
          reject(error);
        });
      const abort = () => fail(signal!.reason);
      signal?.addEventListener("abort", abort, { once: true });
      worker.onerror = (event) =>
        fail(new errors.ProverError(event.message || "the prover's thread stopped; try again"));
      worker.onmessage = ({ data }: MessageEvent<Reply>) => {
        if ("stage" in data) onStage?.(data.stage, data.part);
        else if ("error" in data) fail(new errors[data.name](data.error));
        else end(() => resolve(data.result));
      };
      worker.postMessage(request);
    });
  }

  private start(): Worker {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    worker.postMessage({ kind: "open", baseUrl: this.baseUrl, threads: this.threads } satisfies Request);
    return worker;
  }
}
