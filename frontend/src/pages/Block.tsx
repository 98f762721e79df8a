import { useApi } from "../api/client";
import { useLive } from "../api/live";
import type { Block } from "../api/types";
import { Facts, Hash, Page, Section, Show, Time } from "../ui/parts";
import { TransactionTable } from "./Transactions";

export function BlockPage({ block = "" }: { block?: string }) {
  const { revision } = useLive();
  const answer = useApi<Block>(`/v1/blocks/${encodeURIComponent(block)}`, revision);
  return (
    <Show answer={answer} title={`Block ${block}`}>
      {(found) => (
        <Page title={`Block ${found.number}`} lead={<Hash value={found.hash} full />}>
          <Section title="Header">
            <Facts
              items={[
                ["Time, UTC", <Time at={found.timestamp} />],
                ["Parent", <Hash value={found.parent} href={`/blocks/${found.number - 1}`} />],
              ]}
            />
          </Section>
          <Section title="Transactions" note="Those that an event of ours came from">
            <TransactionTable rows={found.transactions} />
          </Section>
        </Page>
      )}
    </Show>
  );
}
