/**
 * Baby Jubjub (EIP-2494): 168700·x² + y² = 1 + 168696·x²·y², with circomlib's base point.
 *
 * Nothing here runs in constant time: secrets are used on their owner's machine.
 */

import { KeyMaterialError, OutOfRange } from "../errors";
import type { Point } from "../types";
import { R, check, checkRange, inverse, mod } from "./field";

const A = 168700n;
const D = 168696n;
const COFACTOR = 8n;
const SCALAR_BITS = 250;
const WINDOW = 4;
export const L = 2736030358979909402780800718157159386076813972158567259200215660948447373041n;

export type { Point };

export const IDENTITY: Point = [0n, 1n];
export const B8: Point = [
  5299619240641551281634865583518297030282874472190772894086521144482721001553n,
  16950150798460657717958625567821834550301663161624707787222815936182638968203n,
];

export type Projective = readonly [bigint, bigint, bigint];

const ZERO: Projective = [0n, 1n, 1n];

/** A pair: `scalar` in [1, l), `public` = scalar·B8. No print and no JSON of it shows the scalar. */
export interface EncryptionKey {
  readonly scalar: bigint;
  readonly public: Point;
}

export function encryptionKey(scalar: bigint): EncryptionKey {
  if (scalar < 1n || scalar >= L)
    throw new KeyMaterialError("a Baby Jubjub scalar must be in [1, l); generate a new key");
  return Object.defineProperty({ public: mulBase(scalar) }, "scalar", { value: scalar }) as unknown as EncryptionKey;
}

export function onCurve([x, y]: Point): boolean {
  const [x2, y2] = [(x * x) % R, (y * y) % R];
  return mod(A * x2 + y2 - 1n - D * ((x2 * y2) % R)) === 0n;
}

/** `point` if both words are in the field and it is on the curve. */
export function checkPoint(point: Point): Point {
  point.forEach((word) => check(word, "a point's word"));
  if (point.length !== 2 || !onCurve(point)) throw new OutOfRange("the point is not on Baby Jubjub");
  return point;
}

export function equal(p: Point, q: Point): boolean {
  return p[0] === q[0] && p[1] === q[1];
}

export function add(p: Point, q: Point): Point {
  return affine(sum([...p, 1n], [...q, 1n]));
}

/** scalar·point for any scalar in [0, 2^256). */
export function mul(scalar: bigint, point: Point): Point {
  const table = multiples([...point, 1n]);
  let total = ZERO;
  for (const digit of digits(scalar)) {
    for (let i = 0; i < WINDOW; i++) total = double(total);
    if (digit) total = sum(total, table[digit]!);
  }
  return affine(total);
}

let baseTables: Projective[][] | undefined;

/** scalar·B8, by a table: several times as fast as `mul`. */
export function mulBase(scalar: bigint): Point {
  baseTables ??= tables();
  let total = ZERO;
  digits(scalar)
    .reverse()
    .forEach((digit, place) => {
      if (digit) total = sum(total, baseTables![place]![digit]!);
    });
  return affine(total);
}

/** The shared point scalar·(8·point) (protocol §3): the identity exactly for a point of small order. */
export function ecdh(scalar: bigint, point: Point): Point {
  return mul(checkRange(scalar, 1n, L, "secret scalar"), mul(COFACTOR, checkPoint(point)));
}

/** The low 250 bits of a field element, which are below l. */
export function scalarFromHash(word: bigint): bigint {
  return BigInt.asUintN(SCALAR_BITS, check(word));
}

/** Digits of 4 bits, highest first. */
function digits(scalar: bigint): number[] {
  return Array.from(checkRange(scalar, 0n, 1n << 256n, "scalar").toString(16), (digit) => parseInt(digit, 16));
}

/** 0 to 15 times the point. */
function multiples(point: Projective): Projective[] {
  const table = [ZERO, point];
  while (table.length < 1 << WINDOW) table.push(sum(table[table.length - 1]!, point));
  return table;
}

function tables(): Projective[][] {
  const found: Projective[][] = [];
  for (let base: Projective = [...B8, 1n]; found.length < 256 / WINDOW;) {
    const table = multiples(base);
    found.push(table);
    base = sum(table[table.length - 1]!, base);
  }
  return found;
}

/** Bernstein, Birkner, Joye, Lange, Peters, "Twisted Edwards Curves", §6; complete. */
export function sum([x1, y1, z1]: Projective, [x2, y2, z2]: Projective): Projective {
  const a = (z1 * z2) % R;
  const b = (a * a) % R;
  const c = (x1 * x2) % R;
  const d = (y1 * y2) % R;
  const e = (((D * c) % R) * d) % R;
  const [f, g] = [b - e, b + e];
  const x3 = (((a * f) % R) * ((x1 + y1) * (x2 + y2) - c - d)) % R;
  const y3 = (((a * g) % R) * (d - A * c)) % R;
  return [x3, y3, (f * g) % R];
}

/** The same source, doubling in projective coordinates. */
export function double([x, y, z]: Projective): Projective {
  const s = x + y;
  const c = (x * x) % R;
  const d = (y * y) % R;
  const e = A * c;
  const f = (e + d) % R;
  const j = (f - 2n * z * z) % R;
  return [((s * s - c - d) * j) % R, (f * (e - d)) % R, (f * j) % R];
}

function affine([x, y, z]: Projective): Point {
  const scale = inverse(z);
  return [mod(x * scale), mod(y * scale)];
}
