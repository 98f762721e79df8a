/**
 * Which memos may be for a key. A memo costs a scalar multiplication and a permutation of Poseidon, whoever it is
 * for: here many at once share one inversion, and the page lives on meanwhile. What is left is opened by
 * `tryMemo`, which alone decides.
 */

import { type Point, onCurve } from "../crypto/babyjubjub";
import { R, inverse, mod } from "../crypto/field";
import { squeeze } from "../crypto/poseidon";
import { breather } from "../ledger/pause";
import type { Memo } from "../types";

const A = 168700n;
const D = 168696n;
const COFACTOR = 8n;
const WINDOW = 5;
/** Memos that share an inversion. */
const BATCH = 64;
/** A memo's first word is an asset or an order's terms. */
const FIRST_BITS = 160n;

type Projective = [bigint, bigint, bigint];

/** Whether each memo may be for the viewing key `scalar`: all that are, and another once in 2^94. */
export async function candidates(
  memos: readonly Memo[],
  scalar: bigint,
  onProgress: (done: number) => void = () => {},
): Promise<boolean[]> {
  const digits = signedDigits(COFACTOR * scalar);
  const breath = breather();
  const found: boolean[] = [];
  for (let at = 0; at < memos.length; at += BATCH) {
    const batch = memos.slice(at, at + BATCH);
    const shared: (Projective | null)[] = [];
    for (const memo of batch) {
      const point: Point = [memo[0]!, memo[1]!];
      shared.push(point[0] < R && point[1] < R && onCurve(point) ? multiply(digits, point) : null);
      await breath();
    }
    const scales = inverses(shared.map((one) => one?.[2] ?? 1n));
    for (const [i, one] of shared.entries()) {
      found.push(one !== null && opens(one, scales[i]!, batch[i]![2]!));
      await breath();
    }
    onProgress(found.length);
  }
  return found;
}

function opens([x, y]: Projective, scale: bigint, sealed: bigint): boolean {
  const [pad] = squeeze("memo", [mod(x * scale), mod(y * scale)], 1);
  return mod(sealed - pad!) >> FIRST_BITS === 0n;
}

/** Digits of the window's non-adjacent form, highest first: 0 or odd, below 2^(WINDOW − 1) in size. */
function signedDigits(scalar: bigint): number[] {
  const digits: number[] = [];
  for (let left = scalar; left; left >>= 1n) {
    let digit = left & 1n ? Number(left & ((1n << BigInt(WINDOW)) - 1n)) : 0;
    if (digit >= 1 << (WINDOW - 1)) digit -= 1 << WINDOW;
    left -= BigInt(digit);
    digits.push(digit);
  }
  return digits.reverse();
}

function multiply(digits: readonly number[], [x, y]: Point): Projective {
  const twice = double([x, y, 1n]);
  const odd: Projective[] = [[x, y, 1n]];
  while (odd.length < 1 << (WINDOW - 2)) odd.push(sum(odd.at(-1)!, twice));
  let total: Projective = [0n, 1n, 1n];
  for (const digit of digits) {
    total = double(total);
    if (digit > 0) total = sum(total, odd[digit >> 1]!);
    else if (digit < 0) total = sum(total, negative(odd[-digit >> 1]!));
  }
  return total;
}

function negative([x, y, z]: Projective): Projective {
  return [-x, y, z];
}

/** Bernstein, Birkner, Joye, Lange, Peters, "Twisted Edwards Curves", §6; complete. */
function sum([x1, y1, z1]: Projective, [x2, y2, z2]: Projective): Projective {
  const a = (z1 * z2) % R;
  const b = (a * a) % R;
  const c = (x1 * x2) % R;
  const d = (y1 * y2) % R;
  const e = (((D * c) % R) * d) % R;
  const [f, g] = [b - e, b + e];
  const x = (((a * f) % R) * ((x1 + y1) * (x2 + y2) - c - d)) % R;
  return [x, (((a * g) % R) * (d - A * c)) % R, (f * g) % R];
}

/** The same source, doubling in projective coordinates. */
function double([x, y, z]: Projective): Projective {
  const s = x + y;
  const [c, d] = [(x * x) % R, (y * y) % R];
  const e = A * c;
  const f = (e + d) % R;
  const j = (f - 2n * z * z) % R;
  return [((s * s - c - d) * j) % R, (f * (e - d)) % R, (f * j) % R];
}

/** Montgomery's trick: one inversion for all. */
function inverses(words: readonly bigint[]): bigint[] {
  const products = [1n];
  for (const word of words) products.push((products.at(-1)! * word) % R);
  let left = inverse(products.at(-1)!);
  const found = Array<bigint>(words.length);
  for (let i = words.length - 1; i >= 0; i--) {
    found[i] = (left * products[i]!) % R;
    left = (left * words[i]!) % R;
  }
  return found;
}
