/**
 * Values from and to their ABI encoding, strictly: words, fixed arrays, structs, and dynamic arrays of static
 * elements, which is all that our contracts declare. Another spelling of the same values is an ABIError.
 */

import { keccak_256 } from "@noble/hashes/sha3.js";

import { asAddress, bytes32, toHex } from "./crypto/field";
import { ShadowpoolError } from "./errors";
import type { Hex } from "./types";

/** The bytes are not the encoding of such values. */
export class ABIError extends ShadowpoolError {
  override readonly name: string = "ABIError";
}

/** Integers as bigint, bytes32 and addresses (checksummed) as text, arrays as lists, structs by name. */
export type Value = bigint | boolean | string | Value[] | { [name: string]: Value };

export interface Parameter {
  name: string;
  type: Type;
  indexed: boolean;
}

/** `words` in the head; `count` of an array, null where dynamic. */
type Type =
  | { kind: "word"; base: string; words: 1 }
  | { kind: "array"; of: Type; count: number | null; words: number }
  | { kind: "struct"; fields: Parameter[]; words: number };

/** A function or event: `Name(type name, …)`, with `indexed` before the name, and `(…)` for a struct. */
export interface Declaration {
  name: string;
  parameters: Parameter[];
  /** `Name(type,…)`, of which the topic and the selector are hashes. */
  signature: string;
}

export function declare(text: string): Declaration {
  const open = text.indexOf("(");
  const name = text.slice(0, open);
  const parameters = split(text.slice(open + 1, -1)).map(parameter);
  return { name, parameters, signature: `${name}(${parameters.map((part) => spelled(part.type)).join(",")})` };
}

export function topic(declared: Declaration): Hex {
  return `0x${toHex(keccak_256(new TextEncoder().encode(declared.signature)))}`;
}

export function selector(declared: Declaration): Hex {
  return topic(declared).slice(0, 10) as Hex;
}

/** Calldata of a function with static arguments, given as their words in order (numbers, or addresses as text). */
export function encodeCall(declared: Declaration, ...words: readonly (bigint | number | string)[]): Hex {
  const types = declared.parameters.map((part) => part.type);
  if (types.some(isDynamic)) throw new ABIError(`${declared.name} takes a dynamic array, which is not written`);
  const expected = types.reduce((sum, type) => sum + type.words, 0);
  if (words.length !== expected) throw new ABIError(`${declared.name} takes ${expected} words, not ${words.length}`);
  return `${selector(declared)}${words.map((word) => toHex(bytes32(BigInt(word)))).join("")}`;
}

/** The values of a whole encoding. */
export function decode(types: readonly Type[], data: Uint8Array): Value[] {
  const heads = types.map(headWords);
  let [at, tail] = [0, 32 * heads.reduce((sum, words) => sum + words, 0)];
  if (data.length < tail) throw new ABIError(`${data.length} bytes, where at least ${tail} were expected`);
  const values = types.map((type, i) => {
    const here = at;
    at += 32 * heads[i]!;
    if (!isDynamic(type)) return read(type, data, here);
    if (word(data, here) !== BigInt(tail)) throw new ABIError("an offset does not point behind what was read");
    const count = Number(below(data, tail, 1n << 32n));
    const first = tail + 32;
    tail = first + 32 * type.of.words * count;
    if (tail > data.length) throw new ABIError("an array is longer than its data");
    return Array.from({ length: count }, (_, k) => read(type.of, data, first + 32 * type.of.words * k));
  });
  if (data.length !== tail) throw new ABIError(`${data.length} bytes, where ${tail} were expected`);
  return values;
}

/** A value of JSON that has integers as decimal text, as the indexer writes them. */
export function fromJson(type: Type, value: unknown): Value {
  if (type.kind === "array") {
    if (!Array.isArray(value) || (type.count !== null && value.length !== type.count))
      throw new ABIError("an array is missing, or of another length");
    return value.map((one) => fromJson(type.of, one));
  }
  if (type.kind === "struct") {
    const given = Object(value) as Record<string, unknown>;
    return Object.fromEntries(type.fields.map((field) => [field.name, fromJson(field.type, given[field.name])]));
  }
  if (type.base === "bool") {
    if (typeof value !== "boolean") throw new ABIError("a truth value is missing");
    return value;
  }
  if (typeof value !== "string") throw new ABIError(`a value of type ${type.base} is text`);
  if (type.base === "address") {
    if (!/^0x[0-9a-fA-F]{40}$/.test(value)) throw new ABIError("an address has 20 bytes");
    return address(BigInt(value));
  }
  if (type.base === "bytes32") {
    if (!/^0x[0-9a-f]{64}$/.test(value)) throw new ABIError("a hash has 32 bytes");
    return value;
  }
  if (!/^(0|[1-9][0-9]{0,77})$/.test(value)) throw new ABIError(`${value.slice(0, 80)} is not a number`);
  const number = BigInt(value);
  if (number >= limit(type.base)) throw new ABIError(`a number is outside ${type.base}`);
  return number;
}

const known = new Map<bigint, Hex>();

/** The checksummed address of a word, remembered: a pool names the same ones over and over. */
function address(word: bigint): Hex {
  let found = known.get(word);
  if (found === undefined) known.set(word, (found = asAddress(word)));
  return found;
}

function split(text: string): string[] {
  const parts: string[] = [];
  let [depth, from] = [0, 0];
  for (let at = 0; at <= text.length; at++) {
    if (text[at] === "(") depth++;
    if (text[at] === ")") depth--;
    if ((at === text.length || text[at] === ",") && depth === 0) {
      if (at > from) parts.push(text.slice(from, at).trim());
      from = at + 1;
    }
  }
  return parts;
}

function parameter(text: string): Parameter {
  const found = /^((?:\(.*\)|[a-z0-9]+)(?:\[\d*\])*)( indexed)?(?: (\w+))?$/.exec(text);
  if (!found) throw new ABIError(`${text} declares no parameter`);
  return { name: found[3] ?? "", type: typed(found[1]!), indexed: found[2] !== undefined };
}

function typed(text: string): Type {
  const array = /^(.*)\[(\d*)\]$/.exec(text);
  if (array) {
    const [of, count] = [typed(array[1]!), array[2] === "" ? null : Number(array[2])];
    if (isDynamic(of)) throw new ABIError(`${text}: arrays of dynamic elements are not read`);
    return { kind: "array", of, count, words: count === null ? 1 : count * of.words };
  }
  if (text.startsWith("(")) {
    const fields = split(text.slice(1, -1)).map(parameter);
    return { kind: "struct", fields, words: fields.reduce((sum, field) => sum + field.type.words, 0) };
  }
  return { kind: "word", base: text, words: 1 };
}

function spelled(type: Type): string {
  if (type.kind === "array") return `${spelled(type.of)}[${type.count ?? ""}]`;
  if (type.kind === "struct") return `(${type.fields.map((field) => spelled(field.type)).join(",")})`;
  return type.base;
}

function isDynamic(type: Type): type is Extract<Type, { kind: "array" }> {
  return type.kind === "array" && type.count === null;
}

function headWords(type: Type): number {
  return isDynamic(type) ? 1 : type.words;
}

function read(type: Type, data: Uint8Array, at: number): Value {
  if (type.kind === "array")
    return Array.from({ length: type.count! }, (_, k) => read(type.of, data, at + 32 * type.of.words * k));
  if (type.kind === "struct") {
    let place = at;
    const entries = type.fields.map((field): [string, Value] => {
      const value = read(field.type, data, place);
      place += 32 * field.type.words;
      return [field.name, value];
    });
    return Object.fromEntries(entries);
  }
  if (type.base === "bool") return below(data, at, 2n) === 1n;
  if (type.base === "bytes32") return `0x${toHex(data.subarray(at, at + 32))}`;
  const value = below(data, at, limit(type.base));
  return type.base === "address" ? address(value) : value;
}

function limit(base: string): bigint {
  if (base === "address") return 1n << 160n;
  const bits = /^uint(\d+)$/.exec(base)?.[1];
  if (bits === undefined) throw new ABIError(`values of type ${base} are not read`);
  return 1n << BigInt(bits);
}

function word(data: Uint8Array, at: number): bigint {
  if (at + 32 > data.length) throw new ABIError("a word is missing");
  return BigInt(`0x${toHex(data.subarray(at, at + 32))}`);
}

function below(data: Uint8Array, at: number, end: bigint): bigint {
  const value = word(data, at);
  if (value >= end) throw new ABIError("a word is outside its type's range");
  return value;
}
