/**
 * Poseidon's parameters, drawn from the Grain LFSR of its reference.
 *
 * Source: Grassi, Khovratovich, Rechberger, Roy, Schofnegger, "Poseidon", USENIX Security 2021,
 * appendices E and F. Drawing them takes some milliseconds a width and saves shipping a megabyte.
 */

import { OutOfRange } from "../errors";
import { R, inverse } from "./field";

export const FULL = 8;
const PARTIAL = [56, 57, 56, 60, 60, 63, 64, 63, 60, 66, 60, 65, 70, 60, 64, 68];
const BITS = 254;
const STATE = 80;
const TAPS = [0, 13, 23, 38, 51, 62];
const DROPPED = 160;

export interface Parameters {
  /** One vector of constants a round. */
  constants: bigint[][];
  mix: bigint[][];
  partial: number;
}

const known = new Map<number, Parameters>();

/** Parameters of width 2 to 17. */
export function parameters(width: number): Parameters {
  let found = known.get(width);
  if (!found) known.set(width, (found = generate(width)));
  return found;
}

function generate(width: number): Parameters {
  const partial = PARTIAL[width - 2];
  if (partial === undefined) throw new OutOfRange(`Poseidon has widths 2 to 17, not ${width}`);
  const next = stream(width, partial);
  const element = () => {
    for (;;) {
      const value = next();
      if (value < R) return value;
    }
  };
  const row = () => Array.from({ length: width }, element);
  const constants = Array.from({ length: FULL + partial }, row);
  const [xs, ys] = [0, 1].map(() => Array.from({ length: width }, () => next() % R));
  return { constants, mix: xs!.map((x) => ys!.map((y) => inverse(x + y))), partial };
}

/** The self-shrunk output of Grain, 254 bits at a time. */
function stream(width: number, partial: number): () => bigint {
  const state = new Uint8Array(STATE).fill(1);
  let filled = 0;
  const header: [number, number][] = [
    [1, 2],
    [0, 4],
    [BITS, 12],
    [width, 12],
    [FULL, 10],
    [partial, 10],
  ];
  for (const [value, size] of header) for (let i = size - 1; i >= 0; i--) state[filled++] = (value >> i) & 1;

  let head = 0;
  const bit = () => {
    let fresh = 0;
    for (const place of TAPS) fresh ^= state[(head + place) % STATE]!;
    state[head] = fresh;
    head = (head + 1) % STATE;
    return fresh;
  };
  for (let i = 0; i < DROPPED; i++) bit();
  return () => {
    let text = "0b";
    while (text.length < BITS + 2) {
      const counts = bit();
      const candidate = bit();
      if (counts) text += candidate;
    }
    return BigInt(text);
  };
}
