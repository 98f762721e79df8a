import { useMemo } from "react";

import { query, useApi } from "../api/client";
import { useLive } from "../api/live";
import type { Heatmap, LiquidityMarket, LiquidityWindow, Venue, VenueShare } from "../api/liquidity";
import type { List } from "../api/types";
import { type Pair, bps, grouped, price, priceNumber, quantity, tokenName } from "../format";
import { useQuery } from "../router";
import { Badge, type Column, Filter, Page, Section, Show, Table, Time } from "../ui/parts";
import { Heat } from "../ui/heat";
import { type Sample, Series } from "../ui/series";

const DAY = 86_400;
const WINDOW = 300;
const SPANS: [string, string][] = [
  ["", "All"],
  ["1", "1 day"],
  ["7", "7 days"],
  ["30", "30 days"],
  ["365", "1 year"],
];
const STEPS: [string, string][] = [
  ["", "5 minutes"],
  ["3600", "1 hour"],
  ["86400", "1 day"],
  ["604800", "1 week"],
];
const SHOWN = 12;
// As many windows as one page of the API holds, the latest of them.
const CHARTED = 2_000;
const NO_MARKETS: LiquidityMarket[] = [];
const NO_VENUES: Venue[] = [];

export function Liquidity() {
  const { timestamp, revision } = useLive();
  const markets = useApi<List<LiquidityMarket>>("/v1/liquidity/markets", revision).data?.items ?? NO_MARKETS;
  const venues = useApi<List<Venue>>("/v1/liquidity/venues", revision).data?.items ?? NO_VENUES;
  const [chosenVenue] = useQuery("venue");
  const [chosenMarket] = useQuery("market");
  const [days] = useQuery("days");
  const [chosenStep] = useQuery("step");
  const venue = venues.find((one) => one.venue === (chosenVenue ?? "shadowpool")) ?? null;
  const offered = markets.filter((one) => venue?.markets.includes(one.market));
  const market = offered.find((one) => one.market === chosenMarket) ?? offered[0] ?? null;
  const weekly = venue?.source === "finra";
  const step = weekly ? 604_800 : Number(chosenStep ?? WINDOW);
  // To a whole window, so that a new block alone asks for nothing new.
  const from = days && timestamp !== null ? Math.floor((timestamp - Number(days) * DAY) / WINDOW) * WINDOW : null;
  const wanted = { market: market?.market, venue: venue?.venue, from, step };
  const ready = market !== null && venue !== null;
  const earliest =
    venue?.last == null ? from : Math.max(from ?? 0, (Math.floor(venue.last / step) - CHARTED + 2) * step);
  const windows = useApi<List<LiquidityWindow>>(
    ready ? query("/v1/liquidity/windows", { ...wanted, from: earliest, limit: CHARTED }) : null,
    revision,
  );
  const heat = useApi<Heatmap>(
    ready && !weekly ? query("/v1/liquidity/heatmap", { market: market.market, venue: venue.venue, from }) : null,
    revision,
  );
  const compared = useApi<List<VenueShare>>(query("/v1/liquidity/compare", { from }), revision);
  const pair = useMemo<Pair | null>(
    () =>
      market?.base && market.quote && market.lot
        ? { base: market.base, quote: market.quote, lot: BigInt(market.lot) }
        : null,
    [market],
  );
  const filters = (
    <>
      <Filter
        name="venue"
        label="Venue"
        options={[
          ["", "Shadowpool"],
          ...venues.filter((one) => one.venue !== "shadowpool").map((one): [string, string] => [one.venue, one.name]),
        ]}
      />
      <Filter
        name="market"
        label="Market"
        options={[
          ["", offered[0]?.label ?? "–"],
          ...offered.slice(1).map((one): [string, string] => [one.market, one.label]),
        ]}
      />
      <Filter name="days" label="Span" options={SPANS} />
      {!weekly && <Filter name="step" label="Window" options={STEPS} />}
    </>
  );
  return (
    <Page
      title="Liquidity"
      lead="What the dark venues traded, after the fact: our prints in five-minute windows, and FINRA’s weekly ATS volumes."
    >
      <Section
        title={market ? `${venue?.name ?? "Shadowpool"}, ${market.label}` : "Time series"}
        note={weekly ? "Shares a week" : "Volume-weighted price, and volume, a window"}
        aside={filters}
      >
        <Show answer={windows}>{({ items }) => <Windows items={items} pair={pair} label={market?.label ?? ""} />}</Show>
        {ready && (
          <p className="exports">
            Export:{" "}
            <a href={query("/v1/liquidity/windows.csv", wanted)} download>
              CSV
            </a>{" "}
            <a href={query("/v1/liquidity/windows.parquet", wanted)} download>
              Parquet
            </a>
          </p>
        )}
      </Section>
      {!weekly && (
        <Section title="By hour" note="When it trades: volume by weekday and hour, UTC">
          <Show answer={heat}>{(found) => <Heat heat={found} show={(volume) => volumeText(volume, pair)} />}</Show>
        </Section>
      )}
      <Section
        title="Venues"
        note="Each against the others of its source; volumes in lots or shares as each counts them"
      >
        <Show answer={compared}>
          {({ items }) => (
            <Table
              label="Venues compared"
              rows={items}
              id={(row) => row.source + row.venue}
              empty="No venue has traded in this time."
              columns={[
                { head: "Venue", cell: (row) => row.name },
                {
                  head: "Source",
                  wide: true,
                  cell: (row) => <Badge tone="plain">{row.source === "finra" ? "FINRA ATS" : "our prints"}</Badge>,
                },
                { head: "Volume", number: true, cell: (row) => grouped(row.volume) },
                { head: "Trades", number: true, cell: (row) => count(row.prints) },
                { head: "Share", number: true, cell: (row) => bps(row.share_bps) },
                {
                  head: <span className="unseen">Share, drawn</span>,
                  wide: true,
                  cell: (row) => (
                    <span className="share" aria-hidden="true">
                      <span style={{ inlineSize: `${row.share_bps / 100}%` }} />
                    </span>
                  ),
                },
              ]}
            />
          )}
        </Show>
      </Section>
    </Page>
  );
}

/** How many, where the venue says. */
function count(prints: number | null): string {
  return prints === null ? "–" : grouped(prints);
}

function volumeText(volume: string, pair: Pair | null): string {
  return pair ? quantity(volume, pair) : grouped(volume);
}

function priceColumns(pair: Pair): Column<LiquidityWindow>[] {
  const text = (amount: string | null) => (amount === null ? "–" : price(amount, pair));
  return [
    { head: `Average price, ${tokenName(pair.quote)}`, number: true, cell: (window) => text(window.vwap) },
    { head: `Low, ${tokenName(pair.quote)}`, number: true, wide: true, cell: (window) => text(window.low) },
    { head: `High, ${tokenName(pair.quote)}`, number: true, wide: true, cell: (window) => text(window.high) },
  ];
}

function Windows({ items, pair, label }: { items: LiquidityWindow[]; pair: Pair | null; label: string }) {
  const samples = useMemo(
    () =>
      items.map((window): Sample => ({
        time: window.start,
        price: window.vwap === null || !pair ? null : priceNumber(window.vwap, pair),
        volume: Number(window.volume),
      })),
    [items, pair],
  );
  const last = items.slice(-SHOWN).reverse();
  return (
    <>
      <Series samples={samples} label={`Volumes and prices of ${label}`} height={300} />
      {items.length > 0 && (
        <Table
          label="Last windows"
          rows={last}
          id={(window) => window.start}
          columns={[
            { head: "From, UTC", cell: (window) => <Time at={window.start} /> },
            { head: "Prints", number: true, wide: true, cell: (window) => count(window.prints) },
            {
              head: pair ? `Volume, ${tokenName(pair.base)}` : "Volume, shares",
              number: true,
              cell: (window) => volumeText(window.volume, pair),
            },
            ...(pair ? priceColumns(pair) : []),
            { head: "Late", number: true, wide: true, cell: (window) => grouped(window.late) },
            {
              head: "Window",
              wide: true,
              cell: (window) => <span className="quiet">{window.final ? "closed" : "open"}</span>,
            },
          ]}
        />
      )}
    </>
  );
}
