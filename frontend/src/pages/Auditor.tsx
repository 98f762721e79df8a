import { type FormEvent, useRef, useState } from "react";

import { query, useApi } from "../api/client";
import { useLive } from "../api/live";
import type { EpochSummary, Keys, List } from "../api/types";
import { useAuditor } from "../audit";
import { wordHex } from "../format";
import { Badge, Facts, Hash, Page, Section, Show } from "../ui/parts";
import { EpochTable } from "./EpochTable";
import { useMarkets } from "./shared";

export function AuditorPage() {
  const { point } = useAuditor();
  return (
    <Page
      title="Auditor"
      lead="Open settled epochs with the auditor’s key. It is decrypted here, stays in this tab’s memory, and is never sent; closing the tab forgets it."
    >
      {point ? <Loaded point={point} /> : <Unlock />}
    </Page>
  );
}

function Unlock() {
  const { unlock } = useAuditor();
  const [state, setState] = useState<{ part: number } | { error: string } | null>(null);
  const file = useRef<HTMLInputElement>(null);
  const password = useRef<HTMLInputElement>(null);
  const busy = state !== null && "part" in state;
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const chosen = file.current?.files?.[0];
    if (!chosen) return setState({ error: "Choose the key file first." });
    if (chosen.size > 65_536) return setState({ error: "This is not a key file: it is too large." });
    setState({ part: 0 });
    try {
      const secret = password.current!.value;
      password.current!.value = "";
      await unlock(await chosen.text(), secret, (part) => setState({ part }));
    } catch (error) {
      setState({ error: (error as Error).message });
    }
  };
  return (
    <Section title="Load a key">
      <form className="unlock" onSubmit={(event) => void submit(event)}>
        <label>
          <span>Key file</span>
          <input ref={file} type="file" accept=".json,application/json" required disabled={busy} />
        </label>
        <label>
          <span>Passphrase</span>
          <input ref={password} type="password" autoComplete="off" required disabled={busy} />
        </label>
        <button type="submit" className="primary" disabled={busy}>
          {busy ? "Opening…" : "Open"}
        </button>
        {busy && (
          <progress value={state.part} max={1} aria-label="Deriving the file’s key">
            {Math.round(state.part * 100)} %
          </progress>
        )}
        {state !== null && "error" in state && (
          <p className="problem" role="alert">
            {state.error}
          </p>
        )}
      </form>
    </Section>
  );
}

function Loaded({ point }: { point: readonly [bigint, bigint] }) {
  const { revision } = useLive();
  const { forget } = useAuditor();
  const markets = useMarkets();
  const keys = useApi<Keys>("/v1/keys", revision);
  const epochs = useApi<List<EpochSummary>>(query("/v1/epochs", { state: "settled", limit: 25 }), revision);
  return (
    <>
      <Section
        title="Key"
        aside={
          <button type="button" onClick={forget}>
            Forget it
          </button>
        }
      >
        <Show answer={keys}>
          {({ auditor }) => {
            const versions = auditor.filter(
              (key) => BigInt(key.point[0]) === point[0] && BigInt(key.point[1]) === point[1],
            );
            return (
              <Facts
                items={[
                  ["Public point", <Hash value={wordHex(point[0])} lead={14} />],
                  [
                    "Opens",
                    versions.length ? (
                      <Badge tone="good">epochs under version {versions.map((key) => key.version).join(", ")}</Badge>
                    ) : (
                      <Badge tone="bad">nothing: it is no version of the auditor key of this pool</Badge>
                    ),
                  ],
                ]}
              />
            );
          }}
        </Show>
      </Section>
      <Section
        title="Settled epochs"
        note="Prices and volumes, printed or not; an epoch’s page has its orders, fills and clearing curve"
      >
        <Show answer={epochs}>{({ items }) => <EpochTable epochs={items} markets={markets} />}</Show>
      </Section>
    </>
  );
}
