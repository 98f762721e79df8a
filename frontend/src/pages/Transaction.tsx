import { useApi } from "../api/client";
import { useLive } from "../api/live";
import type { Argument, TransactionDetail } from "../api/types";
import { away, decimal, grouped } from "../format";
import { Link } from "../router";
import { Badge, BlockLink, EpochLink, Facts, Hash, Page, Section, Show, Time } from "../ui/parts";

export function TransactionPage({ hash = "" }: { hash?: string }) {
  const { revision } = useLive();
  const answer = useApi<TransactionDetail>(`/v1/transactions/${encodeURIComponent(hash)}`, revision);
  return (
    <Show answer={answer} title="Transaction">
      {(found) => <View transaction={found} />}
    </Show>
  );
}

function View({ transaction }: { transaction: TransactionDetail }) {
  const { head } = useLive();
  const { proof } = transaction;
  return (
    <Page
      title={transaction.method ? `Transaction: ${transaction.method}` : "Transaction"}
      lead={<Hash value={transaction.hash} full />}
    >
      <Section title="Where it stands">
        <Facts
          items={[
            ["Block", <BlockLink block={transaction.block} />],
            ["Depth", head === null ? "–" : away(transaction.block, head, null)],
            ["Time, UTC", <Time at={transaction.timestamp} />],
            [
              "Contract",
              <>
                {transaction.contract ?? "–"} {transaction.to && <Hash value={transaction.to} />}
              </>,
            ],
            ["Sent by", <Hash value={transaction.from} />],
            ["Nonce", <span className="mono">{transaction.nonce}</span>],
            ["Gas used", <span className="mono">{grouped(transaction.gas_used)}</span>],
            ["Gas price", <span className="mono">{decimal(BigInt(transaction.gas_price), 9)} gwei</span>],
            ["Calldata", <span className="mono">{grouped(transaction.input_bytes)} bytes</span>],
            [
              "Epoch",
              transaction.market !== null && transaction.epoch !== null ? (
                <EpochLink market={transaction.market} epoch={transaction.epoch} />
              ) : (
                "–"
              ),
            ],
          ]}
        />
      </Section>
      {proof && (
        <Section
          title="Proof"
          note={<Link href={`/proofs/${transaction.hash}`}>Statement, word by word, and verify again</Link>}
        >
          <Facts
            items={[
              ["Circuit", <code>{proof.circuit}</code>],
              ["Words stated", grouped(proof.words.length)],
              [
                "Verified by the indexer",
                <Badge tone={proof.verified ? "good" : "bad"}>{proof.verified ? "holds" : "does not hold"}</Badge>,
              ],
            ]}
          />
        </Section>
      )}
      {transaction.arguments && (
        <Section title="Arguments">
          <Tree value={transaction.arguments} />
        </Section>
      )}
      <Section title="Events" note={`${transaction.events.length} in this transaction`}>
        {transaction.events.map((event) => (
          <div className="event" key={event.index}>
            <h3>
              <span className="quiet">{event.contract}</span> {event.name}
            </h3>
            <Tree value={event.args} />
          </div>
        ))}
      </Section>
    </Page>
  );
}

/** Decoded words, nested as they are. */
function Tree({ value }: { value: Record<string, Argument> }) {
  return (
    <dl className="tree">
      {Object.entries(value).map(([name, part]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <Leaf value={part} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

const LONG = 8;

function Leaf({ value }: { value: Argument }) {
  if (Array.isArray(value)) {
    const items = value.map((part, i) => <Leaf key={i} value={part} />);
    if (value.length <= LONG) return <span className="words">{items}</span>;
    return (
      <details>
        <summary>{value.length} entries</summary>
        <span className="words">{items}</span>
      </details>
    );
  }
  if (value !== null && typeof value === "object") return <Tree value={value} />;
  const text = String(value);
  return text.length > 22 ? <Hash value={text} lead={10} /> : <span className="mono">{text}</span>;
}
