import { useApi } from "../api/client";
import { useLive } from "../api/live";
import type { Credentials as Answer } from "../api/types";
import { grouped } from "../format";
import { Badge, BlockLink, Facts, Hash, Page, Section, Show, Stats, Table, Time, TxLink, Word } from "../ui/parts";

export function Credentials() {
  const { revision } = useLive();
  const answer = useApi<Answer>("/v1/credentials", revision);
  return (
    <Page title="Credentials" lead="Counts only: whose a leaf is stands in the issuer’s book, and nowhere on chain.">
      <Show answer={answer}>
        {(found) => (
          <>
            <Stats
              items={[
                ["Leaves in force", grouped(found.active), `of ${grouped(found.ids)} ids ever given`],
                ["Room", grouped(2 ** found.depth), `depth ${found.depth}`],
                ["Wallets admitted", grouped(found.wallets), `${grouped(found.wallets_ever)} ever`],
                ["Successors named", grouped(found.successors)],
              ]}
            />
            <Section title="Tree">
              <Facts
                items={[
                  ["Root", <Word value={found.root} full />],
                  ["Set in block", <BlockLink block={found.root_block} />],
                  ["Root before", found.previous_root === null ? "–" : <Word value={found.previous_root} />],
                  ["Issuer", <Hash value={found.issuer} />],
                ]}
              />
            </Section>
            <Section
              title="Changes"
              note="One that only adds leaves lets the root before it stand for 20 blocks; a revocation acts at once"
            >
              <Table
                label="Changes of the credential tree"
                rows={found.changes}
                id={(change) => change.tx + change.root}
                columns={[
                  { head: "Block", number: true, cell: (change) => <BlockLink block={change.block} /> },
                  { head: "Leaves set", number: true, cell: (change) => grouped(change.leaves) },
                  {
                    head: "Kind",
                    cell: (change) => <Badge tone="plain">{change.additive ? "adds only" : "revokes"}</Badge>,
                  },
                  { head: "Root", cell: (change) => <Word value={change.root} /> },
                  { head: "Transaction", wide: true, cell: (change) => <TxLink hash={change.tx} /> },
                  { head: "Time, UTC", wide: true, cell: (change) => <Time at={change.timestamp} /> },
                ]}
              />
            </Section>
          </>
        )}
      </Show>
    </Page>
  );
}
