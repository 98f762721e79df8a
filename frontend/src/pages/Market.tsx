import { useMemo } from "react";

import { query, useApi } from "../api/client";
import { useLive } from "../api/live";
import type { EpochSummary, List, Market, Print } from "../api/types";
import { bps, grouped, marketName, pairOf, price, priceNumber, quantity, tokenAmount, tokenName } from "../format";
import { BlockLink, EpochLink, Facts, Hash, Page, Section, Show, Table, Time, TxLink } from "../ui/parts";
import { Series } from "../ui/series";
import { Pipeline } from "../ui/timeline";
import { EpochTable } from "./EpochTable";
import { useEpochRevision } from "./shared";

export function MarketPage({ market: id = "" }: { market?: string }) {
  const { revision } = useLive();
  const answer = useApi<Market>(`/v1/markets/${encodeURIComponent(id)}`, revision);
  return (
    <Show answer={answer} title="Market">
      {(market) => <MarketView market={market} />}
    </Show>
  );
}

function MarketView({ market }: { market: Market }) {
  const { block, revision } = useLive();
  const epochRevision = useEpochRevision(useMemo(() => [market], [market]));
  const epochs = useApi<List<EpochSummary>>(query("/v1/epochs", { market: market.market, limit: 25 }), epochRevision);
  const prints = useApi<List<Print>>(query("/v1/prints", { market: market.market, limit: 200 }), revision);
  const pair = pairOf(market);
  const samples = useMemo(() => {
    const byTime = new Map<number, Print>();
    for (const print of prints.data?.items ?? []) if (!byTime.has(print.timestamp)) byTime.set(print.timestamp, print);
    return [...byTime.values()].reverse().map((print) => ({
      time: print.timestamp,
      price: print.volume === "0" ? null : priceNumber(print.price, pair),
      volume: Number(print.volume),
    }));
  }, [prints.data]);
  const { terms } = market;
  const unit = `${tokenName(market.quote)} per ${tokenName(market.base)}`;
  return (
    <Page
      title={marketName(market)}
      lead={`Market ${market.market}. ${grouped(market.epochs)} epochs opened, ${grouped(market.settled)} settled, ${grouped(market.failed)} failed.`}
    >
      <Section title="Now">
        {block !== null && (
          <Pipeline market={market.market} terms={terms} block={block} epochs={epochs.data?.items ?? []} />
        )}
      </Section>
      <Section
        title="Prints"
        note={`One price and one volume an epoch, ${grouped(terms.deferral)} blocks after its settlement; ${unit}`}
      >
        <Show answer={prints}>
          {({ items }) => (
            <>
              {samples.length > 1 && (
                <Series samples={samples} label={`Printed prices and volumes of ${marketName(market)}`} />
              )}
              <Table
                label="Prints"
                rows={items.slice(0, 12)}
                id={(print) => print.epoch}
                empty="Nothing has been printed yet."
                columns={[
                  { head: "Epoch", cell: (print) => <EpochLink market={print.market} epoch={print.epoch} plain /> },
                  {
                    head: "Price",
                    number: true,
                    cell: (print) => (print.volume === "0" ? "no trade" : price(print.price, pair)),
                  },
                  {
                    head: `Volume, ${tokenName(market.base)}`,
                    number: true,
                    cell: (print) => quantity(print.volume, pair),
                  },
                  { head: "Block", number: true, cell: (print) => <BlockLink block={print.block} /> },
                  { head: "Time, UTC", wide: true, cell: (print) => <Time at={print.timestamp} /> },
                  { head: "Transaction", wide: true, cell: (print) => <TxLink hash={print.tx} /> },
                ]}
              />
            </>
          )}
        </Show>
      </Section>
      <Section title="Epochs">
        <Show answer={epochs}>{({ items }) => <EpochTable epochs={items} markets={[market]} />}</Show>
      </Section>
      <Section title="Terms" note="Immutable: a change is a new market">
        <Facts
          items={[
            ["Base", <Hash value={market.base.address} />],
            ["Quote", <Hash value={market.quote.address} />],
            ["Lot", `${tokenAmount(terms.lot, market.base)} ${tokenName(market.base)}`],
            ["Minimum", `${grouped(terms.min_quantity)} ${terms.min_quantity === "1" ? "lot" : "lots"}`],
            ["Fee", bps(terms.fee_bps)],
            ["Leader’s part of it", bps(terms.split_bps)],
            ["Bond", bps(terms.bond_bps)],
            ["Collar", bps(terms.collar_bps)],
            ["Orders an epoch", grouped(terms.capacity)],
            ["Orders a credential", `${grouped(terms.quota)} an epoch`],
            ["Commit window", `${grouped(terms.commit_blocks)} blocks`],
            ["Frozen", `${grouped(terms.freeze_blocks)} blocks`],
            ["Reveal window", `${grouped(terms.reveal_blocks)} blocks`],
            ["Settling", `${grouped(terms.settle_blocks)} blocks`],
            ["Print deferral", `${grouped(terms.deferral)} blocks`],
            ["First block", <BlockLink block={terms.start_block} />],
            ["Reference source", <Hash value={terms.source} />],
            ["Reference age limit", `${grouped(terms.max_age)} blocks`],
            ["Tier asked for", grouped(terms.tier)],
            ["Jurisdictions admitted", `${jurisdictions(terms.jurisdictions)} of 250`],
          ]}
        />
      </Section>
    </Page>
  );
}

/** How many bits the mask has. */
function jurisdictions(mask: string): number {
  return BigInt(mask).toString(2).replaceAll("0", "").length;
}
