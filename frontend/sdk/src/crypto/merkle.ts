/** Paths in binary Merkle trees of Poseidon nodes; a place never written is an empty leaf, 0 (protocol §3). */

import { checkRange } from "./field";
import { node } from "./poseidon";

export const NOTE_DEPTH = 32;
export const CHUNK_DEPTH = 6;
export const CHUNK = 1 << CHUNK_DEPTH;
export const CREDENTIAL_DEPTH = 20;

const roots = [0n];

/** Roots of the empty trees of depth 0 to `depth`. */
export function zeros(depth: number): readonly bigint[] {
  while (roots.length <= depth) roots.push(node(roots[roots.length - 1]!, roots[roots.length - 1]!));
  return roots.slice(0, depth + 1);
}

/** The root over `leaf` at `index`, given its siblings from the lowest level up. */
export function fold(leaf: bigint, index: number, siblings: readonly bigint[]): bigint {
  let place = checkRange(BigInt(index), 0n, 1n << BigInt(siblings.length), "leaf index");
  return siblings.reduce((below, sibling) => {
    const above = place & 1n ? node(sibling, below) : node(below, sibling);
    place >>= 1n;
    return above;
  }, leaf);
}
