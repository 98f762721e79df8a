/** Groth16 (Groth 2016, §3.2) from a key and a witness. */

import { verify } from "../crypto/groth16";
import { ProverError } from "../errors";
import type { Proof } from "../types";
import { COEFFICIENT, type Points, type ProvingKey, SECTIONS, type Section, words } from "./container";
import { PACKED, SIZE } from "./fields";
import { Kernel, R, packed, unpacked } from "./kernel";
import { type Group, multiexp } from "./multiexp";

/** A part of a section, small enough that threads share all sections evenly. */
export interface Piece extends Points {
  section: Section;
  /** What its sum costs, in points of G1. */
  cost: number;
}

/** How many additions of G1 one of G2 costs. */
const G2_COST = 4;

/** Rows and transforms for each point of the domain, in additions of G1. */
const QUOTIENT_COST = 0.6;

/** The key's sections in pieces, and which of `threads` sums each: the first thread makes the quotient too. */
export function share(key: ProvingKey, threads: number): Piece[][] {
  const costs = (points: Points) => points.places.length * (points.group === "g2" ? G2_COST : 1);
  const names = Object.keys(SECTIONS) as Section[];
  const quotient = key.domain * QUOTIENT_COST;
  const limit = names.reduce((sum, name) => sum + costs(key.sections[name]), quotient) / threads;
  const pieces = names.flatMap((section) => {
    const all = key.sections[section];
    const parts = Math.ceil(costs(all) / limit);
    const each = Math.ceil(all.places.length / parts);
    const bytes = all.points.length / all.places.length;
    return Array.from({ length: parts }, (_, i): Piece => {
      const [from, to] = [i * each, Math.min((i + 1) * each, all.places.length)];
      const places = all.places.slice(from, to);
      return {
        section,
        group: all.group,
        places,
        points: all.points.slice(from * bytes, to * bytes),
        cost: (costs(all) * (to - from)) / all.places.length,
      };
    });
  });
  const loads = Array.from({ length: threads }, (_, i) => (i ? 0 : quotient));
  const shares: Piece[][] = loads.map(() => []);
  for (const piece of pieces.sort((a, b) => b.cost - a.cost)) {
    const least = loads.indexOf(Math.min(...loads));
    loads[least]! += piece.cost;
    shares[least]!.push(piece);
  }
  return shares;
}

/** The scalars of a piece, out of those of its whole section. */
export function scalars(piece: Pick<Piece, "places">, all: Uint8Array): Uint8Array<ArrayBuffer> {
  const found = new Uint8Array(PACKED * piece.places.length);
  piece.places.forEach((place, i) => found.set(all.subarray(PACKED * place, PACKED * (place + 1)), PACKED * i));
  return found;
}

/** Sums a section: all of its points, times scalars of 32 bytes each. */
export type Summing = (section: Section, scalars: Uint8Array) => Promise<Uint8Array[]>;

/** What does not change from proof to proof: a key and tables of its domain, in a kernel's memory. */
export class Groth16 {
  private readonly roots: number;
  private readonly inverseRoots: number;
  private readonly shifts: number;
  private readonly coefficients: number;

  private readonly terms: number;
  private readonly key: Omit<ProvingKey, "coefficients" | "sections">;

  constructor(
    private readonly kernel: Kernel,
    { coefficients, sections: _, ...key }: ProvingKey,
  ) {
    const { domain } = key;
    this.key = key;
    const shift = rootOfUnity(2 * domain);
    const root = (shift * shift) % R;
    this.roots = this.powers(root, domain / 2);
    this.inverseRoots = this.powers(inverse(root), domain / 2);
    this.shifts = kernel.take(domain * SIZE);
    this.terms = coefficients.length / COEFFICIENT;
    this.coefficients = kernel.take(coefficients.length);
    kernel.bytes(this.coefficients, coefficients.length).set(coefficients);
    this.tabulate(shift);
  }

  /** Prove, with `sum` for the long sums; ProverError if the witness does not satisfy the circuit. */
  async prove(witness: Uint8Array, sum: Summing): Promise<Proof> {
    const { kernel, key } = this;
    if (witness.length !== PACKED * key.wires) throw new ProverError("the witness is not one of this key's circuit");
    const [r, s] = [random(), random()];
    const own = witness.subarray(PACKED * (key.publics + 1));
    const early = [sum("b2", witness), sum("a", witness), sum("b1", witness), sum("c", own)];
    const quotient = this.quotient(witness);
    const late = sum("h", quotient).finally(() => quotient.fill(0));
    const [sumB2, sumA, sumB1, sumC, sumH] = (await Promise.all([...early, late])) as [
      Uint8Array[], Uint8Array[], Uint8Array[], Uint8Array[], Uint8Array[],
    ]; // prettier-ignore
    const total = (group: Group, ones: Uint8Array[], ...others: [Uint8Array, bigint][]) => {
      const terms = [...ones.map((point): [Uint8Array, bigint] => [point, 1n]), ...others];
      return multiexp(
        kernel,
        group,
        joined(terms.map(([point]) => point)),
        joined(terms.map(([, scalar]) => packed(scalar))),
      );
    };
    const a = total("g1", [...sumA, key.alpha1], [key.delta1, r]);
    const b = total("g2", [...sumB2, key.beta2], [key.delta2, s]);
    const b1 = total("g1", [...sumB1, key.beta1], [key.delta1, s]);
    const c = total("g1", [...sumC, ...sumH], [a, s], [b1, r], [key.delta1, R - ((r * s) % R)]);
    const publicSignals = [1, 2, 3].map((i) => unpacked(witness.subarray(PACKED * i, PACKED * (i + 1))));
    const proof = { words: [...words(a), ...words(b), ...words(c)], publicSignals };
    if (!verify(key.verification, proof.words, publicSignals))
      throw new ProverError("the proof made does not verify: circuit and key are not of one build; load both again");
    return proof;
  }

  /** A·B − C on the odd coset, C being A∘B on the domain: with the key's basis that is the quotient. */
  private quotient(witness: Uint8Array): Uint8Array {
    const { kernel, key } = this;
    const { call, at } = kernel;
    const { domain } = key;
    const mark = kernel.mark();
    const bytes = domain * SIZE;
    const [a, b, c] = [kernel.take(bytes), kernel.take(bytes), kernel.take(bytes)] as [number, number, number];
    const [read, wires] = [kernel.take(witness.length), kernel.take(key.wires * SIZE)];
    const [out, scratch] = [kernel.take(PACKED * domain), kernel.take(SIZE)];
    try {
      kernel.bytes(read, witness.length).set(witness);
      call.fr_unpacked(wires, read, key.wires);
      call.fr_rows(this.coefficients, this.terms, wires, a, b);
      for (const rows of [a, b]) call.fr_scale(rows, domain, at.fromRows);
      call.fr_products(c, a, b, domain);
      for (const values of [a, b, c]) {
        call.fr_decimate(values, domain, this.inverseRoots);
        call.fr_products(values, values, this.shifts, domain);
        call.fr_interleave(values, domain, this.roots);
      }
      call.fr_products(a, a, b, domain);
      call.fr_differences(a, a, c, domain);
      call.fr_export(out, a, domain, at.toNumber, scratch);
      return kernel.bytes(out, PACKED * domain).slice();
    } finally {
      kernel.release(mark);
    }
  }

  private powers(base: bigint, length: number): number {
    const { kernel } = this;
    const [at, factor] = [kernel.take(length * SIZE), kernel.take(SIZE)];
    kernel.put(factor, montgomery(base));
    kernel.call.fr_powers(at, factor, length);
    return at;
  }

  /** shiftⁱ/domain, where a decimated transform leaves coefficient i: its bits reversed. */
  private tabulate(shift: bigint): void {
    const { kernel } = this;
    const { domain } = this.key;
    const mark = kernel.mark();
    const plain = this.powers(shift, domain);
    const factor = kernel.take(SIZE);
    kernel.put(factor, montgomery(inverse(BigInt(domain))));
    kernel.call.fr_scale(plain, domain, factor);
    const memory = kernel.bytes(0, kernel.mark());
    for (let i = 0, reversed = 0; i < domain; i++) {
      memory.copyWithin(this.shifts + reversed * SIZE, plain + i * SIZE, plain + (i + 1) * SIZE);
      let bit = domain >> 1;
      for (; reversed & bit; bit >>= 1) reversed ^= bit;
      reversed ^= bit;
    }
    kernel.release(mark);
  }
}

const montgomery = (value: bigint) => (value * (1n << 261n)) % R;

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (; exponent; exponent >>= 1n, base = (base * base) % R) if (exponent & 1n) result = (result * base) % R;
  return result;
}

const inverse = (value: bigint) => power(value, R - 2n);

/** Of a power of two up to 2^28; 5 is no square in Fr. */
const rootOfUnity = (order: number) => power(5n, (R - 1n) / BigInt(order));

function joined(parts: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) (all.set(part, at), (at += part.length));
  return all;
}

/** A uniform scalar: of 254 random bits, as often as it takes. */
function random(): bigint {
  for (;;) {
    const bytes = crypto.getRandomValues(new Uint8Array(PACKED));
    bytes[31]! &= 0x3f;
    const value = unpacked(bytes);
    if (value < R) return value;
  }
}
