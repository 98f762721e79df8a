/**
 * Prime fields of BN254 in WebAssembly: 9 limbs of 29 bits, each in 32, in Montgomery form with 2^261.
 *
 * Elements are kept below twice the prime. A product of two limbs has 58 bits, and 18 of them are summed in 64
 * without a carry, which is what makes this faster than limbs of 32 bits.
 */

import { type Assembler, type Code, type Func, I64, get, i32, i64, loop, set, when } from "./assembler";

const LIMBS = 9;
const BITS = 29n;
const MASK = (1n << BITS) - 1n;
const LAST = LIMBS - 1;

/** Bytes of an element in the kernel's memory, and of one in files. */
export const SIZE = 4 * LIMBS;
export const PACKED = 32;

/** The factor of Montgomery form in memory. */
export const MONTGOMERY = 1n << (BITS * BigInt(LIMBS));

export function limbs(value: bigint): number[] {
  return Array.from({ length: LIMBS }, (_, j) => Number((value >> (BITS * BigInt(j))) & MASK));
}

/** A field's functions; operands are addresses, results come first and may be operands too. `words` of 32 bits an element. */
export interface Field {
  words: number;
  mul: Func;
  add: Func;
  sub: Func;
  inverse: Func;
  isZero: Func;
}

export interface PrimeField extends Field {
  /** From and to 32 bytes, little-endian, without a change of form; `pack` wants and gives less than the prime. */
  unpack: Func;
  pack: Func;
}

/** `scratch` are 2 elements of the kernel's memory; `one` and `exponent` (prime − 2, packed) are constants there. */
export function primeField(
  module: Assembler,
  name: string,
  prime: bigint,
  at: { scratch: number; one: number; exponent: number },
): PrimeField {
  const mul = multiplication(module, `${name}_mul`, prime, [{ first: 0, second: 0 }]);
  const add = sum(module, `${name}_add`, prime, i64.add, -2n * prime);
  const sub = sum(module, `${name}_sub`, prime, i64.sub, 0n);
  const isZero = module.func(
    `${name}_is_zero`,
    1,
    (_, a) => {
      const differing = (from: bigint) =>
        limbs(from)
          .map((limb, j) => i64.xor(i64.load32(a, 4 * j), i64.of(BigInt(limb))))
          .reduce(i64.or);
      return i32.sub(
        i32.of(1),
        i32.mul(i32.sub(i32.of(1), i64.zero(differing(0n))), i32.sub(i32.of(1), i64.zero(differing(prime)))),
      );
    },
    true,
  );
  const inverse = module.func(`${name}_inverse`, 2, (f, out, a) => {
    const bit = f.local();
    const [base, power] = [i32.of(at.scratch), i32.of(at.scratch + SIZE)];
    const set_ = i32.and(
      i32.shr(i32.load(i32.add(i32.of(at.exponent), i32.shl(i32.shr(get(bit), i32.of(5)), i32.of(2)))), get(bit)),
      i32.of(1),
    );
    return [
      ...copy(base, a, LIMBS),
      ...copy(power, i32.of(at.one), LIMBS),
      ...set(bit, i32.of(256)),
      ...loop(get(bit), [
        ...set(bit, i32.sub(get(bit), i32.of(1))),
        ...mul.call(power, power, power),
        ...when(set_, mul.call(power, power, base)),
      ]),
      ...copy(out, power, LIMBS),
    ];
  });
  return { words: LIMBS, mul, add, sub, inverse, isZero, ...packing(module, name, prime) };
}

/** Copy whole words from one address to another. */
export function copy(to: Code, from: Code, words: number): Code {
  const done: Code = [];
  let at = 0;
  for (; at + 2 <= words; at += 2) done.push(...i64.store(to, i64.load(from, 4 * at), 4 * at));
  if (at < words) done.push(...i32.store(to, i32.load(from, 4 * at), 4 * at));
  return done;
}

export function zero(to: Code, words: number): Code {
  return Array.from({ length: words }, (_, j) => i32.store(to, i32.of(0), 4 * j)).flat();
}

/** A factor's place after an operand's address; a `negative` second factor is taken from twice the prime. */
interface Term {
  first: number;
  second: number;
  negative?: boolean;
}

/**
 * Montgomery's product, or the sum of two under one reduction: a limb of the first factors at a time. At most
 * 27 products of 58 bits are summed before a carry. A negative factor's limbs have signs, the whole has none.
 */
function multiplication(module: Assembler, name: string, prime: bigint, terms: Term[]): Func {
  const p = limbs(prime).map(BigInt);
  const inverse = MASK & -modularInverse(prime, MASK + 1n);
  return module.func(name, 3, (f, out, a, b) => {
    const locals = () => p.map(() => f.local(I64));
    const factors = terms.map(() => ({ x: locals(), y: locals() }));
    const [t, m] = [locals(), f.local(I64)];
    const body = p.flatMap((_, j) => set(t[j]!, i64.of(0n)));
    const twice = limbs(2n * prime).map(BigInt);
    terms.forEach(({ first, second, negative }, k) =>
      p.forEach((_, j) => {
        const limb = i64.load32(b, second + 4 * j);
        body.push(...set(factors[k]!.x[j]!, i64.load32(a, first + 4 * j)));
        body.push(...set(factors[k]!.y[j]!, negative ? i64.sub(i64.of(twice[j]!), limb) : limb));
      }),
    );
    const times = (i: number, j: number) => factors.map(({ x, y }) => i64.mul(get(x[i]!), get(y[j]!))).reduce(i64.add);
    const reduced = (j: number) => i64.mul(get(m), i64.of(p[j]!));
    for (let i = 0; i < LIMBS; i++) {
      body.push(...set(t[0]!, i64.add(get(t[0]!), times(i, 0))));
      body.push(...set(m, i64.and(i64.mul(get(t[0]!), i64.of(inverse)), i64.of(MASK))));
      const carry = i64.sar(i64.add(get(t[0]!), reduced(0)), i64.of(BITS));
      for (let j = 1; j < LIMBS; j++) {
        const sum = i64.add(times(i, j), reduced(j));
        const kept = j < LAST ? i64.add(get(t[j]!), sum) : sum;
        body.push(...set(t[j - 1]!, j === 1 ? i64.add(kept, carry) : kept));
      }
    }
    for (let j = 0; j < LAST; j++) {
      const before = j ? i64.add(get(t[j]!), i64.sar(get(t[j - 1]!), i64.of(BITS))) : get(t[j]!);
      body.push(...set(t[j]!, before), ...i64.store32(out, i64.and(get(t[j]!), i64.of(MASK)), 4 * j));
    }
    return [...body, ...i64.store32(out, i64.sar(get(t[LAST - 1]!), i64.of(BITS)), 4 * LAST)];
  });
}

/** a ± b + plus, and twice the prime more if that is negative. */
function sum(module: Assembler, name: string, prime: bigint, operation: typeof i64.add, plus: bigint): Func {
  return module.func(name, 3, (f, out, a, b) => {
    const term = (j: number) => operation(i64.load32(a, 4 * j), i64.load32(b, 4 * j));
    return settle(f, out, term, plus, 2n * prime);
  });
}

/** Σ term(j)·2^29j + plus; and `back` more if that is negative. */
function settle(f: Func, out: Code, term: (j: number) => Code, plus: bigint, back: bigint): Code {
  const t = Array.from({ length: LIMBS }, () => f.local(I64));
  const [carry, negative] = [f.local(I64), f.local(I64)];
  const sign = plus < 0n ? -1n : 1n;
  const added = limbs(plus * sign).map((limb) => BigInt(limb) * sign);
  const body = set(carry, i64.of(0n));
  for (let j = 0; j < LIMBS; j++) {
    const value = added[j] ? i64.add(term(j), i64.of(added[j]!)) : term(j);
    body.push(...set(t[j]!, i64.add(value, get(carry))));
    body.push(...set(carry, i64.sar(get(t[j]!), i64.of(BITS))));
    if (j < LAST) body.push(...set(t[j]!, i64.and(get(t[j]!), i64.of(MASK))));
  }
  body.push(...set(negative, i64.sar(get(t[LAST]!), i64.of(63n))), ...set(carry, i64.of(0n)));
  limbs(back).forEach((limb, j) => {
    const more = i64.and(get(negative), i64.of(BigInt(limb)));
    body.push(...set(t[j]!, i64.add(i64.add(get(t[j]!), more), get(carry))));
    body.push(...set(carry, i64.sar(get(t[j]!), i64.of(BITS))));
    body.push(...i64.store32(out, i64.and(get(t[j]!), i64.of(MASK)), 4 * j));
  });
  return body;
}

function packing(module: Assembler, name: string, prime: bigint) {
  const unpack = module.func(`${name}_unpack`, 2, (_, out, from) =>
    limbs(0n).flatMap((_, j) => {
      const bit = j * Number(BITS);
      const [byte, shift] = [Math.min(bit >> 3, PACKED - 8), bit - 8 * Math.min(bit >> 3, PACKED - 8)];
      const word = i64.shr(i64.load(from, byte), i64.of(BigInt(shift)));
      return i64.store32(out, i64.and(word, i64.of(MASK)), 4 * j);
    }),
  );
  const reduce = module.func(`${name}_reduce`, 2, (f, out, a) =>
    settle(f, out, (j) => i64.load32(a, 4 * j), -prime, prime),
  );
  const pack = module.func(`${name}_pack`, 2, (_, out, a) => {
    const words = [0, 1, 2, 3].map((w) => {
      const parts = limbs(0n).flatMap((_, j) => {
        const shift = j * Number(BITS) - 64 * w;
        if (shift <= -Number(BITS) || shift >= 64) return [];
        const limb = i64.load32(a, 4 * j);
        return [shift < 0 ? i64.shr(limb, i64.of(BigInt(-shift))) : i64.shl(limb, i64.of(BigInt(shift)))];
      });
      return parts.reduce(i64.or);
    });
    return [...reduce.call(a, a), ...words.flatMap((word, w) => i64.store(out, word, 8 * w))];
  });
  return { unpack, pack };
}

/** Fp[u]/(u² + 1): elements c0 + c1·u, c0 first. `scratch` are 3 elements of Fp. */
export function quadratic(module: Assembler, name: string, prime: bigint, base: PrimeField, scratch: number): Field {
  const [t, u, v] = [0, 1, 2].map((i) => i32.of(scratch + i * SIZE)) as [Code, Code, Code];
  const c1 = (a: Code) => i32.add(a, i32.of(SIZE));
  const both = (operation: Func, operands: number) =>
    module.func(operation.name.replace(/^[^_]*/, name), operands, (_, ...at) => [
      ...operation.call(...at),
      ...operation.call(...at.map(c1)),
    ]);
  const real = multiplication(module, `${name}_real`, prime, [
    { first: 0, second: 0 },
    { first: SIZE, second: SIZE, negative: true },
  ]);
  const imaginary = multiplication(module, `${name}_imaginary`, prime, [
    { first: 0, second: SIZE },
    { first: SIZE, second: 0 },
  ]);
  const mul = module.func(`${name}_mul`, 3, (_, out, a, b) => [
    ...real.call(t, a, b),
    ...imaginary.call(c1(out), a, b),
    ...copy(out, t, LIMBS),
  ]);
  const inverse = module.func(`${name}_inverse`, 2, (_, out, a) => [
    ...base.mul.call(t, a, a),
    ...base.mul.call(u, c1(a), c1(a)),
    ...base.add.call(t, t, u),
    ...base.inverse.call(t, t),
    ...base.mul.call(v, c1(a), t),
    ...base.mul.call(out, a, t),
    ...zero(u, LIMBS),
    ...base.sub.call(c1(out), u, v),
  ]);
  const isZero = module.func(
    `${name}_is_zero`,
    1,
    (_, a) => i32.and(base.isZero.call(a), base.isZero.call(c1(a))),
    true,
  );
  return { words: 2 * LIMBS, mul, add: both(base.add, 3), sub: both(base.sub, 3), inverse, isZero };
}

function modularInverse(value: bigint, modulus: bigint): bigint {
  let [a, b, x, y] = [value % modulus, modulus, 1n, 0n];
  while (a > 1n) [a, b, x, y] = [b % a, a, y - (b / a) * x, x];
  return ((x % modulus) + modulus) % modulus;
}
