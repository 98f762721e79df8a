/** JSON as the gateway writes it, to and from the SDK's own forms. */

import { AgentError } from "../errors";

/** Numbers that come as decimal strings. */
const WHOLE = new Set([
  "quantity",
  "price",
  "fill",
  "fill_price",
  "reference",
  "forfeited",
  "quota_nullifier",
  "lock",
  "fee",
  "bond",
  "available",
  "locked",
  "largest_pair",
  "lot",
  "min_quantity",
  "printed",
  "amount",
]);
/** What is passed on as it is. */
const RAW = new Set(["data"]);
const SIDES = ["buy", "sell"];

/** A value of an answer: names in camel case, amounts as bigint, sides as 0 and 1. */
export function read(value: unknown, name = ""): unknown {
  if (value === null || RAW.has(name)) return value;
  if (WHOLE.has(name)) return whole(value, name);
  if (name === "side") return sideOf(value);
  if (Array.isArray(value)) return value.map((one) => read(one));
  if (typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value as object).map(([key, one]) => [camel(key), read(one, key)]));
}

/** A body of a request. */
export function write(value: unknown, name = ""): unknown {
  if (typeof value === "bigint") return String(value);
  if (name === "side") return SIDES[value as number];
  if (Array.isArray(value)) return value.map((one) => write(one));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [snake(key), write(one, key)]));
}

function whole(value: unknown, name: string): bigint {
  if (typeof value !== "string" || !/^-?(0|[1-9][0-9]{0,77})$/.test(value))
    throw new AgentError("malformed", `the agent gives no whole number as ${name}: is it of this version?`);
  return BigInt(value);
}

function sideOf(value: unknown): number {
  const side = SIDES.indexOf(value as string);
  if (side < 0) throw new AgentError("malformed", "the agent gives an order without a side: is it of this version?");
  return side;
}

function camel(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
