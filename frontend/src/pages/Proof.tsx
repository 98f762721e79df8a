import { useEffect, useRef, useState } from "react";

import { useApi } from "../api/client";
import type { Circuit, List, Proof } from "../api/types";
import { CryptoWorker } from "../crypto/client";
import type { Verdict } from "../crypto/worker";
import { grouped, wordHex } from "../format";
import { Badge, BlockLink, EpochLink, Facts, Hash, Page, Section, Show, Table, TxLink, Word } from "../ui/parts";
import { wordNames } from "../statements";

export function ProofPage({ tx = "" }: { tx?: string }) {
  const answer = useApi<Proof>(`/v1/proofs/${encodeURIComponent(tx)}`);
  return (
    <Show answer={answer} title="Proof">
      {(proof) => <View proof={proof} />}
    </Show>
  );
}

function View({ proof }: { proof: Proof }) {
  const names = wordNames(proof.circuit, proof.words.length);
  const rows = proof.words.map((word, index) => ({ index, word, name: names[index] ?? "" }));
  return (
    <Page
      title={`Proof of ${proof.circuit}`}
      lead={
        <>
          In transaction <TxLink hash={proof.tx} />
        </>
      }
    >
      <Verification proof={proof} />
      <Section
        title="Statement"
        note={`${grouped(rows.length)} words, in the circuit’s order; three public inputs stand for them on chain`}
      >
        <Table
          label="Words of the statement"
          rows={rows}
          id={(row) => row.index}
          columns={[
            { head: "#", number: true, cell: (row) => row.index },
            { head: "Word", cell: (row) => <span className="wrap">{row.name}</span> },
            { head: "Value", cell: (row) => <Value text={row.word} /> },
          ]}
        />
      </Section>
      <Section title="Proof and key">
        <Facts
          items={[
            ["Block", <BlockLink block={proof.block} />],
            [
              "Epoch",
              proof.market !== null && proof.epoch !== null ? (
                <EpochLink market={proof.market} epoch={proof.epoch} />
              ) : (
                "–"
              ),
            ],
            ["Verifier", <Hash value={proof.verifier} />],
            ["Key hash", <Hash value={proof.circuit_id} />],
            ["Digest", <Word value={proof.publics[0]!} />],
            ["Challenge", <Word value={proof.publics[1]!} />],
            ["Evaluation", <Word value={proof.publics[2]!} />],
          ]}
        />
      </Section>
    </Page>
  );
}

/** Small numbers as such; words as hexadecimal. */
function Value({ text }: { text: string }) {
  if (text.length <= 20) return <span className="mono">{text}</span>;
  const hex = wordHex(text);
  return <Hash value={text.length <= 49 ? `0x${hex.slice(-40)}` : hex} lead={10} />;
}

const STEPS: [keyof Verdict, string][] = [
  ["key", "The verification key hashes to the circuit’s id"],
  ["digest", "The words hash to the digest"],
  ["challenge", "Chain, pool, circuit and words give the challenge"],
  ["evaluation", "The words evaluate to the third input"],
  ["pairing", "The pairing equation holds"],
];

function Verification({ proof }: { proof: Proof }) {
  const circuits = useApi<List<Circuit>>("/v1/circuits");
  const [verdict, setVerdict] = useState<Verdict | Error | "running" | null>(null);
  const worker = useRef<CryptoWorker | null>(null);
  useEffect(() => () => worker.current?.stop(), []);
  const circuit = circuits.data?.items.find((one) => one.circuit_id === proof.circuit_id);
  const verify = async () => {
    if (!circuit) return;
    setVerdict("running");
    worker.current ??= new CryptoWorker();
    const claim = {
      words: proof.words.map(BigInt),
      proof: proof.proof.map(BigInt),
      publics: proof.publics.map(BigInt),
      key: circuit.verification_key.map(BigInt),
      circuitId: BigInt(proof.circuit_id),
      chainId: BigInt(proof.chain_id),
      pool: BigInt(proof.pool),
    };
    setVerdict(await worker.current.run("verify", claim).catch((error: Error) => error));
  };
  const running = verdict === "running";
  const done = verdict !== null && !running && !(verdict instanceof Error) ? verdict : null;
  const holds = done !== null && STEPS.every(([step]) => done[step]);
  return (
    <Section
      title="Verify again"
      note="In this browser: from the words to the pairing, trusting neither indexer nor chain"
      aside={
        <button type="button" className="primary" onClick={() => void verify()} disabled={running || !circuit}>
          {running ? "Verifying…" : "Verify"}
        </button>
      }
    >
      <ul className="checks" aria-live="polite">
        {STEPS.map(([step, text]) => (
          <li key={step} className={done ? (done[step] ? "good" : "bad") : ""}>
            <span className="tick" aria-hidden="true">
              {done ? (done[step] ? "✓" : "✗") : "·"}
            </span>
            {text}
            {done && <span className="unseen">{done[step] ? ": yes" : ": no"}</span>}
          </li>
        ))}
      </ul>
      {done && (
        <p className="verdict" role="status">
          <Badge tone={holds ? "good" : "bad"}>{holds ? "holds" : "does not hold"}</Badge> checked in{" "}
          {Math.round(done.milliseconds)} ms
        </p>
      )}
      {verdict instanceof Error && (
        <p className="problem" role="alert">
          {verdict.message}
        </p>
      )}
    </Section>
  );
}
