import { query, useApi } from "../api/client";
import { useLive } from "../api/live";
import type { Circuit, List, ProofSummary } from "../api/types";
import { grouped } from "../format";
import { Link, useQuery } from "../router";
import { Badge, BlockLink, EpochLink, Filter, Page, Pager, Section, Show, Table, Time, Word } from "../ui/parts";

export function Proofs() {
  const { revision } = useLive();
  const [circuit] = useQuery("circuit");
  const [cursor] = useQuery("cursor");
  const proofs = useApi<List<ProofSummary>>(query("/v1/proofs", { circuit, cursor, limit: 50 }), revision);
  const circuits = useApi<List<Circuit>>("/v1/circuits", revision);
  const options = (circuits.data?.items ?? []).map((one): [string, string] => [one.circuit, one.circuit]);
  return (
    <Page
      title="Proofs"
      lead="Each is verified on chain, again by the indexer, and again by you: open one and press Verify."
    >
      <Section
        title="Newest first"
        aside={<Filter name="circuit" label="Circuit" options={[["", "All"], ...options]} />}
      >
        <Show answer={proofs}>
          {({ items, next }) => (
            <>
              <Table
                label="Proofs"
                rows={items}
                id={(proof) => proof.tx}
                empty="No proof fits."
                columns={[
                  { head: "Block", number: true, cell: (proof) => <BlockLink block={proof.block} /> },
                  {
                    head: "Circuit",
                    cell: (proof) => (
                      <Link href={`/proofs/${proof.tx}`}>
                        <code>{proof.circuit}</code>
                      </Link>
                    ),
                  },
                  {
                    head: "Indexer",
                    cell: (proof) => (
                      <Badge tone={proof.verified ? "good" : "bad"}>{proof.verified ? "holds" : "does not hold"}</Badge>
                    ),
                  },
                  {
                    head: "Epoch",
                    cell: (proof) =>
                      proof.market !== null && proof.epoch !== null ? (
                        <EpochLink market={proof.market} epoch={proof.epoch} />
                      ) : (
                        <span className="quiet">–</span>
                      ),
                  },
                  { head: "Words", number: true, cell: (proof) => grouped(proof.words) },
                  { head: "Digest", wide: true, cell: (proof) => <Word value={proof.digest} /> },
                  { head: "Time, UTC", wide: true, cell: (proof) => <Time at={proof.timestamp} /> },
                ]}
              />
              <Pager next={next} />
            </>
          )}
        </Show>
      </Section>
    </Page>
  );
}
