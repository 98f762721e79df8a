/** The arithmetic of a proof as one WebAssembly module: fields, additions of points in batches, transforms, a key's rows. */

import { Assembler, type Code, count, get, i32, i64, loop, set, when } from "./assembler";
import {
  type Field,
  MONTGOMERY,
  PACKED,
  type PrimeField,
  SIZE,
  copy,
  limbs,
  primeField,
  quadratic,
  zero,
} from "./fields";

export const Q = 21888242871839275222246405745257275088696311157297823662689037894645226208583n;
export const R = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;

/** Factors of Montgomery form in files. */
const FILE = 1n << 256n;
const PAGE = 65536;

/** Addresses of constants and of what functions keep for themselves; the rest of the memory is the caller's. */
const AT = ((next = 0) => {
  const take = (elements: number) => (next += elements * SIZE) - elements * SIZE;
  return {
    fpOne: take(1),
    frOne: take(1),
    fpExponent: take(1),
    frExponent: take(1),
    /** ×: from a file's form of a coordinate to ours; from ours to a number; from a sum of rows to ours. */
    fromFile: take(1),
    toNumber: take(1),
    fromRows: take(1),
    toFile: take(1),
    fpScratch: take(2),
    frScratch: take(2),
    fp2Scratch: take(3),
    pairs: take(8),
    zero: take(2),
    end: take(0),
  };
})();

/** What the module exports. Lengths are in elements or points, all else are addresses. */
export interface Exports {
  fr_mul(out: number, a: number, b: number): void;
  fp_convert(to: number, from: number, length: number, factor: number): void;
  fr_unpacked(to: number, from: number, length: number): void;
  fr_scale(values: number, length: number, factor: number): void;
  fp_export(to: number, from: number, length: number, factor: number, scratch: number): void;
  fr_export(to: number, from: number, length: number, factor: number, scratch: number): void;
  fr_powers(to: number, base: number, length: number): void;
  fr_products(to: number, a: number, b: number, length: number): void;
  fr_differences(to: number, a: number, b: number, length: number): void;
  fr_decimate(values: number, length: number, roots: number): void;
  fr_interleave(values: number, length: number, roots: number): void;
  fr_rows(coefficients: number, length: number, witness: number, a: number, b: number): void;
  g1_pairs(pairs: number, length: number, denominators: number, products: number): void;
  g2_pairs(pairs: number, length: number, denominators: number, products: number): void;
  g1_scatter(points: number, digits: number, length: number, places: number, to: number): void;
  g2_scatter(points: number, digits: number, length: number, places: number, to: number): void;
}

let code: Promise<WebAssembly.Module> | undefined;

/** One instance with a memory of its own, which `take` hands out and `release` takes back. */
export class Kernel {
  private readonly memory = new WebAssembly.Memory({ initial: 1 });
  private next = (AT.end + 7) & ~7;

  private constructor(module: WebAssembly.Module) {
    this.call = new WebAssembly.Instance(module, { env: { memory: this.memory } }).exports as unknown as Exports;
    this.put(AT.fpOne, MONTGOMERY % Q);
    this.put(AT.frOne, MONTGOMERY % R);
    this.bytes(AT.fpExponent, PACKED).set(packed(Q - 2n));
    this.bytes(AT.frExponent, PACKED).set(packed(R - 2n));
    this.put(AT.fromFile, (MONTGOMERY * MONTGOMERY * inverseOfFile(Q)) % Q);
    this.put(AT.toFile, FILE % Q);
    this.put(AT.toNumber, 1n);
    // A coefficient is stored times 2^512 and multiplied by a number, which takes one factor of ours off.
    this.put(AT.fromRows, (MONTGOMERY ** 3n * inverseOfFile(R) ** 2n) % R);
  }

  readonly call: Exports;
  readonly at = AT;

  static async create(): Promise<Kernel> {
    code ??= WebAssembly.compile(build());
    return new Kernel(await code);
  }

  /** Room for so many bytes, all 0; it stands until `release` of a mark before it. */
  take(bytes: number): number {
    const at = this.next;
    this.next = (at + bytes + 7) & ~7;
    const missing = this.next + 8 - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / PAGE));
    return at;
  }

  mark(): number {
    return this.next;
  }

  /** Take back all room since `mark`, wiped: a witness may have been in it. */
  release(mark: number): void {
    this.bytes(mark, this.next - mark).fill(0);
    this.next = mark;
  }

  /** Views end with the next `take`. */
  bytes(at: number, length: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, at, length);
  }

  words(at: number, length: number): Uint32Array {
    return new Uint32Array(this.memory.buffer, at, length);
  }

  shorts(at: number, length: number): Int16Array {
    return new Int16Array(this.memory.buffer, at, length);
  }

  /** Write an element as its limbs. */
  put(at: number, value: bigint): void {
    this.words(at, SIZE / 4).set(limbs(value));
  }
}

/** A number as 32 bytes, little-endian. */
export function packed(value: bigint): Uint8Array {
  return Uint8Array.from({ length: PACKED }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

export function unpacked(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

function inverseOfFile(prime: bigint): bigint {
  let [power, base, exponent] = [1n, FILE % prime, prime - 2n];
  for (; exponent; exponent >>= 1n, base = (base * base) % prime) if (exponent & 1n) power = (power * base) % prime;
  return power;
}

function build(): Uint8Array<ArrayBuffer> {
  const module = new Assembler();
  const fp = primeField(module, "fp", Q, { scratch: AT.fpScratch, one: AT.fpOne, exponent: AT.fpExponent });
  const fr = primeField(module, "fr", R, { scratch: AT.frScratch, one: AT.frOne, exponent: AT.frExponent });
  conversions(module, fp, fr);
  vectors(module, fr);
  transforms(module, fr);
  rows(module, fr);
  curve(module, "g1", fp);
  curve(module, "g2", quadratic(module, "fp2", Q, fp, AT.fp2Scratch));
  return module.bytes();
}

const element = (base: Code, index: Code) => i32.add(base, i32.mul(index, i32.of(SIZE)));

/** Elements one after another: out of 32 bytes each into our form, and back, by a constant factor. */
function conversions(module: Assembler, fp: PrimeField, fr: PrimeField): void {
  module.func("fp_convert", 4, (f, to, from, length, factor) => {
    const i = f.local();
    const target = element(to, get(i));
    return count(i, length, [
      ...fp.unpack.call(target, i32.add(from, i32.shl(get(i), i32.of(5)))),
      ...fp.mul.call(target, target, factor),
    ]);
  });
  for (const [name, field] of Object.entries({ fp_export: fp, fr_export: fr }))
    module.func(name, 5, (f, to, from, length, factor, scratch) => {
      const i = f.local();
      return count(i, length, [
        ...field.mul.call(scratch, element(from, get(i)), factor),
        ...field.pack.call(i32.add(to, i32.shl(get(i), i32.of(5))), scratch),
      ]);
    });
}

function vectors(module: Assembler, fr: PrimeField): void {
  module.func("fr_powers", 3, (f, to, base, length) => {
    const i = f.local();
    return [
      ...copy(to, i32.of(AT.frOne), fr.words),
      ...count(i, i32.sub(length, i32.of(1)), [
        ...fr.mul.call(i32.add(to, i32.of(SIZE)), to, base),
        ...set(0, i32.add(to, i32.of(SIZE))),
      ]),
    ];
  });
  module.func("fr_unpacked", 3, (f, to, from, length) => {
    const i = f.local();
    return count(i, length, fr.unpack.call(element(to, get(i)), i32.add(from, i32.shl(get(i), i32.of(5)))));
  });
  module.func("fr_scale", 3, (f, values, length, factor) => {
    const i = f.local();
    return count(i, length, fr.mul.call(element(values, get(i)), element(values, get(i)), factor));
  });
  for (const [name, operation] of Object.entries({ fr_products: fr.mul, fr_differences: fr.sub }))
    module.func(name, 4, (f, to, a, b, length) => {
      const i = f.local();
      return count(i, length, operation.call(element(to, get(i)), element(a, get(i)), element(b, get(i))));
    });
}

/** Both halves of a discrete Fourier transform; `roots` are the powers of the root of unity, half as many as values. */
function transforms(module: Assembler, fr: PrimeField): void {
  const butterflies = (name: string, descending: boolean) =>
    module.func(name, 3, (f, values, length, roots) => {
      const [half, start, j, low, high, root, step] = [0, 1, 2, 3, 4, 5, 6].map(() => f.local()) as [
        number, number, number, number, number, number, number,
      ]; // prettier-ignore
      const scratch = i32.of(AT.frScratch);
      const sum = fr.add.call(get(low), get(low), get(high));
      const decimate = [
        ...fr.sub.call(scratch, get(low), get(high)),
        ...sum,
        ...fr.mul.call(get(high), scratch, get(root)),
      ];
      const interleave = [
        ...fr.mul.call(scratch, get(high), get(root)),
        ...fr.sub.call(get(high), get(low), scratch),
        ...fr.add.call(get(low), get(low), scratch),
      ];
      const level = [
        ...set(start, i32.of(0)),
        ...loop(i32.less(get(start), length), [
          ...set(low, element(values, get(start))),
          ...set(high, element(get(low), get(half))),
          ...set(root, roots),
          ...count(j, get(half), [
            ...(descending ? decimate : interleave),
            ...set(low, i32.add(get(low), i32.of(SIZE))),
            ...set(high, i32.add(get(high), i32.of(SIZE))),
            ...set(root, i32.add(get(root), get(step))),
          ]),
          ...set(start, i32.add(get(start), i32.shl(get(half), i32.of(1)))),
        ]),
      ];
      return descending
        ? [
            ...set(half, i32.shr(length, i32.of(1))),
            ...set(step, i32.of(SIZE)),
            ...loop(get(half), [
              ...level,
              ...set(half, i32.shr(get(half), i32.of(1))),
              ...set(step, i32.shl(get(step), i32.of(1))),
            ]),
          ]
        : [
            ...set(half, i32.of(1)),
            ...set(step, i32.mul(i32.shr(length, i32.of(1)), i32.of(SIZE))),
            ...loop(i32.less(get(half), length), [
              ...level,
              ...set(half, i32.shl(get(half), i32.of(1))),
              ...set(step, i32.shr(get(step), i32.of(1))),
            ]),
          ];
    });
  butterflies("fr_decimate", true);
  butterflies("fr_interleave", false);
}

/** Adds a key's coefficients (matrix, row, wire, value: 44 bytes each) times the witness to the rows of A and B. */
function rows(module: Assembler, fr: PrimeField): void {
  module.func("fr_rows", 5, (f, coefficients, length, witness, a, b) => {
    const [i, row] = [f.local(), f.local()];
    const scratch = i32.of(AT.frScratch);
    return count(i, length, [
      ...set(row, a),
      ...when(i32.load(coefficients), set(row, b)),
      ...set(row, element(get(row), i32.load(coefficients, 4))),
      ...fr.unpack.call(scratch, i32.add(coefficients, i32.of(12))),
      ...fr.mul.call(scratch, scratch, element(witness, i32.load(coefficients, 8))),
      ...fr.add.call(get(row), get(row), scratch),
      ...set(0, i32.add(coefficients, i32.of(44))),
    ]);
  });
}

/**
 * Sums of points in affine coordinates, many at a time, for one inversion; the point at infinity is (0, 0).
 *
 * `pairs` adds the second point of each pair of addresses to the first. No point may be in two pairs, but both of
 * one. `denominators` and `products` have room for a coordinate a pair; the pairs are overwritten.
 */
function curve(module: Assembler, name: string, field: Field): void {
  const size = 4 * field.words;
  const x = (point: Code) => point;
  const y = (point: Code) => i32.add(point, i32.of(size));
  const point = 2 * field.words;
  const infinite = (at: Code) =>
    i64.zero(Array.from({ length: field.words }, (_, j) => i64.load32(at, size + 4 * j)).reduce(i64.or));
  const [all, t, u, v] = [0, 1, 2, 3].map((i) => i32.of(AT.pairs + 2 * i * SIZE)) as [Code, Code, Code, Code];

  module.func(`${name}_pairs`, 4, (f, pairs, length, denominators, products) => {
    const [i, left, right, kept, into, denominator, product] = [0, 1, 2, 3, 4, 5, 6].map(() => f.local()) as [
      number, number, number, number, number, number, number,
    ]; // prettier-ignore
    const [a, b] = [get(left), get(right)];
    const forward = [
      ...set(left, i32.load(pairs)),
      ...set(right, i32.load(pairs, 4)),
      ...set(0, i32.add(pairs, i32.of(8))),
      ...when(
        infinite(a),
        copy(a, b, point),
        when(i32.zero(infinite(b)), [
          ...field.sub.call(t, x(b), x(a)),
          ...set(product, i32.of(1)),
          ...when(field.isZero.call(t), [
            ...field.sub.call(u, y(b), y(a)),
            ...when(
              field.isZero.call(u),
              [...field.add.call(t, y(a), y(a)), ...set(right, a)],
              [...zero(a, point), ...set(product, i32.of(0))],
            ),
          ]),
          ...when(get(product), [
            ...i32.store(get(into), a),
            ...i32.store(get(into), b, 4),
            ...set(into, i32.add(get(into), i32.of(8))),
            ...copy(element2(denominators, get(kept), size), t, field.words),
            ...copy(element2(products, get(kept), size), all, field.words),
            ...field.mul.call(all, all, t),
            ...set(kept, i32.add(get(kept), i32.of(1))),
          ]),
        ]),
      ),
    ];
    const backward = [
      ...set(kept, i32.sub(get(kept), i32.of(1))),
      ...set(into, i32.sub(get(into), i32.of(8))),
      ...set(left, i32.load(get(into))),
      ...set(right, i32.load(get(into), 4)),
      ...set(denominator, element2(denominators, get(kept), size)),
      ...set(product, element2(products, get(kept), size)),
      ...field.mul.call(u, all, get(product)),
      ...field.mul.call(all, all, get(denominator)),
      ...when(
        i32.eq(a, b),
        [...field.mul.call(v, x(a), x(a)), ...field.add.call(t, v, v), ...field.add.call(t, t, v)],
        field.sub.call(t, y(b), y(a)),
      ),
      ...field.mul.call(t, t, u),
      ...field.mul.call(u, t, t),
      ...field.sub.call(u, u, x(a)),
      ...field.sub.call(u, u, x(b)),
      ...field.sub.call(v, x(a), u),
      ...field.mul.call(v, t, v),
      ...field.sub.call(y(a), v, y(a)),
      ...copy(x(a), u, field.words),
    ];
    return [
      ...zero(all, field.words),
      ...copy(all, i32.of(AT.fpOne), SIZE / 4),
      ...set(into, pairs),
      ...count(i, length, forward),
      ...when(get(kept), [...field.inverse.call(all, all), ...loop(get(kept), backward)]),
    ];
  });

  // Each point with a digit other than 0 goes to the next place of that digit's bucket, negated for a negative one.
  module.func(`${name}_scatter`, 5, (f, points, digits, length, places, to) => {
    const [i, digit, place, target] = [f.local(), f.local(), f.local(), f.local()];
    return count(i, length, [
      ...set(digit, i32.load16Signed(digits)),
      ...when(get(digit), [
        ...set(place, i32.add(places, i32.shl(i32.sub(get(digit), i32.of(1)), i32.of(2)))),
        ...when(
          i32.lessSigned(get(digit), i32.of(0)),
          set(place, i32.add(places, i32.shl(i32.sub(i32.of(-1), get(digit)), i32.of(2)))),
        ),
        ...set(target, i32.add(to, i32.mul(i32.load(get(place)), i32.of(2 * size)))),
        ...i32.store(get(place), i32.add(i32.load(get(place)), i32.of(1))),
        ...copy(get(target), points, point),
        ...when(i32.lessSigned(get(digit), i32.of(0)), field.sub.call(y(get(target)), i32.of(AT.zero), y(points))),
      ]),
      ...set(0, i32.add(points, i32.of(2 * size))),
      ...set(1, i32.add(digits, i32.of(2))),
    ]);
  });
}

const element2 = (base: Code, index: Code, size: number) => i32.add(base, i32.mul(index, i32.of(size)));
