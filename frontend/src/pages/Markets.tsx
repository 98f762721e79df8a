import { useApi } from "../api/client";
import { useLive } from "../api/live";
import type { EpochSummary, List, Market, NotesSummary } from "../api/types";
import { bps, grouped, marketName, pairOf, price, quantity, tokenAmount, tokenName } from "../format";
import { Link } from "../router";
import { BlockLink, Dark, Page, Section, Show, Stats, Table } from "../ui/parts";
import { Pipeline } from "../ui/timeline";
import { useEpochRevision } from "./shared";

export function Markets() {
  const { status, block, revision } = useLive();
  const markets = useApi<List<Market>>("/v1/markets", revision);
  const notes = useApi<NotesSummary>("/v1/notes/summary", revision);
  const epochRevision = useEpochRevision(markets.data?.items ?? []);
  const epochs = useApi<List<EpochSummary>>("/v1/epochs?limit=50", epochRevision);
  const counts = status?.counts;
  return (
    <Page title="Markets" lead="Sealed-bid batch auctions. Orders stay dark; every settlement carries a proof.">
      {status && counts && (
        <Stats
          items={[
            [
              "Block",
              grouped(block ?? status.block),
              status.block_seconds === null ? null : `every ${status.block_seconds.toFixed(1)} s`,
            ],
            ["Epochs settled", grouped(counts.settled), `of ${grouped(counts.epochs)} opened`],
            ["Orders committed", grouped(counts.orders), `${grouped(counts.reveals)} revealed`],
            ["Prints", grouped(counts.prints)],
            ["Proofs verified", grouped(counts.proofs), "again, off chain"],
            ["Notes", grouped(counts.notes), `${grouped(counts.nullifiers)} spent`],
          ]}
        />
      )}
      <Show answer={markets}>
        {({ items }) => (
          <>
            <Section title="All markets">
              <Table
                label="Markets"
                rows={items}
                id={(market) => market.market}
                empty="No market has been opened yet."
                columns={[
                  {
                    head: "Market",
                    cell: (market) => (
                      <Link href={`/markets/${market.market}`}>
                        <strong>{marketName(market)}</strong>
                      </Link>
                    ),
                  },
                  {
                    head: "Epoch",
                    number: true,
                    cell: (market) =>
                      market.epoch === null ? (
                        "–"
                      ) : (
                        <Link className="mono" href={`/epochs/${market.market}/${market.epoch}`}>
                          {market.epoch}
                        </Link>
                      ),
                  },
                  {
                    head: "Last price",
                    number: true,
                    cell: (market) =>
                      market.last_print?.volume && market.last_print.volume !== "0" ? (
                        `${price(market.last_print.price, pairOf(market))} ${tokenName(market.quote)}`
                      ) : market.last_print ? (
                        "no trade"
                      ) : (
                        <Dark width={7} />
                      ),
                  },
                  {
                    head: "Last volume",
                    number: true,
                    cell: (market) =>
                      market.last_print ? (
                        `${quantity(market.last_print.volume, pairOf(market))} ${tokenName(market.base)}`
                      ) : (
                        <Dark width={5} />
                      ),
                  },
                  {
                    head: "Printed at",
                    number: true,
                    wide: true,
                    cell: (market) => (market.last_print ? <BlockLink block={market.last_print.block} /> : "–"),
                  },
                  { head: "Settled", number: true, wide: true, cell: (market) => grouped(market.settled) },
                  { head: "Failed", number: true, wide: true, cell: (market) => grouped(market.failed) },
                  { head: "Fee", number: true, wide: true, cell: (market) => bps(market.terms.fee_bps) },
                  {
                    head: "Lot",
                    number: true,
                    wide: true,
                    cell: (market) => `${tokenAmount(market.terms.lot, market.base)} ${tokenName(market.base)}`,
                  },
                ]}
              />
            </Section>
            {block !== null &&
              items.map((market) => (
                <Section
                  key={market.market}
                  title={`${marketName(market)} now`}
                  note={`Market ${market.market}, window by window`}
                >
                  <Pipeline
                    market={market.market}
                    terms={market.terms}
                    block={block}
                    epochs={epochs.data?.items ?? []}
                  />
                </Section>
              ))}
          </>
        )}
      </Show>
      <Section
        title="Held in the pool"
        note="What the pool's contract owes to all unspent notes and locked orders, per token"
      >
        <Show answer={notes}>
          {({ totals }) => (
            <Table
              label="Pool totals"
              rows={totals}
              id={({ token }) => token.address}
              empty="Nothing has been deposited yet."
              columns={[
                { head: "Token", cell: ({ token }) => <Link href="/contracts">{tokenName(token)}</Link> },
                { head: "Total", number: true, cell: ({ token, total }) => tokenAmount(total, token) },
              ]}
            />
          )}
        </Show>
      </Section>
    </Page>
  );
}
