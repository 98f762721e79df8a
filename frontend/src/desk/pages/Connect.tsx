import { type FormEvent, useEffect, useState, useSyncExternalStore } from "react";

import { useLive } from "../../api/live";
import { shortHex } from "../../format";
import { Page } from "../../ui/parts";
import { iconOf, wallets } from "../../wallets/discover";
import { Field, Notice } from "../parts";
import { connectTo, disconnect, discard, reconnect, session, signIn, signerOf, toRightChain, unlock } from "../session";
import { useStore } from "../store";

export function Connect() {
  const state = useStore(session);
  const right = signerOf(state) !== null;
  return (
    <Page title="Desk" lead="Sealed orders from your own wallet. Proofs are made on this machine; no key leaves it.">
      <p className="unseen" role="status">
        {state.busy ?? ""}
      </p>
      {state.problem && <Notice tone="bad">{state.problem}</Notice>}
      <ol className="ways">
        <Step number={1} title="Wallet" done={state.connection !== null}>
          {state.connection ? <Connected /> : <Wallets />}
        </Step>
        <Step number={2} title="Chain" done={right} off={!state.connection}>
          {state.connection && (right ? <RightChain /> : <OtherChain />)}
        </Step>
        <Step number={3} title="Shielded key" done={false} off={!right}>
          {right && <Key />}
        </Step>
      </ol>
    </Page>
  );
}

function Step({
  number,
  title,
  done,
  off = false,
  children,
}: {
  number: number;
  title: string;
  done: boolean;
  off?: boolean;
  children: React.ReactNode;
}) {
  return (
    <li className={off ? "way off" : done ? "way done" : "way on"} aria-current={!off && !done ? "step" : undefined}>
      <span className="way-number mono" aria-hidden="true">
        {done ? "✓" : number}
      </span>
      <div className="way-content">
        <h2>{title}</h2>
        {children}
      </div>
    </li>
  );
}

function Wallets() {
  const found = useSyncExternalStore(wallets.subscribe, wallets.get);
  const { busy } = useStore(session);
  useEffect(() => void reconnect(), [found]);
  if (!found.length)
    return (
      <p className="quiet">
        No wallet has announced itself to this page. Install one that speaks EIP-6963 in this browser, unlock it, and
        reload.
      </p>
    );
  return (
    <ul className="wallets">
      {found.map((wallet) => (
        <li key={wallet.info.uuid}>
          <button type="button" disabled={busy !== null} onClick={() => void connectTo(wallet)}>
            {iconOf(wallet) && <img src={iconOf(wallet)!} alt="" width={20} height={20} />}
            {wallet.info.name}
          </button>
        </li>
      ))}
    </ul>
  );
}

function Connected() {
  const { connection } = useStore(session);
  return (
    <p className="way-line">
      <span>
        {connection!.name}, <span className="mono">{shortHex(connection!.address)}</span>
      </span>
      <button type="button" onClick={disconnect}>
        Disconnect
      </button>
    </p>
  );
}

function RightChain() {
  const { status } = useLive();
  const { connection } = useStore(session);
  return (
    <p>
      Chain <span className="mono">{connection!.chainId}</span>
      {status && <span className="quiet">, which the indexer follows too</span>}
    </p>
  );
}

function OtherChain() {
  const { connection, deployment, busy } = useStore(session);
  return (
    <>
      <p>
        Your wallet is on chain <span className="mono">{connection!.chainId}</span>. The pool lives on chain{" "}
        <span className="mono">{String(deployment!.chainId)}</span>, and your key is bound to it.
      </p>
      <button type="button" className="primary" disabled={busy !== null} onClick={() => void toRightChain()}>
        Change the chain in the wallet
      </button>
    </>
  );
}

function Key() {
  const { kept, busy } = useStore(session);
  return kept ? <Unlock /> : <SignIn busy={busy} />;
}

function SignIn({ busy }: { busy: string | null }) {
  return (
    <>
      <p>
        One signature gives your key: the same wallet and pool always give the same one, so there is nothing to back up.
        Signing sends nothing and costs nothing. Sign it on this page alone: whoever has this signature can spend your
        notes.
      </p>
      <button type="button" className="primary" disabled={busy !== null} onClick={() => void signIn()}>
        {busy ? `${busy}…` : "Sign"}
      </button>
    </>
  );
}

function Unlock() {
  const { busy } = useStore(session);
  const [passphrase, setPassphrase] = useState("");
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const text = passphrase;
    setPassphrase("");
    await unlock(text);
  };
  return (
    <form className="form" onSubmit={(event) => void submit(event)}>
      <p>This browser keeps your key, sealed. The passphrase opens it; without it, sign again.</p>
      <Field
        label="Passphrase"
        type="password"
        autoComplete="current-password"
        value={passphrase}
        onChange={setPassphrase}
        disabled={busy !== null}
      />
      <div className="actions">
        <button type="submit" className="primary" disabled={busy !== null || !passphrase}>
          {busy ? `${busy}…` : "Unlock"}
        </button>
        <button type="button" disabled={busy !== null} onClick={() => void signIn()}>
          Sign instead
        </button>
        <button type="button" className="link" disabled={busy !== null} onClick={() => void discard()}>
          Remove what is kept
        </button>
      </div>
    </form>
  );
}
