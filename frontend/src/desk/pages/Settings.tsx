import { type FormEvent, useRef, useState } from "react";

import { grouped, time } from "../../format";
import { Badge, Facts, Page, Section, Word } from "../../ui/parts";
import { agent } from "../agent";
import { Field, Notice, Select } from "../parts";
import { desk } from "../Shell";
import { CarrierClient } from "../sdk";
import { discard, keep, session, pairAgent, giveCredential } from "../session";
import { LOCK_CHOICES, change, settings, urlProblem } from "../settings";
import { useStore } from "../store";
import { explain } from "../tasks";
import { MIN_PASSPHRASE } from "../vault";

export const Settings = desk(() => (
  <Page
    title="Settings"
    lead="Kept in this browser alone. Secrets are sealed with a passphrase, or forgotten with the tab."
  >
    <div className="columns">
      <Key />
      <Credential />
      <Agent />
      <Carrier />
      <Locking />
      <Notifying />
    </div>
  </Page>
));

/** What may fail, with the failure on show. */
function useTry(): [problem: string | null, attempt: (act: () => Promise<unknown>) => Promise<void>] {
  const [problem, setProblem] = useState<string | null>(null);
  const attempt = async (act: () => Promise<unknown>) => {
    setProblem(null);
    try {
      await act();
    } catch (error) {
      setProblem(explain(error));
    }
  };
  return [problem, attempt];
}

function Key() {
  const { owner, kept, sealing, busy, problem } = useStore(session);
  const [first, setFirst] = useState("");
  const [second, setSecond] = useState("");
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (await keep(first)) {
      setFirst("");
      setSecond("");
    }
  };
  const differ = second !== "" && first !== second;
  const short = first !== "" && first.length < MIN_PASSPHRASE;
  return (
    <Section title="Shielded key">
      <form className="card form" onSubmit={(event) => void submit(event)}>
        <p className="way-line">
          <span>Owner word</span> <Word value={String(owner!)} />
        </p>
        {sealing ? (
          <>
            <p>
              <Badge tone="good">sealed in this browser</Badge> Next time your passphrase opens it, without a signature.
            </p>
            <div className="actions">
              <button type="button" onClick={() => void discard()}>
                Remove it from this browser
              </button>
            </div>
          </>
        ) : (
          <>
            <p>
              <Badge tone="plain">in this tab’s memory</Badge>{" "}
              {kept ? "An older sealed copy is here; sealing again replaces it." : "Closing the tab forgets it."}
            </p>
            <Field
              label="Passphrase"
              type="password"
              autoComplete="new-password"
              value={first}
              onChange={setFirst}
              hint={`${MIN_PASSPHRASE} characters or more; nobody can recover it`}
              problem={short ? `${MIN_PASSPHRASE - first.length} more characters` : null}
            />
            <Field
              label="The same again"
              type="password"
              autoComplete="new-password"
              value={second}
              onChange={setSecond}
              problem={differ ? "It differs from the first." : null}
            />
            <div className="actions">
              <button type="submit" className="primary" disabled={busy !== null || short || !first || first !== second}>
                {busy ? `${busy}…` : "Seal in this browser"}
              </button>
            </div>
          </>
        )}
        {problem && <Notice tone="bad">{problem}</Notice>}
      </form>
    </Section>
  );
}

function Credential() {
  const { issued } = useStore(session);
  const [problem, attempt] = useTry();
  const file = useRef<HTMLInputElement>(null);
  const load = () =>
    attempt(async () => {
      const chosen = file.current?.files?.[0];
      if (!chosen) return;
      if (chosen.size > 65_536) throw new Error("this is no credential file: it is too large");
      await giveCredential(await chosen.text());
      file.current!.value = "";
    });
  return (
    <Section title="Credential">
      <div className="card form">
        {issued ? (
          <Facts
            items={[
              ["Number", <span className="mono">{issued.id}</span>],
              ["Tier", <span className="mono">{String(issued.credential.tier)}</span>],
              ["Jurisdiction", <span className="mono">{String(issued.credential.jurisdiction)}</span>],
              ["Expires, UTC", <span className="mono">{time(Number(issued.credential.expiry))}</span>],
            ]}
          />
        ) : (
          <p>Give the issuer your owner word; it answers with a file. Orders need it, withdrawals do not.</p>
        )}
        <label className="file">
          <span>{issued ? "Another file" : "The issuer’s file"}</span>
          <input ref={file} type="file" accept=".json,application/json" onChange={() => void load()} />
        </label>
        {problem && <Notice tone="bad">{problem}</Notice>}
      </div>
    </Section>
  );
}

function Agent() {
  const shown = useStore(agent);
  const [url, setUrl] = useState(shown.url ?? "http://127.0.0.1:8700");
  const [key, setKey] = useState("");
  const [problem, attempt] = useTry();
  const wrong = url ? urlProblem(url) : null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const given = key;
    setKey("");
    void attempt(() => pairAgent({ url, key: given }));
  };
  if (shown.state !== "none")
    return (
      <Section title="Agent">
        <div className="card form">
          <Facts
            items={[
              ["Address", <span className="mono">{shown.url}</span>],
              ["State", <Badge tone={shown.state === "running" ? "good" : "bad"}>{shown.state}</Badge>],
              ...(shown.status
                ? ([["Block", <span className="mono">{grouped(shown.status.block)}</span>]] as [
                    string,
                    React.ReactNode,
                  ][])
                : []),
            ]}
          />
          {shown.problem && <Notice tone="bad">{shown.problem}</Notice>}
          <div className="actions">
            <button type="button" onClick={() => void attempt(() => pairAgent(null))}>
              Unpair
            </button>
          </div>
        </div>
      </Section>
    );
  return (
    <Section title="Agent">
      <form className="card form" onSubmit={submit}>
        <p>
          Your institution’s own service with the same key. It reveals your orders in time, whatever happens to this
          page.
        </p>
        <Field label="Agent’s address" type="url" value={url} onChange={setUrl} problem={wrong} />
        <Field
          label="API key"
          type="password"
          value={key}
          onChange={setKey}
          hint="Made by shadowpool agent key new, with the scopes read and trade"
        />
        {problem && <Notice tone="bad">{problem}</Notice>}
        <div className="actions">
          <button type="submit" className="primary" disabled={!url || wrong !== null || !key}>
            Pair
          </button>
        </div>
      </form>
    </Section>
  );
}

function Carrier() {
  const { carrier } = useStore(settings);
  const { deployment } = useStore(session);
  const [text, setText] = useState(carrier);
  const [problem, attempt] = useTry();
  const wrong = text ? urlProblem(text) : null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void attempt(async () => {
      if (text) await CarrierClient.open(text, deployment!);
      change({ carrier: text.replace(/\/+$/, "") });
    });
  };
  return (
    <Section title="Carrier">
      <form className="card form" onSubmit={submit}>
        <p>
          Sends what is private in your stead, so that your account never stands beside it. It learns what the chain
          shows.
        </p>
        <Field
          label="Carrier’s address"
          type="url"
          value={text}
          onChange={setText}
          problem={wrong}
          hint={`http://127.0.0.1:… on this machine, or ${location.origin}/… under this page’s address; empty for none`}
        />
        {problem && <Notice tone="bad">{problem}</Notice>}
        <div className="actions">
          <button type="submit" disabled={wrong !== null || text === carrier}>
            {text === carrier ? "Saved" : "Save"}
          </button>
        </div>
      </form>
    </Section>
  );
}

function Locking() {
  const { lockAfter } = useStore(settings);
  const name = (minutes: number) =>
    !minutes
      ? "Never"
      : minutes < 60
        ? `After ${minutes} minutes`
        : `After ${minutes / 60} ${minutes === 60 ? "hour" : "hours"}`;
  return (
    <Section title="Locking">
      <div className="card form">
        <Select
          label="Lock when nobody is here"
          value={String(lockAfter)}
          onChange={(value) => change({ lockAfter: Number(value) })}
          options={LOCK_CHOICES.map((minutes) => [String(minutes), name(minutes)])}
        />
        <p className="said">It waits while an order of yours is sealed and no agent runs to reveal it.</p>
      </div>
    </Section>
  );
}

function Notifying() {
  const { notify } = useStore(settings);
  const [problem, attempt] = useTry();
  const possible = "Notification" in window;
  const turn = () =>
    attempt(async () => {
      if (notify) return change({ notify: false });
      if ((await Notification.requestPermission()) !== "granted")
        throw new Error("this browser does not allow it: change that beside the address bar");
      change({ notify: true });
    });
  return (
    <Section title="Notifications">
      <div className="card form">
        <label className="switch">
          <input type="checkbox" checked={notify && possible} disabled={!possible} onChange={() => void turn()} />
          <span>Tell me when an order is filled</span>
        </label>
        <p className="said">
          {possible ? "Without amounts, since others may see the screen." : "This browser has no notifications."}
        </p>
        {problem && <Notice tone="bad">{problem}</Notice>}
      </div>
    </Section>
  );
}
