/** The scalar field of BN254, in which every word of the protocol lives (docs/protocol.md §3). */

import { keccak_256 } from "@noble/hashes/sha3.js";

export const R = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;

export class RangeError256 extends Error {}

export function mod(value: bigint, modulus: bigint = R): bigint {
  const rest = value % modulus;
  return rest < 0n ? rest + modulus : rest;
}

/** `word` if it is in [0, R); what it is stays out of the message, since it may be a secret. */
export function check(word: bigint, what = "word"): bigint {
  if (word < 0n || word >= R) throw new RangeError256(`${what} is not in the field`);
  return word;
}

/** Multiplicative inverse by the extended Euclidean algorithm; throws for 0. */
export function inverse(word: bigint, modulus: bigint = R): bigint {
  let [a, b] = [mod(word, modulus), modulus];
  let [x, y] = [1n, 0n];
  while (a > 1n) {
    if (b === 0n) break;
    [a, b, x, y] = [b, a % b, y, x - (a / b) * y];
  }
  if (a !== 1n) throw new RangeError256("0 has no inverse");
  return mod(x, modulus);
}

export function bytes32(word: bigint): Uint8Array {
  return fromHex(word.toString(16).padStart(64, "0"));
}

export function toBigInt(bytes: Uint8Array): bigint {
  return BigInt("0x" + (toHex(bytes) || "0"));
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function fromHex(text: string): Uint8Array {
  if (!/^([0-9a-fA-F]{2})*$/.test(text)) throw new RangeError256("not hexadecimal");
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

export function concat(parts: Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** keccak256 of the ABI encoding of words (addresses and bytes32 as integers). */
export function keccakWords(words: bigint[]): bigint {
  return toBigInt(keccak_256(concat(words.map(bytes32))));
}

const tags = new Map<string, bigint>();

/** Domain tag of a use of Poseidon (protocol §3). */
export function tag(use: string): bigint {
  let found = tags.get(use);
  if (found === undefined) {
    found = toBigInt(keccak_256(new TextEncoder().encode(`shadowpool.v1.${use}`))) % R;
    tags.set(use, found);
  }
  return found;
}
