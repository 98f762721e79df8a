/**
 * Poseidon's parameters, drawn from the Grain LFSR of its reference, and its partial rounds in sparse form.
 *
 * Source: Grassi, Khovratovich, Rechberger, Roy, Schofnegger, "Poseidon", USENIX Security 2021,
 * appendices B, E and F. Drawing them takes some milliseconds a width and saves shipping a megabyte.
 */

import { OutOfRange } from "../errors";
import { R, inverse } from "./field";
import { type Matrix, type Vector, add, apply, dot, invert, power, transpose } from "./linear";

const FULL = 8;
const PARTIAL = [56, 57, 56, 60, 60, 63, 64, 63, 60, 66, 60, 65, 70, 60, 64, 68];
const BITS = 254;
const STATE = 80;
const TAPS = [0, 13, 23, 38, 51, 62];
const DROPPED = 160;

/**
 * `first` and `second` are the constants of the full rounds before and after the partial ones. Those keep the
 * elements but 0 in a basis of their own, which `enter` goes over to: a round adds its key to element 0, which
 * then reads the others by a row and is added to them by a column.
 */
export interface Parameters {
  first: Vector[];
  second: Vector[];
  mix: Matrix;
  enter: Matrix;
  keys: Vector;
  rows: Vector[];
  columns: Vector[];
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
  return sparse(
    constants,
    xs!.map((x) => ys!.map((y) => inverse(x + y))),
    partial,
  );
}

function sparse(constants: Vector[], mix: Matrix, partial: number): Parameters {
  const half = FULL / 2;
  const inner = mix.slice(1).map((row) => row.slice(1));
  const row = mix[0]!.slice(1);

  // Constants of the other elements pass through the linear layers, and reach element 0 through `row`.
  const keys: Vector = [];
  let [carried, intoZero] = [row.map(() => 0n), 0n];
  for (const [key, ...rest] of constants.slice(half, half + partial)) {
    keys.push((key! + intoZero) % R);
    const total = add(carried, rest);
    intoZero = dot(row, total);
    carried = apply(inner, total);
  }
  const [next, ...second] = constants.slice(half + partial);

  const back = transpose(invert(inner));
  const [rows, columns] = [[apply(back, row)], [mix.slice(1).map((line) => line[0]!)]];
  while (rows.length < partial) {
    rows.push(apply(back, rows.at(-1)!));
    columns.push(apply(inner, columns.at(-1)!));
  }
  return {
    first: constants.slice(0, half),
    second: [add(next!, [intoZero, ...carried]), ...second],
    mix,
    enter: power(inner, partial),
    keys,
    rows: rows.reverse(),
    columns: columns.reverse(),
  };
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
