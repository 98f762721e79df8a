/** Shapes of /v1/liquidity. */

import type { Token, Word } from "./types";

export interface Venue {
  venue: string;
  name: string;
  source: "prints" | "finra";
  first: number | null;
  last: number | null;
  markets: string[];
}

export interface LiquidityMarket {
  market: string;
  label: string;
  base: Token | null;
  quote: Token | null;
  lot: Word | null;
  source: "prints" | "finra";
}

export interface LiquidityWindow {
  market: string;
  venue: string;
  start: number;
  end: number;
  prints: number | null;
  volume: Word;
  notional: Word | null;
  open: Word | null;
  high: Word | null;
  low: Word | null;
  close: Word | null;
  vwap: Word | null;
  late: number;
  final: boolean;
}

export interface VenueShare {
  venue: string;
  name: string;
  source: "prints" | "finra";
  volume: Word;
  notional: Word | null;
  prints: number | null;
  share_bps: number;
  weeks: number;
}

export interface Heatmap {
  rows: number;
  columns: number;
  cells: { prints: number; volume: Word }[][];
}
