/** What several of the desk's pages ask for. */

import { useApi } from "../../api/client";
import type { EpochSummary, List, Market, Token } from "../../api/types";
import { marketName, pairOf, price, quantity, tokenName } from "../../format";
import { useEpochRevision, useMarkets } from "../../pages/shared";
import type { Deployment, Hex, OwnedNote } from "../sdk";

/** The pool's tokens, by symbol. */
export function tokensOf(deployment: Deployment): Token[] {
  return Object.entries(deployment.tokens)
    .map(([symbol, { address, decimals }]) => ({ address, symbol, decimals }))
    .sort((a, b) => a.symbol.localeCompare(b.symbol));
}

export function tokenAt(deployment: Deployment, asset: Hex | bigint): Token {
  const found = tokensOf(deployment).find(({ address }) => BigInt(address) === BigInt(asset));
  return found ?? { address: `0x${BigInt(asset).toString(16).padStart(40, "0")}`, symbol: null, decimals: null };
}

/** Recent epochs of every market: asked for as everyone asks, so that the indexer learns nothing of ours. */
export function useRecentEpochs(): EpochSummary[] {
  const revision = useEpochRevision(useMarkets());
  return useApi<List<EpochSummary>>("/v1/epochs?limit=50", revision).data?.items ?? NONE;
}

const NONE: EpochSummary[] = [];

export function lastReference(epochs: EpochSummary[], market: Market): bigint | null {
  const found = epochs.filter((one) => one.market === market.market && one.reference !== null && !one.void);
  const last = found.sort((a, b) => b.epoch - a.epoch)[0];
  return last ? BigInt(last.reference!) : null;
}

/** How an order of a market is said; by number, in lots and in quote units a lot, where the market is not known. */
export function wordsOf(markets: Market[], id: number) {
  const market = markets.find((one) => one.market === id);
  const pair = market && pairOf(market);
  return {
    name: market ? marketName(market) : `Market ${id}`,
    lots: (amount: bigint) => (pair ? `${quantity(amount, pair)} ${tokenName(pair.base)}` : `${amount} lots`),
    limit: (units: bigint) => (pair ? `${price(units, pair)} ${tokenName(pair.quote)}` : String(units)),
  };
}

export function unspent(notes: OwnedNote[], token: Token): OwnedNote[] {
  return notes.filter(({ note, spent }) => !spent && note.asset === BigInt(token.address));
}
