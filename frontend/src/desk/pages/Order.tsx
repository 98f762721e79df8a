import { type FormEvent, useEffect, useMemo, useRef, useState } from "react";

import { useLive } from "../../api/live";
import type { Market } from "../../api/types";
import { bps, capital, marketName, pairOf, price, quantity, tokenAmount, tokenName } from "../../format";
import { useMarkets } from "../../pages/shared";
import { Link } from "../../router";
import { Facts, Page, Section } from "../../ui/parts";
import { agent, hand, quote } from "../agent";
import { type Check, checkOrder, epochNow, funding, passes } from "../checks";
import { Choice, Field, Notice, Select } from "../parts";
import { desk } from "../Shell";
import type { Lock, Quote, Terms } from "../sdk";
import { session, sync } from "../session";
import { useStore } from "../store";
import { PROVEN, SENT, explain, run, tasks } from "../tasks";
import { exactPrice, parsePrice, parseQuantity } from "../units";
import { Join } from "./Balances";
import { useWay } from "./Senders";
import { lastReference, tokenAt, unspent, useRecentEpochs } from "./shared";

export const Order = desk(() => {
  const markets = useMarkets();
  const [chosen, setChosen] = useState("");
  const market = markets.find((one) => String(one.market) === chosen) ?? markets[0];
  return (
    <Page
      title="Order"
      lead="Sealed until the batch clears: to everyone until its epoch freezes, and to all but the epoch’s leader until the end."
    >
      {market ? (
        <Ticket key={market.market} market={market} markets={markets} choose={setChosen} />
      ) : (
        <p className="empty">No market has been opened yet.</p>
      )}
    </Page>
  );
});

interface TicketProps {
  market: Market;
  markets: Market[];
  choose: (market: string) => void;
}

function Ticket({ market, markets, choose }: TicketProps) {
  const { block, timestamp, status } = useLive();
  const state = useStore(session);
  const { state: paired } = useStore(agent);
  const { current } = useStore(tasks);
  const epochs = useRecentEpochs();
  const [side, setSide] = useState<"buy" | "sell">("buy");
  const [amount, setAmount] = useState("");
  const [limit, setLimit] = useState("");
  const { way, sender, choice } = useWay(true);
  const pair = pairOf(market);
  const [lots, ticks] = [parseQuantity(amount, pair), parsePrice(limit, pair)];
  const terms: Terms | null =
    "value" in lots && "value" in ticks
      ? { side: side === "buy" ? 0 : 1, quantity: lots.value, price: ticks.value }
      : null;
  const lock = useMemo(() => worst(state.wallet!, market, terms), [state.wallet, market, side, amount, limit]);
  const reference = lastReference(epochs, market);
  const epoch = block === null ? null : epochNow(market, block);
  const view = state.view!;
  const said = useQuote(way === "agent" ? market.market : null, terms);
  const own = checkOrder({
    market,
    terms,
    lock,
    block: block ?? view.block,
    time: timestamp ?? 0,
    blockSeconds: status?.block_seconds ?? null,
    owner: state.owner!,
    issued: state.issued,
    notes: view.notes,
    orders: view.orders,
    live: epochs.find((one) => one.market === market.market && one.epoch === epoch)?.live ?? null,
    reference,
    agent: paired === "none" ? "none" : paired === "running" ? "running" : "silent",
  });
  // An agent has a credential and checks of its own, and waits for the next window by itself.
  const checks = way === "agent" ? [...own.filter(({ name }) => ["Size", "Limit"].includes(name)), ...said] : own;
  const good = passes(checks) && (way === "agent" ? said.length > 0 : sender !== null);
  const title = terms
    ? `${side === "buy" ? "Buy" : "Sell"} ${quantity(terms.quantity, pair)} ${tokenName(market.base)}`
    : "";

  // An answer may be lost: the same ticket sent again is the same order, until it succeeded, ended or was changed.
  const named = useRef<{ ticket: string; id: string } | null>(null);
  const nameOf = ({ side, quantity, price }: Terms): string => {
    const ticket = `${market.market}/${side}/${quantity}/${price}`;
    const ended = agent
      .get()
      .orders.some(({ clientId, state }) => clientId === named.current?.id && OVER.includes(state));
    if (ended || named.current?.ticket !== ticket) named.current = { ticket, id: freshId() };
    return named.current.id;
  };
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const done =
      way === "agent"
        ? await run(`${title}, by the agent`, SENT, () => hand(nameOf(terms!), market.market, terms!))
        : await run(title, PROVEN, (progress) =>
            state.wallet!.commit(market.market, terms!, state.issued!, { sender: sender!, ...progress }),
          );
    if (done) {
      named.current = null;
      setAmount("");
    }
    await sync();
  };

  return (
    <div className="ticket">
      <form className="card form" aria-label="Order ticket" onSubmit={(event) => void submit(event)}>
        {markets.length > 1 && (
          <Select
            label="Market"
            value={String(market.market)}
            onChange={choose}
            options={markets.map((one) => [String(one.market), `${marketName(one)} (${one.market})`])}
          />
        )}
        {markets.length === 1 && (
          <p className="way-line">
            <strong>{marketName(market)}</strong>
            <Link href={`/markets/${market.market}`}>Terms</Link>
          </p>
        )}
        <Choice
          legend="Side"
          row
          value={side}
          onChange={setSide}
          options={[
            { value: "buy", name: "Buy" },
            { value: "sell", name: "Sell" },
          ]}
        />
        <Field
          label="Quantity"
          value={amount}
          onChange={setAmount}
          unit={tokenName(market.base)}
          hint={`In lots of ${tokenAmount(pair.lot, market.base)}`}
          problem={"problem" in lots ? lots.problem : null}
          numeric
        />
        <Field
          label="Limit"
          value={limit}
          onChange={setLimit}
          unit={`${tokenName(market.quote)} per ${tokenName(market.base)}`}
          hint={
            reference ? (
              <>
                Last reference{" "}
                <button type="button" className="link mono" onClick={() => setLimit(exactPrice(reference, pair))}>
                  {price(reference, pair)}
                </button>
              </>
            ) : (
              "The worst price that you accept"
            )
          }
          problem={"problem" in ticks ? ticks.problem : null}
          numeric
        />
        {choice}
        {way === "account" && (
          <Notice tone="warn">
            Sending from your own account shows everyone that you placed an order in this epoch. A carrier or your agent
            sends it without your name.
          </Notice>
        )}
        <div className="actions">
          <button type="submit" className="primary" disabled={!good || current?.state === "running"}>
            {way === "agent" ? "Hand it over" : "Prove and send"}
          </button>
          <span className="note">{epoch === null ? "" : `Epoch ${epoch}`}</span>
        </div>
      </form>
      <div className="ticket-side">
        <Section title="At worst" note="Locked with the order; what is not used comes back">
          <Worst market={market} terms={terms} lock={lock} />
        </Section>
        <Section title="Checks" note="Before anything is proven or sent">
          <Checks checks={checks} />
          <Consolidation lock={lock} />
        </Section>
      </div>
    </div>
  );
}

function Worst({ market, terms, lock }: { market: Market; terms: Terms | null; lock: Lock | null }) {
  const { deployment } = useStore(session);
  const token = lock ? tokenAt(deployment!, lock.asset) : null;
  const text = (units: bigint) => (
    <span className="mono">
      {tokenAmount(units, token!)} {tokenName(token!)}
    </span>
  );
  const none = <span className="quiet">–</span>;
  const notional = terms ? terms.quantity * terms.price : null;
  const [fee, quote] = [BigInt(market.terms.fee_bps), market.quote];
  return (
    <Facts
      items={[
        ["Locked", lock ? text(lock.lock) : none],
        [
          "Value at the limit",
          notional === null ? (
            none
          ) : (
            <span className="mono">
              {tokenAmount(notional, quote)} {tokenName(quote)}
            </span>
          ),
        ],
        [
          `Fee, ${bps(market.terms.fee_bps)} of what trades`,
          notional === null ? (
            none
          ) : (
            <span className="mono">
              {tokenAmount((notional * fee) / 10_000n, quote)} {tokenName(quote)}
            </span>
          ),
        ],
        [`Bond, ${bps(market.terms.bond_bps)} of the lock`, lock ? text(lock.bond) : none],
      ]}
    />
  );
}

const MARKS: Record<Check["state"], [mark: string, say: string]> = {
  good: ["✓", "passed"],
  warn: ["!", "mind"],
  bad: ["✕", "failed"],
  open: ["·", "open"],
};

function Checks({ checks }: { checks: Check[] }) {
  return (
    <ul className="checks desk-checks">
      {checks.map(({ name, state, text }) => (
        <li key={name} className={state}>
          <span className="tick" aria-hidden="true">
            {MARKS[state][0]}
          </span>
          <span className="check-name">{name}</span>
          <span className="unseen">{MARKS[state][1]}: </span>
          <span className="check-text">{text}</span>
        </li>
      ))}
    </ul>
  );
}

/** Where a ticket is covered by many notes and no two: the way to join them, here. */
function Consolidation({ lock }: { lock: Lock | null }) {
  const { view, deployment } = useStore(session);
  const [open, setOpen] = useState(true);
  const joins = lock !== null && funding(view!.notes, lock.asset, lock.lock).state === "join";
  // "Not now" was said of this need, not of the next.
  useEffect(() => {
    if (!joins) setOpen(true);
  }, [joins]);
  if (!joins || !open) return null;
  const token = tokenAt(deployment!, lock.asset);
  const spendable = unspent(view!.notes, token).filter(({ advanced }) => advanced).length;
  return <Join token={token} pairs={Math.floor(spendable / 2)} done={() => setOpen(false)} />;
}

const QUOTE_MS = 300;

/** The agent's own pre-trade checks of a ticket, asked for once it stands still; nothing is placed. */
function useQuote(market: number | null, terms: Terms | null): Check[] {
  const [said, setSaid] = useState<Check[]>([]);
  const asked = market !== null && terms ? `${market}/${terms.side}/${terms.quantity}/${terms.price}` : null;
  useEffect(() => {
    setSaid([]);
    if (asked === null) return;
    let current = true;
    const show = (checks: Check[]) => current && setSaid(checks);
    const timer = window.setTimeout(() => {
      quote(market!, terms!).then(
        ({ checks }) => show(agentChecks(checks)),
        (error: unknown) => show([{ name: "Agent", state: "bad", text: explain(error) }]),
      );
    }, QUOTE_MS);
    return () => {
      current = false;
      window.clearTimeout(timer);
    };
  }, [asked]);
  return said;
}

/** What the agent refuses, each by itself; what it passes, in one line. */
function agentChecks(checks: Quote["checks"]): Check[] {
  const words = (name: string) => name.replaceAll("_", " ");
  const refused = checks.filter(({ passed }) => !passed);
  const passed = checks.filter((check) => check.passed).map(({ name }) => words(name));
  return [
    ...refused.map(({ name, reason }): Check => {
      return { name: capital(words(name)), state: "bad", text: reason ?? "Refused" };
    }),
    ...(passed.length ? [{ name: "Agent", state: "good" as const, text: `Passed: ${passed.join(", ")}` }] : []),
  ];
}

function worst(
  wallet: { worstCase: (market: number, terms: Terms) => Lock },
  market: Market,
  terms: Terms | null,
): Lock | null {
  try {
    return terms && wallet.worstCase(market.market, terms);
  } catch {
    return null; // the checks say what is out of range
  }
}

/** What an agent keeps under a name for good: to ask again needs another. */
const OVER = ["refused", "failed", "cancelled"];

/** A name that makes a second asking the same order; random, since it says nothing. */
function freshId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `web-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
