/** Groth16 on BN254 (EIP-197): e(−A, B)·e(α, β)·e(Σ publicᵢ·ICᵢ, γ)·e(C, δ) = 1. */

import { R } from "./field";
import { bn254 } from "@noble/curves/bn254.js";

const G1 = bn254.G1.Point;
const G2 = bn254.G2.Point;
const { Fp2, Fp12 } = bn254.fields;

/** Whether a proof of 8 words holds under a key of 22; words in the EVM's order, imaginary parts first. */
export function verify(key: bigint[], proof: bigint[], publics: bigint[]): boolean {
  if (key.length !== 22 || proof.length !== 8 || publics.length !== 3) return false;
  if (publics.some((word) => word < 0n || word >= R)) return false;
  try {
    const ic = [14, 16, 18, 20].map((at) => g1(key, at));
    const input = publics.reduce((sum, word, i) => (word ? sum.add(ic[i + 1]!.multiply(word)) : sum), ic[0]!);
    const pairs = [
      { g1: g1(proof, 0).negate(), g2: g2(proof, 2) },
      { g1: g1(key, 0), g2: g2(key, 2) },
      { g1: input, g2: g2(key, 6) },
      { g1: g1(proof, 6), g2: g2(key, 10) },
    ].filter((pair) => !pair.g1.is0() && !pair.g2.is0());
    return Fp12.eql(bn254.pairingBatch(pairs), Fp12.ONE);
  } catch {
    return false; // a word that is no coordinate, or a point off its curve or outside its group
  }
}

/** Whether points of G1 (2 words) and G2 (4) are the same multiple of their generators, and not of 0. */
export function sameLog(one: bigint[], two: bigint[]): boolean {
  try {
    const [p, q] = [g1(one, 0), g2(two, 0)];
    if (p.is0() || q.is0()) return false;
    const pairs = [
      { g1: p.negate(), g2: G2.BASE },
      { g1: G1.BASE, g2: q },
    ];
    return Fp12.eql(bn254.pairingBatch(pairs), Fp12.ONE);
  } catch {
    return false; // as in `verify`
  }
}

function g1(words: bigint[], at: number) {
  const [x, y] = words.slice(at, at + 2) as [bigint, bigint];
  if (!x && !y) return G1.ZERO;
  const point = G1.fromAffine({ x, y });
  point.assertValidity();
  return point;
}

function g2(words: bigint[], at: number) {
  const [xIm, xRe, yIm, yRe] = words.slice(at, at + 4) as [bigint, bigint, bigint, bigint];
  if (!xIm && !xRe && !yIm && !yRe) return G2.ZERO;
  const point = G2.fromAffine({
    x: Fp2.fromBigTuple([xRe, xIm]),
    y: Fp2.fromBigTuple([yRe, yIm]),
  });
  point.assertValidity();
  return point;
}
