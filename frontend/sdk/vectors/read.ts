/** The vectors that Python makes (tests/frontend/sdk_vectors.py), as the SDK's own types have them; for tests only. */

import { ShieldedKey } from "../src/crypto/keys";
import primitives from "./primitives.json";
import wallet from "./wallet.json";

export { primitives };

/** Fields that are numbers in the SDK, since they count or place something. */
const COUNTS = ["position", "index", "quotaIndex", "side", "slot"];

/** Decimal strings as bigint, names in camel case, a `key` as its ShieldedKey. */
function revive(value: unknown, name = ""): any {
  if (Array.isArray(value)) return value.map((part) => revive(part));
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(
      Object.entries(value).map(([field, part]) => {
        const camel = field.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
        return [camel, revive(part, camel)];
      }),
    );
  if (typeof value !== "string" || !/^-?\d+$/.test(value)) return value;
  if (name === "key") return new ShieldedKey(BigInt(value));
  return COUNTS.includes(name) ? Number(value) : BigInt(value);
}

/** What the witness calculator takes keeps circom's names. */
export const inputs: Record<string, unknown>[] = wallet.claims.map((one) =>
  Object.fromEntries(Object.entries(one.inputs).map(([name, value]) => [name, revive(value)])),
);

export const deployment: unknown = wallet.deployment;

export const vectors = revive(wallet);

/** A list's parts with their places, for a test of each. */
export function each(list: any[], name: (one: any) => string = () => ""): [string, number, any][] {
  return list.map((one, i) => [name(one), i, one]);
}

export function words(text: string[]): bigint[] {
  return text.map(BigInt);
}
