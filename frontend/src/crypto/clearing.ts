/**
 * The uniform-price clearing of one epoch, recomputed from opened orders (protocol §4).
 *
 * The lots of the margin depend on an offset that the leader alone knows, so they are held to their
 * pro-rata share within one lot, and to their sum; everything else is exact.
 */

import { BUY, SELL } from "@shadowpool/sdk/crypto/notes";
import type { Terms } from "@shadowpool/sdk/types";

const MAX_WORD = (1n << 64n) - 1n;

export interface Step {
  price: bigint;
  /** Lots wanted at this price or more. */
  demand: bigint;
  /** Lots offered at this price or less. */
  supply: bigint;
}

export interface Clearing {
  lo: bigint;
  hi: bigint;
  price: bigint;
  volume: bigint;
  withinCollar: boolean;
  /** Least and most lots that each order may have been filled, in the order given. */
  bounds: [bigint, bigint][];
}

/** Demand and supply at every limit, by rising price. */
export function curve(orders: Terms[]): Step[] {
  const prices = [...new Set(orders.map((order) => order.price))].sort((a, b) => (a < b ? -1 : 1));
  return prices.map((price) => ({ price, demand: demand(orders, price), supply: supply(orders, price) }));
}

export function clear(orders: Terms[], reference: bigint, collarBps: bigint): Clearing {
  const prices = [...new Set([1n, MAX_WORD, ...orders.map((order) => order.price)])].sort((a, b) => (a < b ? -1 : 1));
  const lo = prices.find((p) => demand(orders, p, true) <= supply(orders, p))!;
  const hi = prices.reverse().find((p) => supply(orders, p, true) <= demand(orders, p))!;
  const clamped = reference < lo ? lo : reference > hi ? hi : reference;
  const away = clamped > reference ? clamped - reference : reference - clamped;
  const withinCollar = away * 10_000n <= collarBps * reference;
  const [wanted, offered] = [demand(orders, clamped), supply(orders, clamped)];
  const volume = !withinCollar ? 0n : wanted < offered ? wanted : offered;
  const bounds = orders.map((order) => (withinCollar ? fillBounds(orders, order, clamped, volume) : none()));
  return { lo, hi, price: volume ? clamped : 0n, volume, withinCollar, bounds };
}

function demand(orders: Terms[], price: bigint, beyond = false): bigint {
  return lots(orders, BUY, (limit) => (beyond ? limit > price : limit >= price));
}

function supply(orders: Terms[], price: bigint, beyond = false): bigint {
  return lots(orders, SELL, (limit) => (beyond ? limit < price : limit <= price));
}

function lots(orders: Terms[], side: Terms["side"], counts: (limit: bigint) => boolean): bigint {
  return orders.reduce((sum, order) => (order.side === side && counts(order.price) ? sum + order.quantity : sum), 0n);
}

function fillBounds(orders: Terms[], order: Terms, price: bigint, volume: bigint): [bigint, bigint] {
  const strictly = order.side === BUY ? demand(orders, price, true) : supply(orders, price, true);
  const all = order.side === BUY ? demand(orders, price) : supply(orders, price);
  const better = order.side === BUY ? order.price > price : order.price < price;
  if (better) return [order.quantity, order.quantity];
  if (order.price !== price) return none();
  const share = (volume - strictly) * order.quantity;
  const margin = all - strictly;
  const least = share / margin;
  return [least, least * margin === share ? least : least + 1n];
}

function none(): [bigint, bigint] {
  return [0n, 0n];
}
