/** Node only: proofs on this thread, from the files of a folder such as `build/circuits`. */

import { readFile } from "node:fs/promises";

import { ArtifactError } from "../errors";
import type { Circuit, Hex, Inputs, Proof, ProveOptions, Prover } from "../types";
import { Engine, type Files } from "./engine";
import { Kernel } from "./kernel";

export { FileStore } from "../store/files";

/** The files are the user's own, so they are not hashed; no proof leaves that does not verify under its key. */
export class NodeProver implements Prover {
  private readonly folder: string;
  private engine: Promise<Engine> | undefined;
  private signal: AbortSignal | undefined;
  private last: Promise<unknown> = Promise.resolve();

  constructor({ folder }: { folder: string }) {
    this.folder = folder;
  }

  warm(circuit: Circuit): Promise<void> {
    return this.inTurn((engine) => engine.warm(circuit));
  }

  /** ArtifactError, ProverError; the signal's reason if it is aborted, between one long sum and the next. */
  prove(circuit: Circuit, circuitId: Hex, inputs: Inputs, { onStage, signal }: ProveOptions = {}): Promise<Proof> {
    return this.inTurn((engine) => {
      this.signal = signal;
      return engine.prove(circuit, circuitId, inputs, onStage);
    });
  }

  private inTurn<Result>(work: (engine: Engine) => Promise<Result>): Promise<Result> {
    this.engine ??= Kernel.create().then(
      (kernel) =>
        new Engine(
          kernel,
          (circuit) => this.load(circuit),
          [],
          () => this.pause(),
        ),
    );
    const made = this.engine;
    const turn = this.last.then(async () => work(await made));
    this.last = turn.catch(() => undefined);
    return turn;
  }

  private async load(circuit: Circuit): Promise<Files> {
    const file = async (kind: keyof Files) => {
      const path = `${this.folder}/${circuit}.${kind}`;
      const read = await readFile(path).catch((error: Error) => {
        throw new ArtifactError(`${path} cannot be read (${error.message}); build the circuits, or name their folder`);
      });
      return Uint8Array.from(read);
    };
    return { wasm: await file("wasm"), zkey: await file("zkey") };
  }

  private async pause(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve));
    this.signal?.throwIfAborted();
  }
}
