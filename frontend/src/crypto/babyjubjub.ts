/**
 * Baby Jubjub (EIP-2494): 168700·x² + y² = 1 + 168696·x²·y², with circomlib's base point.
 *
 * Nothing here runs in constant time: secrets are used on their owner's machine.
 */

import { R, check, inverse, mod } from "./field";

const A = 168700n;
const D = 168696n;
export const L = 2736030358979909402780800718157159386076813972158567259200215660948447373041n;

export type Point = readonly [bigint, bigint];

export const IDENTITY: Point = [0n, 1n];
export const B8: Point = [
  5299619240641551281634865583518297030282874472190772894086521144482721001553n,
  16950150798460657717958625567821834550301663161624707787222815936182638968203n,
];

type Projective = readonly [bigint, bigint, bigint];

export function onCurve([x, y]: Point): boolean {
  const [x2, y2] = [(x * x) % R, (y * y) % R];
  return mod(A * x2 + y2 - 1n - D * ((x2 * y2) % R)) === 0n;
}

export function equal(p: Point, q: Point): boolean {
  return p[0] === q[0] && p[1] === q[1];
}

export function add(p: Point, q: Point): Point {
  return affine(sum([...p, 1n], [...q, 1n]));
}

/** scalar·point for any scalar in [0, 2^256). */
export function mul(scalar: bigint, point: Point): Point {
  if (scalar < 0n || scalar >> 256n) throw new Error("a scalar has at most 256 bits");
  let total: Projective = [0n, 1n, 1n];
  const base: Projective = [...point, 1n];
  for (const bit of scalar.toString(2)) {
    total = sum(total, total);
    if (bit === "1") total = sum(total, base);
  }
  return affine(total);
}

export function mulBase(scalar: bigint): Point {
  return mul(scalar, B8);
}

/** The shared point scalar·(8·point) (protocol §3): the identity exactly for a point of small order. */
export function ecdh(scalar: bigint, point: Point): Point {
  if (scalar < 1n || scalar >= L) throw new Error("the secret scalar is outside its range");
  point.forEach((word) => check(word, "a point's word"));
  if (!onCurve(point)) throw new Error("the point is not on Baby Jubjub");
  return mul(scalar, mul(8n, point));
}

/** Bernstein, Birkner, Joye, Lange, Peters, "Twisted Edwards Curves", §6; complete, so it doubles too. */
function sum([x1, y1, z1]: Projective, [x2, y2, z2]: Projective): Projective {
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

function affine([x, y, z]: Projective): Point {
  const scale = inverse(z);
  return [mod(x * scale), mod(y * scale)];
}
