/** Proofs from circuits' files, on this thread and on helpers that hold parts of the keys. */

import { ArtifactError } from "../errors";
import type { Circuit, Hex, Inputs, Proof, Stage } from "../types";
import { type ProvingKey, type Section, blinds, keyId, parseKey } from "./container";
import { Groth16, type Piece, scalars, share } from "./groth16";
import { Kernel } from "./kernel";
import { multiexp } from "./multiexp";
import { witness } from "./witness";

export type Report = (stage: Stage, part?: number) => void;

/** A circuit's files, whole and known to be the right ones. */
export interface Files {
  wasm: Uint8Array<ArrayBuffer>;
  zkey: Uint8Array<ArrayBuffer>;
}

export type Loader = (circuit: Circuit, progress: (part: number) => void) => Promise<Files>;

/** A thread that holds pieces of keys and sums them; in the order given. */
export interface Helper {
  hold(circuit: Circuit, pieces: Piece[]): void;
  sum(circuit: Circuit, section: Section, scalars: Uint8Array<ArrayBuffer>[]): Promise<Uint8Array[]>;
}

/** What every thread does: sum the pieces that it holds. */
export class Share {
  private readonly held = new Map<Circuit, Piece[]>();

  constructor(private readonly kernel: Kernel) {}

  hold(circuit: Circuit, pieces: Piece[]): void {
    this.held.set(circuit, pieces);
  }

  of(circuit: Circuit, section: Section): Piece[] {
    return (this.held.get(circuit) ?? []).filter((piece) => piece.section === section);
  }

  /** The scalars are secret, and wiped. */
  sum(piece: Piece, own: Uint8Array): Uint8Array {
    try {
      return multiexp(this.kernel, piece.group, piece.points, own);
    } finally {
      own.fill(0);
    }
  }
}

/** A circuit that is ready to prove: what this thread needs of its key, and what each helper's pieces are. */
interface Loaded {
  id: Hex;
  calculator: WebAssembly.Module;
  groth16: Groth16;
  helped: Pick<Piece, "section" | "places" | "cost">[][];
  cost: number;
}

export class Engine {
  private readonly loaded = new Map<Circuit, Promise<Loaded>>();
  private readonly own: Share;

  /** `pause` is awaited between long parts: it may let others run, or throw to end a proof. */
  constructor(
    private readonly kernel: Kernel,
    private readonly load: Loader,
    private readonly helpers: Helper[] = [],
    private readonly pause: () => Promise<void> = async () => undefined,
  ) {
    this.own = new Share(kernel);
  }

  /** Make a circuit ready; what failed is tried again the next time. */
  async warm(circuit: Circuit, report: Report = () => undefined): Promise<void> {
    await this.ready(circuit, report);
  }

  /** ArtifactError, also if the key's id is not `circuitId`; ProverError. One proof at a time. */
  async prove(circuit: Circuit, circuitId: Hex, inputs: Inputs, report: Report = () => undefined): Promise<Proof> {
    const { id, calculator, groth16, helped, cost } = await this.ready(circuit, report);
    if (id !== circuitId) {
      this.loaded.delete(circuit);
      throw new ArtifactError(
        `the key of ${circuit} is ${id}, but the pool verifies by ${circuitId}: ` +
          "nothing was proven; get the circuits' files of this deployment, or another server of them",
      );
    }
    report("witness", 0);
    const values = await witness(circuit, calculator, inputs);
    report("proof", 0);
    let done = 0;
    const finished = (pieces: { cost: number }[]) => {
      done += pieces.reduce((sum, piece) => sum + piece.cost, 0);
      report("proof", Math.min(1, done / cost));
    };
    const helping = async (helper: Helper, section: Section, all: Uint8Array, i: number) => {
      const pieces = helped[i]!.filter((piece) => piece.section === section);
      if (!pieces.length) return [];
      const sums = await helper.sum(
        circuit,
        section,
        pieces.map((piece) => scalars(piece, all)),
      );
      finished(pieces);
      return sums;
    };
    try {
      return await groth16.prove(values, async (section, all) => {
        const theirs = this.helpers.map((helper, i) => helping(helper, section, all, i));
        const sums: Uint8Array[] = [];
        for (const piece of this.own.of(circuit, section)) {
          await this.pause(); // so that the helpers have all of their work before this thread begins
          sums.push(this.own.sum(piece, scalars(piece, all)));
          finished([piece]);
        }
        return [...sums, ...(await Promise.all(theirs)).flat()];
      });
    } finally {
      values.fill(0);
    }
  }

  private ready(circuit: Circuit, report: Report): Promise<Loaded> {
    const before = this.loaded.get(circuit);
    if (before) return before;
    const made = this.prepare(circuit, report);
    this.loaded.set(circuit, made);
    made.catch(() => this.loaded.delete(circuit));
    return made;
  }

  private async prepare(circuit: Circuit, report: Report): Promise<Loaded> {
    report("key", 0);
    const files = await this.load(circuit, (part) => report("key", part));
    const calculator = await WebAssembly.compile(files.wasm);
    const key: ProvingKey = parseKey(files.zkey);
    if (!blinds(key)) throw new ArtifactError(`proofs by this key of ${circuit} would not hide what they are made of`);
    const [own, ...others] = share(key, 1 + this.helpers.length) as [Piece[], ...Piece[][]];
    this.own.hold(circuit, own);
    const helped = others.map((pieces) => pieces.map(({ section, places, cost }) => ({ section, places, cost })));
    others.forEach((pieces, i) => this.helpers[i]!.hold(circuit, pieces));
    const cost = [...own, ...helped.flat()].reduce((sum, piece) => sum + piece.cost, 0);
    const groth16 = new Groth16(this.kernel, key);
    report("key", 1);
    return { id: keyId(key), calculator, groth16, helped, cost };
  }
}
