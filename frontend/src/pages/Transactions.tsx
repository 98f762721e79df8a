import { query, useApi } from "../api/client";
import { useLive } from "../api/live";
import type { List, Transaction } from "../api/types";
import { grouped } from "../format";
import { useQuery } from "../router";
import { BlockLink, EpochLink, Filter, Hash, Page, Pager, Section, Show, Table, Time, TxLink } from "../ui/parts";

const METHODS = [
  "transact",
  "advance",
  "commit",
  "reveal",
  "settle",
  "reclaim",
  "print_epoch",
  "fail",
  "release",
  "open_market",
  "register",
  "bond",
  "register_key",
  "set_leaves",
  "admit_wallet",
  "push",
  "propose",
  "execute",
];

export function Transactions() {
  const { revision } = useLive();
  const [method] = useQuery("method");
  const [cursor] = useQuery("cursor");
  const answer = useApi<List<Transaction>>(query("/v1/transactions", { method, cursor, limit: 50 }), revision);
  const options = METHODS.map((name): [string, string] => [name, name]);
  return (
    <Page title="Transactions" lead="Every transaction that an event of ours came from.">
      <Section title="Newest first" aside={<Filter name="method" label="Method" options={[["", "All"], ...options]} />}>
        <Show answer={answer}>
          {({ items, next }) => (
            <>
              <TransactionTable rows={items} />
              <Pager next={next} />
            </>
          )}
        </Show>
      </Section>
    </Page>
  );
}

export function TransactionTable({ rows }: { rows: Transaction[] }) {
  return (
    <Table
      label="Transactions"
      rows={rows}
      id={(row) => row.hash}
      empty="No transaction fits."
      columns={[
        { head: "Block", number: true, cell: (row) => <BlockLink block={row.block} /> },
        { head: "Transaction", cell: (row) => <TxLink hash={row.hash} /> },
        { head: "Method", cell: (row) => <code>{row.method ?? "–"}</code> },
        { head: "Contract", wide: true, cell: (row) => row.contract ?? "–" },
        {
          head: "Epoch",
          cell: (row) =>
            row.market !== null && row.epoch !== null ? (
              <EpochLink market={row.market} epoch={row.epoch} />
            ) : (
              <span className="quiet">–</span>
            ),
        },
        { head: "Sent by", wide: true, cell: (row) => <Hash value={row.from} /> },
        { head: "Gas", number: true, wide: true, cell: (row) => grouped(row.gas_used) },
        { head: "Time, UTC", wide: true, cell: (row) => <Time at={row.timestamp} /> },
      ]}
    />
  );
}
