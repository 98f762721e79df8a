/** What several pages ask for. */

import { useApi } from "../api/client";
import { useLive } from "../api/live";
import type { Keys, List, Market, Status } from "../api/types";
import { boundaries } from "../format";

/** Changes with every event, and whenever a window of these markets ends without one. */
export function useEpochRevision(markets: Market[]): string {
  const { block, revision } = useLive();
  const passed = markets.reduce((sum, market) => sum + boundaries(market.terms, block ?? 0), 0);
  return `${revision}:${passed}`;
}

export function useMarkets(): Market[] {
  const { revision } = useLive();
  return useApi<List<Market>>("/v1/markets", revision).data?.items ?? NONE;
}

const NONE: Market[] = [];

/** What opening an epoch needs besides it, asked for only once a key is loaded. */
export function useAuditInputs(wanted: boolean): { status: Status | null; keys: Keys | null } {
  const { status } = useLive();
  return { status, keys: useApi<Keys>(wanted ? "/v1/keys" : null).data };
}
