/** The scalar field of BN254, in which every word of the protocol lives (docs/protocol.md §3). */

import { keccak_256 } from "@noble/hashes/sha3.js";

import { OutOfRange } from "../errors";
import type { Hex } from "../types";

export const R = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;

export function mod(value: bigint, modulus: bigint = R): bigint {
  const rest = value % modulus;
  return rest < 0n ? rest + modulus : rest;
}

/** `value` if it is a bigint in [low, high); what it is stays out of the message, since it may be a secret. */
export function checkRange(value: bigint, low: bigint, high: bigint, what: string): bigint {
  if (typeof value !== "bigint") throw new OutOfRange(`${what} must be a bigint, not ${typeof value}`);
  if (value < low || value >= high)
    throw new OutOfRange(`${what} is outside its range: it must be at least ${low} and below ${high}`);
  return value;
}

/** `word` if it is in [0, R). */
export function check(word: bigint, what = "word"): bigint {
  return checkRange(word, 0n, R, what);
}

/** The number in [0, `below`) that a string spells in decimal, in its one spelling. */
export function decimal(text: unknown, below: bigint, what = "number"): bigint {
  if (typeof text !== "string" || !/^(0|[1-9][0-9]{0,77})$/.test(text) || BigInt(text) >= below)
    throw new OutOfRange(`${what} must be a decimal string of its range, without sign or leading zero`);
  return BigInt(text);
}

/** Multiplicative inverse by the extended Euclidean algorithm; throws for 0. */
export function inverse(word: bigint, modulus: bigint = R): bigint {
  let [a, b] = [mod(word, modulus), modulus];
  let [x, y] = [1n, 0n];
  while (a > 1n) {
    if (b === 0n) break;
    [a, b, x, y] = [b, a % b, y, x - (a / b) * y];
  }
  if (a !== 1n) throw new OutOfRange("0 has no inverse");
  return mod(x, modulus);
}

export function bytes32(word: bigint): Uint8Array {
  return fromHex(
    checkRange(word, 0n, 1n << 256n, "word")
      .toString(16)
      .padStart(64, "0"),
  );
}

export function toBigInt(bytes: Uint8Array): bigint {
  return BigInt("0x" + (toHex(bytes) || "0"));
}

/** Without 0x. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The bytes of hexadecimal text, with or without 0x. */
export function fromHex(text: string): Uint8Array {
  const digits = text.replace(/^0x/, "");
  if (!/^([0-9a-fA-F]{2})*$/.test(digits)) throw new OutOfRange("not hexadecimal");
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
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
export function keccakWords(words: readonly bigint[]): bigint {
  return toBigInt(keccak_256(concat(words.map(bytes32))));
}

/** An address of a word, with EIP-55's checksum. */
export function asAddress(word: bigint): Hex {
  const digits = checkRange(word, 0n, 1n << 160n, "address")
    .toString(16)
    .padStart(40, "0");
  const sum = toHex(keccak_256(new TextEncoder().encode(digits)));
  return `0x${Array.from(digits, (digit, i) => (parseInt(sum[i]!, 16) > 7 ? digit.toUpperCase() : digit)).join("")}`;
}

/** The word of an address; OutOfRange unless it has 20 bytes and, where both cases occur, the right checksum. */
export function asWord(address: string): bigint {
  if (!/^0x[0-9a-fA-F]{40}$/.test(address)) throw new OutOfRange("an address has 20 bytes in hexadecimal after 0x");
  const word = BigInt(address);
  const digits = address.slice(2);
  const mixed = digits !== digits.toLowerCase() && digits !== digits.toUpperCase();
  if (mixed && asAddress(word) !== address) throw new OutOfRange("the address is mistyped: its checksum does not hold");
  return word;
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
