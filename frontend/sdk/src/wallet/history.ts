/**
 * How a key's holdings came about, from the chain and the key alone. Movements of an asset add up to the balance
 * and what orders on chain lock.
 */

import { asAddress } from "../crypto/field";
import type { Ledger } from "../ledger/ledger";
import type { TransactRecord } from "../ledger/records";
import type { OwnedNote } from "../types";
import { worth } from "./coins";
import type { Fill, Holdings } from "./holdings";
import { lockOfOrder } from "./orders";
import type { Movement, PlacedOrder, Trade } from "./types";

/** Every movement, the oldest first. */
export function movements(ledger: Ledger, holdings: Holdings): Movement[] {
  const byPosition = new Map(holdings.notes.map((own) => [own.position, own]));
  const byNullifier = new Map(holdings.notes.map((own) => [own.nullifier, own]));
  const found = ledger.state.transacts.map((one) => moved(one, byPosition, byNullifier)).filter((one) => one !== null);
  for (const placed of holdings.orders) {
    const fill = holdings.fills.get(placed.quotaNullifier);
    found.push(...(fill ? filled(ledger, placed, fill) : forfeited(ledger, placed)));
  }
  return found.sort((a, b) => a.block - b.block);
}

/** A transact's effect on the key; null if none. */
function moved(
  one: TransactRecord,
  byPosition: ReadonlyMap<number, OwnedNote>,
  byNullifier: ReadonlyMap<bigint, OwnedNote>,
): Movement | null {
  const present = (own: OwnedNote | undefined): own is OwnedNote => own !== undefined;
  const inputs = one.nullifiers.map((word) => byNullifier.get(word)).filter(present);
  const outputs = [one.position, one.position + 1].map((position) => byPosition.get(position)).filter(present);
  const asset = [...inputs, ...outputs][0]?.note.asset;
  if (asset === undefined) return null;
  const amount = worth(outputs) - worth(inputs);
  const fee = inputs.length ? one.fee : 0n;
  const common = { block: one.block, transaction: one.transaction, asset: asAddress(asset), amount, fee, trade: null };
  const ours = inputs.length > 0 || amount === one.deposit - one.fee;
  if (one.deposit && ours) return { ...common, kind: "deposit", account: one.account };
  if (!inputs.length) return { ...common, kind: "received", account: null };
  if (one.withdrawal) return { ...common, kind: "withdrawal", account: one.account };
  return { ...common, kind: amount === -fee ? "joined" : "sent", account: null };
}

/** The two legs of a fill; none if nothing was filled. */
function filled(ledger: Ledger, placed: PlacedOrder, fill: Fill): Movement[] {
  if (!fill.fill) return [];
  const market = ledger.state.markets.get(placed.market)!;
  const { block, transaction } = ledger.state.epoch(placed.market, placed.epoch).settlement!;
  const trade = tradeOf(ledger, placed, fill);
  const common = { kind: "fill" as const, block, transaction, account: null, trade };
  return [
    { ...common, asset: market.base, amount: trade.base, fee: 0n },
    { ...common, asset: market.quote, amount: trade.quote, fee: fill.payment.fee },
  ];
}

/** Quote units by which `fill` lots at `price` did better than at `other`, for the side taken. */
export function advantage(side: number, other: bigint, price: bigint, fill: bigint): bigint {
  return (side ? price - other : other - price) * fill;
}

/** A fill against the reference that its epoch fixed, and against its own limit. */
export function tradeOf(ledger: Ledger, placed: PlacedOrder, { fill, price, payment }: Fill): Trade {
  const { market, epoch, terms } = placed;
  const { lot } = ledger.state.markets.get(market)!;
  const reference = ledger.state.epoch(market, epoch).reference!;
  const sign = terms.side ? -1n : 1n;
  return {
    market,
    epoch,
    terms,
    fill,
    price,
    reference,
    againstReference: advantage(terms.side, reference, price, fill),
    againstLimit: advantage(terms.side, terms.price, price, fill),
    base: sign * fill * lot,
    quote: -sign * fill * price - payment.fee,
  };
}

function forfeited(ledger: Ledger, placed: PlacedOrder): Movement[] {
  const { reclaim } = ledger.state.orders.get(placed.quotaNullifier)!;
  const { asset, bond } = lockOfOrder(placed.market, ledger.state.markets.get(placed.market)!, placed.terms);
  if (!reclaim?.forfeit || !bond) return [];
  const { block, transaction } = reclaim;
  return [{ kind: "forfeit", block, transaction, asset, amount: -bond, fee: 0n, account: null, trade: null }];
}

const COLUMNS = [
  "block",
  "transaction",
  "kind",
  "asset",
  "amount",
  "fee",
  "account",
  "market",
  "epoch",
  "side",
  "quantity",
  "limit",
  "fill",
  "price",
  "reference",
  "against reference",
  "against limit",
] as const;

/** A table with its head: base units, lots, quote units a lot, exact. */
export function exportRows(history: readonly Movement[]): string[][] {
  const rows = history.map((one) => {
    const { trade } = one;
    const ordered = trade
      ? [
          trade.market,
          trade.epoch,
          trade.terms.side ? "sell" : "buy",
          trade.terms.quantity,
          trade.terms.price,
          trade.fill,
          trade.price,
          trade.reference,
          trade.againstReference,
          trade.againstLimit,
        ]
      : Array<string>(10).fill("");
    return [one.block, one.transaction, one.kind, one.asset, one.amount, one.fee, one.account ?? "", ...ordered];
  });
  return [[...COLUMNS], ...rows.map((row) => row.map(String))];
}

/** The rows as a CSV file (RFC 4180). No cell begins as a formula of a spreadsheet does, but for negative numbers. */
export function toCsv(rows: readonly (readonly string[])[]): string {
  const cell = (value: string) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}
