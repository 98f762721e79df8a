/** Exact numbers as people read them. Nothing here goes through a float. */

import type { Market, Terms, Token, Windows } from "./api/types";

export function grouped(value: bigint | number | string): string {
  return BigInt(value)
    .toString()
    .replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** `units` / 10^decimals with at least `least` digits after the point, and no zeros beyond them. */
export function decimal(units: bigint, decimals: number, least = 0): string {
  const negative = units < 0n;
  const digits = (negative ? -units : units).toString().padStart(decimals + 1, "0");
  const [whole, rest] = [digits.slice(0, digits.length - decimals), digits.slice(digits.length - decimals)];
  const fraction = rest.replace(/0+$/, "").padEnd(least, "0");
  return (negative ? "−" : "") + grouped(whole) + (fraction ? `.${fraction}` : "");
}

export function tokenAmount(units: bigint | string, token: Token): string {
  return token.decimals === null ? grouped(units) : decimal(BigInt(units), token.decimals);
}

export function tokenName(token: Token): string {
  return token.symbol ?? shortHex(token.address);
}

export function marketName(market: Pick<Market, "base" | "quote">): string {
  return `${tokenName(market.base)}/${tokenName(market.quote)}`;
}

export interface Pair {
  base: Token;
  quote: Token;
  lot: bigint;
}

export function pairOf(market: Market): Pair {
  return { base: market.base, quote: market.quote, lot: BigInt(market.terms.lot) };
}

/** Quote for one whole base token, from quote units a lot: rounded half up to the quote's decimals. */
export function price(unitsPerLot: bigint | string, pair: Pair): string {
  const { base, quote, lot } = pair;
  if (base.decimals === null || quote.decimals === null) return grouped(unitsPerLot);
  const scaled = (BigInt(unitsPerLot) * 10n ** BigInt(base.decimals) * 2n + lot) / (2n * lot);
  return decimal(scaled, quote.decimals, 2);
}

/** A chart's number for the same; charts alone use floats. */
export function priceNumber(unitsPerLot: bigint | string, pair: Pair): number {
  return Number(price(unitsPerLot, pair).replaceAll(",", ""));
}

/** A quantity in lots as base tokens. */
export function quantity(lots: bigint | string, pair: Pair): string {
  return tokenAmount(BigInt(lots) * pair.lot, pair.base);
}

export function bps(value: number): string {
  return `${decimal(BigInt(value), 2)} %`;
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function shortHex(text: string, lead = 6, tail = 4): string {
  return text.length <= lead + tail + 3 ? text : `${text.slice(0, lead)}…${text.slice(-tail)}`;
}

/** A field word as 32 bytes of hexadecimal. */
export function wordHex(word: string | bigint): string {
  return "0x" + BigInt(word).toString(16).padStart(64, "0");
}

export function time(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ");
}

export function clock(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(11, 19);
}

/** "in 12 blocks (≈ 12 s)", "8 blocks ago". */
export function away(block: number, from: number, blockSeconds: number | null): string {
  const blocks = Math.abs(block - from);
  if (!blocks) return "now";
  const counted = `${grouped(blocks)} ${blocks === 1 ? "block" : "blocks"}`;
  const about = blockSeconds === null ? "" : ` (≈ ${duration(blocks * blockSeconds)})`;
  return block > from ? `in ${counted}${about}` : `${counted} ago`;
}

export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

export function windowsOf(terms: Terms, epoch: number): Windows {
  const open = terms.start_block + epoch * terms.commit_blocks;
  const freeze = open + terms.commit_blocks;
  const reveal = freeze + terms.freeze_blocks;
  const settle = reveal + terms.reveal_blocks;
  return { open, freeze, reveal, settle, deadline: settle + terms.settle_blocks };
}

/** The window that a block lies in, by arithmetic alone. */
export function phaseAt(
  windows: Windows,
  block: number,
): "before" | "commit" | "frozen" | "reveal" | "settling" | "past" {
  if (block < windows.open) return "before";
  if (block < windows.freeze) return "commit";
  if (block < windows.reveal) return "frozen";
  if (block < windows.settle) return "reveal";
  return block < windows.deadline ? "settling" : "past";
}

/** How many window boundaries of a market lie at or before a block: it changes whenever a state may. */
export function boundaries(terms: Terms, block: number): number {
  const first = windowsOf(terms, 0);
  const passed = (boundary: number) => Math.max(0, Math.floor((block - boundary) / terms.commit_blocks) + 1);
  return [first.open, first.reveal, first.settle, first.deadline].reduce((sum, at) => sum + passed(at), 0);
}
