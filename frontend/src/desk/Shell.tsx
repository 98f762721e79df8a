/** The frame of the desk's pages: who is connected, what the agent does, how long the epoch takes orders. */

import { type ComponentType, useEffect } from "react";

import { useLive } from "../api/live";
import { duration, grouped, marketName, shortHex, windowsOf } from "../format";
import { useMarkets } from "../pages/shared";
import { Link, usePath } from "../router";
import { Connect } from "./pages/Connect";
import { type AgentView, agent } from "./agent";
import { atStake, epochNow } from "./checks";
import "./desk.css";
import "./ways.css";
import "./forms.css";
import { reveals } from "./duties";
import { Notice, TaskPanel, useNow } from "./parts";
import { lock, session, signerOf, sync } from "./session";
import { useStore } from "./store";
import { dismiss } from "./tasks";

/** A page of the desk: what it shows once unlocked; before that, how to get there. */
export function desk(Content: ComponentType) {
  return function DeskPage() {
    const { wallet, view } = useStore(session);
    // What is over was of another page.
    useEffect(dismiss, []);
    return (
      <div className="desk">
        {wallet && <Bar />}
        {wallet && <Warnings />}
        <TaskPanel />
        {wallet && view ? <Content /> : <Connect />}
      </div>
    );
  };
}

function Bar() {
  const { connection } = useStore(session);
  const shown = useStore(agent);
  return (
    <div className="desk-bar" role="region" aria-label="State of the desk">
      <span className="desk-item">
        <span className="quiet">Account</span>
        <span className="mono" title={connection?.address}>
          {connection ? shortHex(connection.address) : "–"}
        </span>
      </span>
      <AgentItem shown={shown} />
      <Countdown />
      <button type="button" className="lock" onClick={lock}>
        Lock
      </button>
    </div>
  );
}

const AGENT: Record<AgentView["state"], [tone: string, text: string]> = {
  none: ["off", "not paired"],
  running: ["good", "running"],
  silent: ["bad", "silent"],
  stopped: ["bad", "stopped"],
  foreign: ["bad", "not yours"],
};

function AgentItem({ shown }: { shown: AgentView }) {
  const [tone, text] = AGENT[shown.state];
  const { status } = shown;
  return (
    <span className="desk-item">
      <span className="quiet">Agent</span>
      <Link href="/desk/settings">
        <span className={`lamp lamp-${tone}`} aria-hidden="true" />
        {text}
      </Link>
      {status && shown.state === "running" && (
        <span className="mono quiet">
          <span className="block-word">block </span>
          {grouped(status.block)}
        </span>
      )}
      {status && status.problems.length > 0 && (
        <span className="bad">
          {status.problems.length} {status.problems.length === 1 ? "problem" : "problems"}
        </span>
      )}
    </span>
  );
}

/** How long the open epoch of the first market takes orders, in blocks and seconds. */
function Countdown() {
  const [market] = useMarkets();
  const { block, timestamp, status } = useLive();
  const now = useNow();
  const epoch = market && block !== null ? epochNow(market, block) : null;
  if (!market || block === null || epoch === null) return null;
  const left = Math.max(windowsOf(market.terms, epoch).freeze - block, 0);
  const pace = status?.block_seconds ?? null;
  const passed = timestamp === null ? 0 : Math.min(Math.max(now - timestamp, 0), pace ?? 0);
  return (
    <span className="desk-item countdown">
      <Link href={`/epochs/${market.market}/${epoch}`}>
        {marketName(market)} epoch {epoch}
      </Link>
      <span className="mono">
        {grouped(left)} {left === 1 ? "block" : "blocks"}
      </span>
      {pace !== null && <span className="mono quiet">≈ {duration(Math.max(left * pace - passed, 0))}</span>}
    </span>
  );
}

function Warnings() {
  const state = useStore(session);
  const { state: paired, status, problem, feed } = useStore(agent);
  const { failed, sent } = useStore(reveals);
  const path = usePath();
  const orders = state.view?.orders ?? [];
  const stake = paired === "running" ? [] : atStake(orders).filter((order) => !sent.has(order.placed.quotaNullifier));
  const undone = stake.filter(({ placed }) => failed.has(placed.quotaNullifier));
  return (
    <>
      {state.stale && (
        <Notice tone="bad">
          <strong>The chain could not be read.</strong> {state.stale}{" "}
          <button type="button" className="link" onClick={() => void sync()}>
            Read it again
          </button>
        </Notice>
      )}
      {!signerOf(state) && <WrongChain />}
      {paired === "silent" && (
        <Notice tone="bad">
          <strong>Your agent does not answer.</strong> {problem}
        </Notice>
      )}
      {paired === "foreign" && (
        <Notice tone="bad">
          <strong>The agent is not yours.</strong> {problem}
        </Notice>
      )}
      {feed && (paired === "running" || paired === "stopped") && (
        <Notice tone="warn">
          <strong>Your agent’s orders are not up to date.</strong> {feed} It is tried again.
        </Notice>
      )}
      {status?.problems.map((text) => (
        <Notice tone="bad" key={text}>
          <strong>Your agent says:</strong> {text}
        </Notice>
      ))}
      {undone.length > 0 && path !== "/desk/blotter" && (
        <Notice tone="bad">
          <strong>An order of yours is still sealed.</strong> <Link href="/desk/blotter">Reveal it now</Link>, or its
          bond is forfeited.
        </Notice>
      )}
      {stake.length > 0 && !undone.length && (
        <Notice tone="warn">
          <strong>Keep this page open.</strong> {paired === "none" ? "No agent is paired" : "Your agent does not run"}:
          if you close or lock this page, nobody reveals{" "}
          {stake.length === 1
            ? "your order, and its bond is at stake."
            : `your ${stake.length} orders, and their bonds are at stake.`}
        </Notice>
      )}
    </>
  );
}

export function WrongChain() {
  const { connection, deployment } = useStore(session);
  if (!connection || !deployment) return null;
  return (
    <Notice tone="warn">
      <strong>Your wallet is on another chain.</strong> It is on chain {connection.chainId}, the pool on chain{" "}
      {String(deployment.chainId)}. What is shown stands still until you change the chain in your wallet.
    </Notice>
  );
}
