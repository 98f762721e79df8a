/** What people type, as exact integers: lots, and quote units a lot. Nothing here goes through a float. */

import { type Pair, decimal, tokenName } from "../format";
import type { Token } from "../api/types";

export type Parsed = { value: bigint } | { problem: string };

const NUMBER = /^(\d{1,40})(?:\.(\d{0,40}))?$/;
const GROUPED = /^[1-9]\d{0,2}(?:,\d{3})+\.\d+$/;
const LIMIT = 1n << 64n;
const MAX_AMOUNT = 1n << 128n;

/** An amount of a token in base units. */
export function parseAmount(text: string, token: Token): Parsed {
  const found = rational(text);
  if ("problem" in found) return found;
  const decimals = token.decimals ?? 0;
  const exact = divide(found.digits * 10n ** BigInt(decimals), found.scale);
  if (exact.rest) return { problem: `${tokenName(token)} has ${decimals} decimals: leave out what is beyond them.` };
  if (!exact.whole) return { problem: "More than nothing is needed." };
  return exact.whole < MAX_AMOUNT ? { value: exact.whole } : { problem: "This is more than a note can hold." };
}

/** A quantity of base tokens in lots. */
export function parseQuantity(text: string, { base, lot }: Pair): Parsed {
  const found = rational(text);
  if ("problem" in found) return found;
  const exact = divide(found.digits * 10n ** BigInt(base.decimals ?? 0), found.scale * lot);
  if (exact.rest) {
    const one = decimal(lot, base.decimals ?? 0);
    return { problem: `A whole number of lots is needed; one is ${one} ${tokenName(base)}.` };
  }
  return inRange(exact.whole, "quantity");
}

/** Quote tokens for one whole base token, in quote units a lot. */
export function parsePrice(text: string, pair: Pair): Parsed {
  const found = rational(text);
  if ("problem" in found) return found;
  const { base, quote, lot } = pair;
  const up = 10n ** BigInt(quote.decimals ?? 0) * lot;
  const down = 10n ** BigInt(base.decimals ?? 0);
  const exact = divide(found.digits * up, found.scale * down);
  if (!exact.rest) return inRange(exact.whole, "limit");
  const [below, above] = [exact.whole, exact.whole + 1n].map((ticks) => exactPrice(ticks, pair));
  return { problem: `Between two ticks: ${below} and ${above} are the nearest.` };
}

/** A price as text that `parsePrice` takes back. */
export function exactPrice(unitsPerLot: bigint, { base, quote, lot }: Pair): string {
  const up = unitsPerLot * 10n ** BigInt(base.decimals ?? 0);
  // Digits until the division ends, which it does where the lot has no factors but 2 and 5.
  for (let more = 0; more <= 40; more += 1) {
    const { whole, rest } = divide(up * 10n ** BigInt(more), lot);
    if (!rest) return decimal(whole, (quote.decimals ?? 0) + more, 2).replaceAll(",", "");
  }
  return decimal(up / lot, quote.decimals ?? 0, 2).replaceAll(",", "");
}

function rational(text: string): { digits: bigint; scale: bigint } | { problem: string } {
  const spaced = text.trim().replaceAll(/[ _]/g, "");
  if (!spaced) return { problem: "" };
  // Elsewhere a comma is the decimal point, so that 1,500 may mean one and a half.
  if (spaced.includes(",") && !GROUPED.test(spaced)) return { problem: "Use a point before the decimals." };
  const cleaned = spaced.replaceAll(",", "");
  const found = NUMBER.exec(cleaned);
  if (!found) return { problem: "A number in decimal digits is needed, with a point before its decimals." };
  const [, whole, fraction = ""] = found;
  return { digits: BigInt(whole! + fraction), scale: 10n ** BigInt(fraction.length) };
}

function divide(value: bigint, by: bigint): { whole: bigint; rest: boolean } {
  return { whole: value / by, rest: value % by !== 0n };
}

function inRange(value: bigint, what: string): Parsed {
  if (!value) return { problem: "More than nothing is needed." };
  return value < LIMIT ? { value } : { problem: `The ${what} is too large.` };
}
