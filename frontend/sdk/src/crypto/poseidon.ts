/** Poseidon over BN254 with circomlib's constants, one domain tag and one shape a use (protocol §7). */

import { OutOfRange } from "../errors";
import { R, check, tag } from "./field";
import { parameters } from "./grain";
import { apply } from "./linear";

/** [words absorbed, elements of the permutation besides the capacity] by use. */
const USES = {
  owner: [1, 1],
  note: [4, 4],
  nullifier: [3, 3],
  order: [6, 6],
  quota: [4, 4],
  credential: [4, 4],
  prf: [5, 5],
  view: [1, 1],
  seed: [7, 7],
  reveal: [1, 4],
  receipt: [2, 2],
  blind: [2, 2],
  context: [9, 9],
  leader: [2, 4],
  audit: [4, 16],
  print: [3, 3],
  treasury: [4, 4],
  memo: [2, 6],
  "memo.mac": [6, 6],
} as const;

export type Use = keyof typeof USES;

const RATE = 16;

/** The permutation of 2 to 17 elements. */
export function permute(input: readonly bigint[]): bigint[] {
  const { first, second, mix, enter, keys, rows, columns } = parameters(input.length);
  let state = input.map((word) => check(word));
  for (const constants of first) state = full(state, constants, mix);
  let zero = state[0]!;
  const rest = apply(enter, state.slice(1));
  keys.forEach((key, round) => {
    const [row, column] = [rows[round]!, columns[round]!];
    const boxed = fifth(zero + key);
    let sum = mix[0]![0]! * boxed;
    for (let i = 0; i < rest.length; i++) {
      sum += row[i]! * rest[i]!;
      rest[i] = rest[i]! + column[i]! * boxed; // reduced after the last round: products of 510 bits hardly add up
    }
    zero = sum % R;
  });
  state = [zero, ...rest];
  for (const constants of second) state = full(state, constants, mix);
  return state;
}

function full(state: bigint[], constants: bigint[], mix: bigint[][]): bigint[] {
  return apply(
    mix,
    state.map((word, i) => fifth(word + constants[i]!)),
  );
}

function fifth(word: bigint): bigint {
  const square = (word * word) % R;
  return (((square * square) % R) * word) % R;
}

/** Element 0 of the permutation of (tag, words…). */
export function hash(use: Use, ...words: bigint[]): bigint {
  return run(use, words)[0]!;
}

/** Elements 1 to `count`; the capacity, element 0, is never part of a stream. */
export function squeeze(use: Use, words: readonly bigint[], count: number): bigint[] {
  if (count < 1 || count > USES[use][1])
    throw new OutOfRange(`${use} gives 1 to ${USES[use][1]} elements, not ${count}`);
  return run(use, words).slice(1, count + 1);
}

/** A Merkle node: plain Poseidon(2), tag 0. */
export function node(left: bigint, right: bigint): bigint {
  return permute([0n, left, right])[0]!;
}

/** Digest of a statement: rate 16, the length in the capacity, zeros fill the last block. */
export function sponge(words: readonly bigint[]): bigint {
  if (!words.length) throw new OutOfRange("a statement has at least one word");
  words.forEach((word) => check(word));
  let state = [(tag("statement") + BigInt(words.length)) % R, ...Array<bigint>(RATE).fill(0n)];
  for (let at = 0; at < words.length; at += RATE) {
    words.slice(at, at + RATE).forEach((word, i) => (state[i + 1] = (state[i + 1]! + word) % R));
    state = permute(state);
  }
  return state[0]!;
}

function run(use: Use, words: readonly bigint[]): bigint[] {
  const [arity, width] = USES[use];
  if (words.length !== arity) throw new OutOfRange(`${use} takes ${arity} words, not ${words.length}`);
  return permute([tag(use), ...words, ...Array<bigint>(width - arity).fill(0n)]);
}
