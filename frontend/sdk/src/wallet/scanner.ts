/**
 * The pads of many memos in WebAssembly: for each a scalar multiplication on Baby Jubjub, an inversion and a
 * permutation of Poseidon, whoever it is for. Several times as fast as numbers without bounds.
 */

import type { Point } from "../crypto/babyjubjub";
import { R, tag } from "../crypto/field";
import { parameters } from "../crypto/grain";
import { Assembler, type Code, count, get, i32, set, when } from "../prover/assembler";
import { MONTGOMERY, PACKED, type PrimeField, SIZE, copy, limbs, primeField } from "../prover/fields";
import { packed, unpacked } from "../prover/kernel";

const A = 168700n;
const D = 168696n;
const COFACTOR = 8n;
const WIDTH = 7;
const FULL = 4;
const WINDOW = 5;
const ODD = 1 << (WINDOW - 2);
const LIMBS = SIZE / 4;
const POINT = 3 * SIZE;
const PAGES = 4;

const { first, second, enter, keys, rows, columns, mix } = parameters(WIDTH);

/** Addresses; an element takes SIZE bytes, a point its x, y and z. */
const AT = ((next = 64) => {
  const take = (elements: number) => (next += elements * SIZE) - elements * SIZE;
  return {
    one: take(1),
    exponent: take(1),
    inverseScratch: take(2),
    a: take(1),
    d: take(1),
    toMontgomery: take(1),
    toNumber: take(1),
    tag: take(1),
    zero: take(1),
    scratch: take(8),
    total: take(3),
    twice: take(3),
    /** Odd multiples of a point, then their negatives. */
    odd: take(3 * 2 * ODD),
    state: take(WIDTH),
    mixed: take(WIDTH),
    first: take(FULL * WIDTH),
    enter: take((WIDTH - 1) ** 2),
    keys: take(keys.length),
    rows: take(keys.length * (WIDTH - 1)),
    columns: take(keys.length * (WIDTH - 1)),
    second: take(FULL * WIDTH),
    mix: take(WIDTH ** 2),
    /** What goes in, a point's x and y, and comes out, the pad; packed. */
    point: take(2),
    pad: take(1),
    /** Digits of the scalar, 4 bytes each, the highest first: 0, or one more than the place of an odd multiple. */
    digits: take(80),
  };
})();

interface Exports {
  pad(digits: number): void;
}

let code: Promise<WebAssembly.Module> | undefined;

/** Works out memos' pads for one viewing key. */
export class Scanner {
  private constructor(
    private readonly memory: WebAssembly.Memory,
    private readonly call: Exports,
    private readonly digits: number,
  ) {}

  static async create(scalar: bigint): Promise<Scanner> {
    code ??= WebAssembly.compile(build());
    const memory = new WebAssembly.Memory({ initial: PAGES });
    const instance = new WebAssembly.Instance(await code, { env: { memory } });
    const put = (at: number, value: bigint) => new Uint32Array(memory.buffer, at, LIMBS).set(limbs(value));
    const own = (at: number, values: readonly bigint[]) => {
      values.forEach((value, i) => put(at + i * SIZE, (value * MONTGOMERY) % R));
    };
    new Uint8Array(memory.buffer, AT.exponent, PACKED).set(packed(R - 2n));
    for (const [at, value] of Object.entries({ one: 1n, a: A, d: D, tag: tag("memo"), toMontgomery: MONTGOMERY }))
      own(AT[at as keyof typeof AT], [value % R]);
    put(AT.toNumber, 1n);
    for (const [at, words] of Object.entries({ first, second, mix, enter, rows, columns }))
      own(AT[at as keyof typeof AT], words.flat());
    own(AT.keys, keys);
    const digits = signedDigits(COFACTOR * scalar);
    new Uint32Array(memory.buffer, AT.digits, digits.length).set(digits);
    return new Scanner(memory, instance.exports as unknown as Exports, digits.length);
  }

  /** The first pad of a memo whose point is this one, which is on the curve. */
  pad([x, y]: Point): bigint {
    const given = new Uint8Array(this.memory.buffer, AT.point, 2 * PACKED);
    given.set(packed(x));
    given.set(packed(y), PACKED);
    this.call.pad(this.digits);
    return unpacked(new Uint8Array(this.memory.buffer, AT.pad, PACKED));
  }
}

/** The window's non-adjacent form, as places among the odd multiples and their negatives, counted from 1. */
function signedDigits(scalar: bigint): number[] {
  const digits: number[] = [];
  for (let left = scalar; left; left >>= 1n) {
    let digit = left & 1n ? Number(left & ((1n << BigInt(WINDOW)) - 1n)) : 0;
    if (digit >= 1 << (WINDOW - 1)) digit -= 1 << WINDOW;
    left -= BigInt(digit);
    digits.push(digit === 0 ? 0 : 1 + (Math.abs(digit) >> 1) + (digit < 0 ? ODD : 0));
  }
  return digits.reverse();
}

const of = i32.of;
const element = (base: Code, index: number) => (index ? i32.add(base, of(index * SIZE)) : base);
const indexed = (base: number, index: Code, size = SIZE) => i32.add(of(base), i32.mul(index, of(size)));

function build(): Uint8Array<ArrayBuffer> {
  const module = new Assembler();
  const fr = primeField(module, "fr", R, { scratch: AT.inverseScratch, one: AT.one, exponent: AT.exponent });
  const shared = multiplication(module, fr);
  const permute = permutation(module, fr);
  const [x, y, z] = [0, 1, 2].map((i) => of(AT.total + i * SIZE)) as [Code, Code, Code];
  module.func("pad", 1, (_, digits) => [
    ...fr.unpack.call(of(AT.odd), of(AT.point)),
    ...fr.unpack.call(of(AT.odd + SIZE), of(AT.point + PACKED)),
    ...[0, 1].flatMap((i) => fr.mul.call(of(AT.odd + i * SIZE), of(AT.odd + i * SIZE), of(AT.toMontgomery))),
    ...copy(of(AT.odd + 2 * SIZE), of(AT.one), LIMBS),
    ...shared.call(digits),
    ...fr.inverse.call(z, z),
    ...copy(of(AT.state), of(AT.tag), LIMBS),
    ...fr.mul.call(of(AT.state + SIZE), x, z),
    ...fr.mul.call(of(AT.state + 2 * SIZE), y, z),
    ...[3, 4, 5, 6].flatMap((i) => copy(of(AT.state + i * SIZE), of(AT.zero), LIMBS)),
    ...permute.call(),
    ...fr.mul.call(of(AT.scratch), of(AT.state + SIZE), of(AT.toNumber)),
    ...fr.pack.call(of(AT.pad), of(AT.scratch)),
  ]);
  return module.bytes();
}

/** The point at `odd`, times the scalar of the digits, into `total`. */
function multiplication(module: Assembler, { mul, add, sub }: PrimeField) {
  const at = (i: number) => of(AT.scratch + i * SIZE);
  const T = { s: at(0), c: at(1), d: at(2), e: at(3), f: at(4), g: at(5), u: at(6), v: at(7) };

  /** Bernstein, Birkner, Joye, Lange, Peters, "Twisted Edwards Curves", §6: doubling. */
  const double = module.func("double", 2, (_, to, p) => [
    ...add.call(T.s, p, element(p, 1)),
    ...mul.call(T.s, T.s, T.s),
    ...mul.call(T.c, p, p),
    ...mul.call(T.d, element(p, 1), element(p, 1)),
    ...mul.call(T.e, T.c, of(AT.a)),
    ...add.call(T.f, T.e, T.d),
    ...mul.call(T.g, element(p, 2), element(p, 2)),
    ...sub.call(T.u, T.f, T.g),
    ...sub.call(T.u, T.u, T.g),
    ...sub.call(T.s, T.s, T.c),
    ...sub.call(T.s, T.s, T.d),
    ...mul.call(to, T.s, T.u),
    ...sub.call(T.e, T.e, T.d),
    ...mul.call(element(to, 1), T.f, T.e),
    ...mul.call(element(to, 2), T.f, T.u),
  ]);

  /** The same source: addition, which is complete. */
  const sum = module.func("sum", 3, (_, to, p, q) => [
    ...mul.call(T.s, element(p, 2), element(q, 2)),
    ...mul.call(T.c, p, q),
    ...mul.call(T.d, element(p, 1), element(q, 1)),
    ...add.call(T.u, p, element(p, 1)),
    ...add.call(T.v, q, element(q, 1)),
    ...mul.call(T.u, T.u, T.v),
    ...sub.call(T.u, T.u, T.c),
    ...sub.call(T.u, T.u, T.d),
    ...mul.call(T.e, T.c, T.d),
    ...mul.call(T.e, T.e, of(AT.d)),
    ...mul.call(T.g, T.s, T.s),
    ...sub.call(T.f, T.g, T.e),
    ...add.call(T.g, T.g, T.e),
    ...mul.call(T.v, T.s, T.f),
    ...mul.call(to, T.v, T.u),
    ...mul.call(T.v, T.c, of(AT.a)),
    ...sub.call(T.v, T.d, T.v),
    ...mul.call(T.v, T.v, T.g),
    ...mul.call(element(to, 1), T.v, T.s),
    ...mul.call(element(to, 2), T.f, T.g),
  ]);

  return module.func("shared", 1, (fn, digits) => {
    const [i, digit, here] = [fn.local(), fn.local(), fn.local()];
    const total = of(AT.total);
    return [
      ...double.call(of(AT.twice), of(AT.odd)),
      ...set(here, of(AT.odd)),
      ...count(i, of(ODD - 1), [
        ...sum.call(i32.add(get(here), of(POINT)), get(here), of(AT.twice)),
        ...set(here, i32.add(get(here), of(POINT))),
      ]),
      ...set(here, of(AT.odd)),
      ...count(i, of(ODD), [
        ...copy(i32.add(get(here), of(ODD * POINT)), get(here), 3 * LIMBS),
        ...sub.call(i32.add(get(here), of(ODD * POINT)), of(AT.zero), get(here)),
        ...set(here, i32.add(get(here), of(POINT))),
      ]),
      ...copy(total, of(AT.zero), LIMBS),
      ...copy(element(total, 1), of(AT.one), LIMBS),
      ...copy(element(total, 2), of(AT.one), LIMBS),
      ...count(i, digits, [
        ...double.call(total, total),
        ...set(digit, i32.load(indexed(AT.digits, get(i), 4))),
        ...when(get(digit), sum.call(total, total, indexed(AT.odd, i32.sub(get(digit), of(1)), POINT))),
      ]),
    ];
  });
}

/** Poseidon of width 7 on `state`, its partial rounds in sparse form. */
function permutation(module: Assembler, { mul, add }: PrimeField) {
  const [t, u] = [of(AT.scratch), of(AT.scratch + SIZE)];
  const fifth = module.func("fifth", 1, (_, a) => [...mul.call(t, a, a), ...mul.call(t, t, t), ...mul.call(a, a, t)]);
  /** Adds the products of two lists to `to`, which stands in neither. */
  const dot = module.func("dot", 4, (f, to, a, b, length) => {
    const i = f.local();
    return count(i, length, [
      ...mul.call(t, a, b),
      ...add.call(to, to, t),
      ...set(1, i32.add(a, of(SIZE))),
      ...set(2, i32.add(b, of(SIZE))),
    ]);
  });
  /** `length` elements from `at` on, times the matrix. */
  const apply = module.func("apply", 3, (f, matrix, at, length) => {
    const [i, to] = [f.local(), f.local()];
    return [
      ...count(i, length, [
        ...set(to, indexed(AT.mixed, get(i))),
        ...copy(get(to), of(AT.zero), LIMBS),
        ...dot.call(get(to), i32.add(matrix, i32.mul(i32.mul(get(i), length), of(SIZE))), at, length),
      ]),
      ...count(i, length, copy(i32.add(at, i32.mul(get(i), of(SIZE))), indexed(AT.mixed, get(i)), LIMBS)),
    ];
  });
  const full = module.func("full", 1, (f, constants) => {
    const [i, at] = [f.local(), f.local()];
    return [
      ...count(i, of(WIDTH), [
        ...set(at, indexed(AT.state, get(i))),
        ...add.call(get(at), get(at), i32.add(constants, i32.mul(get(i), of(SIZE)))),
        ...fifth.call(get(at)),
      ]),
      ...apply.call(of(AT.mix), of(AT.state), of(WIDTH)),
    ];
  });
  const [zero, rest] = [of(AT.state), of(AT.state + SIZE)];
  const STEP = (WIDTH - 1) * SIZE;
  const partial = module.func("partial", 1, (f, round) => {
    const i = f.local();
    const sparse = (base: number) => i32.add(of(base), i32.mul(round, of(STEP)));
    return [
      ...add.call(zero, zero, indexed(AT.keys, round)),
      ...fifth.call(zero),
      ...mul.call(of(AT.mixed), zero, of(AT.mix)),
      ...dot.call(of(AT.mixed), sparse(AT.rows), rest, of(WIDTH - 1)),
      ...count(i, of(WIDTH - 1), [
        ...mul.call(u, i32.add(sparse(AT.columns), i32.mul(get(i), of(SIZE))), zero),
        ...add.call(indexed(AT.state + SIZE, get(i)), indexed(AT.state + SIZE, get(i)), u),
      ]),
      ...copy(zero, of(AT.mixed), LIMBS),
    ];
  });
  return module.func("permute", 0, (f) => {
    const i = f.local();
    return [
      ...count(i, of(FULL), full.call(indexed(AT.first, get(i), WIDTH * SIZE))),
      ...apply.call(of(AT.enter), rest, of(WIDTH - 1)),
      ...count(i, of(keys.length), partial.call(get(i))),
      ...count(i, of(FULL), full.call(indexed(AT.second, get(i), WIDTH * SIZE))),
    ];
  });
}
