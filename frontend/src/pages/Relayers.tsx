import { useApi } from "../api/client";
import { useLive } from "../api/live";
import type { List, Relayer, RelayerParameters } from "../api/types";
import { grouped, tokenAmount, tokenName } from "../format";
import { BlockLink, Hash, Page, Section, Show, Stats, Table } from "../ui/parts";

export function Relayers() {
  const { revision } = useLive();
  const relayers = useApi<List<Relayer>>("/v1/relayers", revision);
  const parameters = useApi<RelayerParameters>("/v1/relayers/parameters");
  const token = parameters.data?.stake_token;
  const stake = (amount: string) => (token ? tokenAmount(amount, token) : grouped(amount));
  const sum = (items: Relayer[], name: "bonded" | "reserved" | "slashed") =>
    String(items.reduce((total, one) => total + BigInt(one[name]), 0n));
  const unit = token ? `, ${tokenName(token)}` : "";
  return (
    <Page
      title="Relayers"
      lead="They lead epochs in proportion to stake, and lose stake for an epoch that they do not settle."
    >
      <Show answer={relayers}>
        {({ items }) => (
          <>
            <Stats
              items={[
                ["Seats taken", `${items.length} / 32`],
                ["Bonded", stake(sum(items, "bonded")), token && tokenName(token)],
                ["Reserved for epochs", stake(sum(items, "reserved")), token && tokenName(token)],
                ["Slashed, ever", stake(sum(items, "slashed")), token && tokenName(token)],
                [
                  "Stake an epoch",
                  parameters.data ? stake(parameters.data.epoch_stake) : "–",
                  token && tokenName(token),
                ],
                ["Unbonding", parameters.data ? grouped(parameters.data.unbonding_blocks) : "–", "blocks"],
              ]}
            />
            <Section title="By seat">
              <Table
                label="Relayers"
                stack
                rows={items}
                id={(one) => one.relayer}
                empty="No relayer has registered."
                columns={[
                  { head: "Seat", number: true, cell: (one) => one.seat },
                  { head: "Relayer", cell: (one) => <Hash value={one.relayer} href={`/relayers/${one.relayer}`} /> },
                  { head: `Bonded${unit}`, number: true, cell: (one) => stake(one.bonded) },
                  { head: `Reserved${unit}`, number: true, cell: (one) => stake(one.reserved) },
                  { head: "Led", number: true, cell: (one) => grouped(one.led) },
                  { head: "Settled", number: true, cell: (one) => grouped(one.settled) },
                  {
                    head: "Failed",
                    number: true,
                    cell: (one) => <span className={one.failed ? "bad" : ""}>{grouped(one.failed)}</span>,
                  },
                  {
                    head: `Slashed${unit}`,
                    number: true,
                    cell: (one) => <span className={one.slashed === "0" ? "" : "bad"}>{stake(one.slashed)}</span>,
                  },
                  { head: `Unbonding${unit}`, number: true, wide: true, cell: (one) => stake(one.unbonding) },
                  { head: "Keys", number: true, wide: true, cell: (one) => grouped(one.keys) },
                  {
                    head: "Last key",
                    number: true,
                    wide: true,
                    cell: (one) => (one.last_key_block === null ? "–" : <BlockLink block={one.last_key_block} />),
                  },
                ]}
              />
            </Section>
          </>
        )}
      </Show>
    </Page>
  );
}
