import { useApi } from "../api/client";
import { useLive } from "../api/live";
import type { Contract, Governance, Keys, List, NotesSummary } from "../api/types";
import { grouped } from "../format";
import { BlockLink, Facts, Hash, Page, Section, Show, Table, Word } from "../ui/parts";

export function Contracts() {
  const { revision, status } = useLive();
  const contracts = useApi<List<Contract>>("/v1/contracts", revision);
  const keys = useApi<Keys>("/v1/keys", revision);
  const governance = useApi<Governance>("/v1/governance", revision);
  const notes = useApi<NotesSummary>("/v1/notes/summary", revision);
  return (
    <Page
      title="Contracts"
      lead={
        status
          ? `Chain ${status.chain_id}, deployed at block ${status.start_block}. Hashes are Keccak-256 of the code as it runs.`
          : undefined
      }
    >
      <Show answer={contracts}>
        {({ items }) => (
          <>
            <Section title="Contracts and tokens">
              <CodeTable rows={items.filter((one) => one.kind !== "verifier")} label="Contracts and tokens" />
            </Section>
            <Section
              title="Verifiers"
              note="The key’s hash is the circuit’s id: it binds every proof to the key in this code"
            >
              <CodeTable rows={items.filter((one) => one.kind === "verifier")} label="Verifiers" verifiers />
            </Section>
          </>
        )}
      </Show>
      <Section title="Note tree">
        <Show answer={notes}>
          {(found) => (
            <Facts
              items={[
                ["Root", <Word value={found.root} full />],
                ["Tree", <span className="mono">{found.tree}</span>],
                ["Leaves", <span className="mono">{grouped(found.leaves)}</span>],
                ["Nullifiers", <span className="mono">{grouped(found.nullifiers)}</span>],
                ["Memos", <span className="mono">{grouped(found.memos)}</span>],
              ]}
            />
          )}
        </Show>
      </Section>
      <Section title="Keys" note="Baby Jubjub points, each registered with a proof of possession">
        <Show answer={keys}>
          {(found) => (
            <Table
              label="Auditor and treasury keys"
              rows={[
                ...found.auditor.map((key) => ({ ...key, office: "Auditor" })),
                ...found.treasury.map((key) => ({ ...key, office: "Treasury" })),
              ]}
              id={(key) => key.office + key.version}
              columns={[
                { head: "Office", cell: (key) => key.office },
                { head: "Version", number: true, cell: (key) => key.version },
                { head: "Point x", cell: (key) => <Word value={key.point[0]} /> },
                { head: "Point y", wide: true, cell: (key) => <Word value={key.point[1]} /> },
                { head: "Account", wide: true, cell: (key) => <Hash value={key.account} /> },
                { head: "Block", number: true, cell: (key) => <BlockLink block={key.block} /> },
              ]}
            />
          )}
        </Show>
      </Section>
      <Section
        title="Governance"
        note={governance.data?.delay == null ? undefined : `Every act waits ${grouped(governance.data.delay)} blocks`}
      >
        <Show answer={governance}>
          {({ proposals }) => (
            <Table
              label="Proposals"
              rows={proposals}
              id={(one) => one.id}
              empty="Nothing was proposed."
              columns={[
                { head: "#", number: true, cell: (one) => one.id },
                { head: "Target", cell: (one) => one.target_name ?? <Hash value={one.target} /> },
                { head: "Method", cell: (one) => <code>{one.method ?? "–"}</code> },
                { head: "State", cell: (one) => one.state },
                { head: "Ready at", number: true, cell: (one) => <BlockLink block={one.ready_block} /> },
                { head: "Proposed", number: true, cell: (one) => <BlockLink block={one.block} /> },
                {
                  head: "Ended",
                  number: true,
                  wide: true,
                  cell: (one) => (one.ended_block === null ? "–" : <BlockLink block={one.ended_block} />),
                },
              ]}
            />
          )}
        </Show>
      </Section>
    </Page>
  );
}

function CodeTable({ rows, label, verifiers = false }: { rows: Contract[]; label: string; verifiers?: boolean }) {
  return (
    <Table
      label={label}
      rows={rows}
      id={(one) => one.kind + one.name}
      columns={[
        { head: verifiers ? "Circuit" : "Name", cell: (one) => (verifiers ? <code>{one.circuit}</code> : one.name) },
        { head: "Address", cell: (one) => <Hash value={one.address} /> },
        ...(verifiers
          ? [{ head: "Key hash", cell: (one: Contract) => (one.circuit_id ? <Hash value={one.circuit_id} /> : "–") }]
          : []),
        { head: "Code hash", wide: verifiers, cell: (one) => <Hash value={one.code_hash} /> },
        { head: "Bytes", number: true, wide: true, cell: (one) => grouped(one.code_bytes) },
      ]}
    />
  );
}
