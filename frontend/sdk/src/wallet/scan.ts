/** Which memos may be for a key. What is left is opened by `tryMemo`, which alone decides. */

import { type Point, onCurve } from "../crypto/babyjubjub";
import { R, mod } from "../crypto/field";
import { breather } from "../ledger/pause";
import type { Memo } from "../types";
import { Scanner } from "./scanner";

/** A memo's first word is an asset or an order's terms. */
const FIRST_BITS = 160n;
const TOLD_EVERY = 64;

/** Whether each memo may be for the viewing key `scalar`: all that are, and another once in 2^94. The page lives on. */
export async function candidates(
  memos: readonly Memo[],
  scalar: bigint,
  onProgress: (done: number) => void = () => {},
): Promise<boolean[]> {
  if (!memos.length) return [];
  const scanner = await Scanner.create(scalar);
  const breath = breather();
  const found: boolean[] = [];
  for (const [x, y, sealed] of memos as unknown as [bigint, bigint, bigint][]) {
    const point: Point = [x, y];
    const valid = x < R && y < R && onCurve(point);
    found.push(valid && mod(sealed - scanner.pad(point)) >> FIRST_BITS === 0n);
    if (found.length % TOLD_EVERY === 0 || found.length === memos.length) onProgress(found.length);
    await breath();
  }
  return found;
}
