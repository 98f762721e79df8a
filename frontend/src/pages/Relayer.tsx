import { query, useApi } from "../api/client";
import { useLive } from "../api/live";
import type { EpochSummary, List, RelayerDetail, RelayerParameters } from "../api/types";
import { grouped, tokenAmount, tokenName } from "../format";
import { BlockLink, EpochLink, Hash, Page, Section, Show, Stats, Table, Time, TxLink, Word } from "../ui/parts";
import { EpochTable } from "./EpochTable";
import { useMarkets } from "./shared";

export function RelayerPage({ relayer = "" }: { relayer?: string }) {
  const { revision } = useLive();
  const markets = useMarkets();
  const answer = useApi<RelayerDetail>(`/v1/relayers/${encodeURIComponent(relayer)}`, revision);
  const parameters = useApi<RelayerParameters>("/v1/relayers/parameters");
  const epochs = useApi<List<EpochSummary>>(query("/v1/epochs", { leader: relayer, limit: 25 }), revision);
  const token = parameters.data?.stake_token;
  const stake = (amount: string) => (token ? tokenAmount(amount, token) : grouped(amount));
  const unit = token && tokenName(token);
  return (
    <Show answer={answer} title="Relayer">
      {(one) => (
        <Page title={`Relayer, seat ${one.seat}`} lead={<Hash value={one.relayer} full />}>
          <Stats
            items={[
              ["Bonded", stake(one.bonded), unit],
              ["Reserved", stake(one.reserved), unit],
              [
                "Unbonding",
                stake(one.unbonding),
                one.withdraw_from === null ? unit : `from block ${one.withdraw_from}`,
              ],
              ["Epochs led", grouped(one.led), `${one.settled} settled, ${one.empty} empty, ${one.void} void`],
              [
                "Failed",
                <span className={one.failed ? "bad" : ""}>{grouped(one.failed)}</span>,
                one.slashed === "0" ? "never slashed" : `${stake(one.slashed)} ${unit ?? ""} slashed`,
              ],
              ["Reveal keys", grouped(one.keys), one.last_key_block === null ? null : `last at ${one.last_key_block}`],
            ]}
          />
          <Section title="Faults" note="Epochs with reveals that it did not settle in time">
            <Table
              label="Faults"
              rows={one.faults}
              id={(fault) => `${fault.market}/${fault.epoch}`}
              empty="None."
              columns={[
                { head: "Epoch", cell: (fault) => <EpochLink market={fault.market} epoch={fault.epoch} /> },
                { head: `Slashed${unit ? `, ${unit}` : ""}`, number: true, cell: (fault) => stake(fault.amount) },
                { head: "Called by", wide: true, cell: (fault) => <Hash value={fault.caller} /> },
                { head: "Block", number: true, cell: (fault) => <BlockLink block={fault.block} /> },
                { head: "Transaction", wide: true, cell: (fault) => <TxLink hash={fault.tx} /> },
              ]}
            />
          </Section>
          <Section title="Epochs led">
            <Show answer={epochs}>{({ items }) => <EpochTable epochs={items} markets={markets} />}</Show>
          </Section>
          <Section
            title="History"
            note={
              <>
                Notes go to owner <Word value={one.owner_word} />
              </>
            }
          >
            <Table
              label="History"
              rows={one.history}
              id={(row) => `${row.tx}${row.event}${row.epoch}`}
              columns={[
                { head: "Block", number: true, cell: (row) => <BlockLink block={row.block} /> },
                { head: "Event", cell: (row) => row.event },
                {
                  head: `Amount${unit ? `, ${unit}` : ""}`,
                  number: true,
                  cell: (row) => (row.amount === null ? "–" : stake(row.amount)),
                },
                {
                  head: "Epoch",
                  cell: (row) =>
                    row.market !== null && row.epoch !== null ? (
                      <EpochLink market={row.market} epoch={row.epoch} />
                    ) : (
                      "–"
                    ),
                },
                { head: "Transaction", wide: true, cell: (row) => <TxLink hash={row.tx} /> },
                { head: "Time, UTC", wide: true, cell: (row) => <Time at={row.timestamp} /> },
              ]}
            />
          </Section>
        </Page>
      )}
    </Show>
  );
}
