import { query, useApi } from "../api/client";
import { useLive } from "../api/live";
import { type EpochSummary, type List, STATES } from "../api/types";
import { capital, marketName } from "../format";
import { useQuery } from "../router";
import { Filter, Page, Pager, Section, Show } from "../ui/parts";
import { Pipeline } from "../ui/timeline";
import { EpochTable } from "./EpochTable";
import { useEpochRevision, useMarkets } from "./shared";

export function Epochs() {
  const { block } = useLive();
  const markets = useMarkets();
  const revision = useEpochRevision(markets);
  const [market] = useQuery("market");
  const [state] = useQuery("state");
  const [cursor] = useQuery("cursor");
  const epochs = useApi<List<EpochSummary>>(query("/v1/epochs", { market, state, cursor, limit: 25 }), revision);
  const recent = useApi<List<EpochSummary>>(query("/v1/epochs", { limit: 50 }), revision);
  const shown = markets.filter((one) => market === null || String(one.market) === market);
  const filters = (
    <>
      <Filter
        name="market"
        label="Market"
        options={[["", "All"], ...markets.map((one): [string, string] => [String(one.market), marketName(one)])]}
      />
      <Filter
        name="state"
        label="State"
        options={[["", "All"], ...STATES.slice(1).map((one): [string, string] => [one, capital(one)])]}
      />
    </>
  );
  return (
    <Page title="Epochs" lead="Commit, frozen, reveal, settling, settled: by block, one epoch behind the other.">
      {block !== null &&
        shown.map((one) => (
          <Section key={one.market} title={`${marketName(one)} now`}>
            <Pipeline market={one.market} terms={one.terms} block={block} epochs={recent.data?.items ?? []} />
          </Section>
        ))}
      <Section title="All epochs" aside={filters}>
        <Show answer={epochs}>
          {({ items, next }) => (
            <>
              <EpochTable epochs={items} markets={markets} />
              <Pager next={next} />
            </>
          )}
        </Show>
      </Section>
    </Page>
  );
}
