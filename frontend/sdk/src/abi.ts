/** Calldata of functions whose arguments are static words, which all of a wallet's are. */

import { keccak_256 } from "@noble/hashes/sha3.js";

import { bytes32, toHex } from "./crypto/field";
import { OutOfRange } from "./errors";
import type { Hex } from "./types";

/**
 * The call of `signature` (`name(type,…)`, structs as tuples in brackets) with the words of its arguments in
 * order, addresses as numbers. OutOfRange for another count of words than the types have.
 */
export function encodeCall(signature: string, words: readonly bigint[]): Hex {
  const expected = wordsOf(signature);
  if (words.length !== expected) throw new OutOfRange(`${signature} takes ${expected} words, not ${words.length}`);
  const selector = keccak_256(new TextEncoder().encode(signature)).slice(0, 4);
  return `0x${[selector, ...words.map(bytes32)].map(toHex).join("")}`;
}

function wordsOf(signature: string): number {
  const types = signature.slice(signature.indexOf("(")).match(/[a-z][a-z0-9]*(\[\d+\])?/g) ?? [];
  return types.reduce((sum, type) => sum + Number(type.match(/\[(\d+)\]/)?.[1] ?? 1), 0);
}
