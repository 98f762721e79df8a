import { useState } from "react";

import { useLive } from "../../api/live";
import type { Market } from "../../api/types";
import { away, marketName, pairOf, price, quantity, tokenAmount, tokenName, windowsOf } from "../../format";
import { useMarkets } from "../../pages/shared";
import { Link } from "../../router";
import { Badge, EpochLink, Page, Section, Stats, Table } from "../../ui/parts";
import { agent, takeBack } from "../agent";
import { atStake, reveal, reveals, toReveal } from "../duties";
import { Notice } from "../parts";
import { desk } from "../Shell";
import type { AgentOrder, Fate, OrderStatus } from "../sdk";
import { session, sync } from "../session";
import { useStore } from "../store";
import { PROVEN, explain, run, tasks } from "../tasks";
import { useWay } from "./Senders";
import { improvement } from "./improvement";
import { isOpen, tokenAt } from "./shared";

export const Blotter = desk(() => {
  const state = useStore(session);
  const { view } = state;
  const shown = useStore(agent);
  const { block } = useLive();
  const markets = useMarkets();
  const { sender, choice } = useWay(false);
  const [taking, setTaking] = useState<OrderStatus | null>(null);
  const [opening, setOpening] = useState<OrderStatus | null>(null);
  const orders = [...view!.orders].reverse();
  const open = orders.filter(isOpen);
  const filled = orders.filter(({ fill }) => fill);
  const take = async (order: OrderStatus) => {
    setTaking(null);
    const what = order.epochState === "commit" ? "Cancel" : "Reclaim";
    await run(`${what} the order of epoch ${order.placed.epoch}`, PROVEN, (progress) =>
      session.get().wallet!.reclaim(order.placed, { sender: sender!, ...progress }),
    );
    await sync();
  };
  const show = async (order: OrderStatus) => {
    setOpening(null);
    await reveal(order, sender);
    await sync();
  };
  const marketOf = (id: number) => markets.find(({ market }) => market === id);
  return (
    <Page
      title="Blotter"
      lead="Your orders, found on chain with your key alone."
      aside={
        <Link href="/desk/order" className="button-link">
          New order
        </Link>
      }
    >
      <Stats
        items={[
          ["Open", open.length, `${atStake(orders).length} still sealed`],
          ["Due to reveal", toReveal(state).length],
          ["Filled", filled.length, `of ${orders.length} placed`],
          ["Against the reference", <Better orders={filled} markets={markets} />],
        ]}
      />
      {shown.state !== "none" && shown.state !== "foreign" && <Handed orders={shown.orders} markets={markets} />}
      <Section title="Orders">
        {taking && (
          <div className="card form">
            <p>
              {taking.epochState === "commit"
                ? "The whole lock comes back, the bond too. Everyone sees that an order was cancelled."
                : taking.fate === "unrevealed" || taking.fate === "invalid"
                  ? "The epoch ended without this order: what it locked comes back, less the bond."
                  : "The epoch settled nothing: the whole lock comes back."}
            </p>
            {choice}
            <div className="actions">
              <button type="button" className="primary" disabled={!sender} onClick={() => void take(taking)}>
                {taking.epochState === "commit" ? "Cancel the order" : "Reclaim"}
              </button>
              <button type="button" onClick={() => setTaking(null)}>
                Keep it
              </button>
            </div>
          </div>
        )}
        {opening && (
          <div className="card form">
            <p>The epoch’s leader reads it then, and nobody else. Where one sender fails, take another.</p>
            {choice}
            <div className="actions">
              <button type="button" className="primary" disabled={!sender} onClick={() => void show(opening)}>
                Reveal the order
              </button>
              <button type="button" onClick={() => setOpening(null)}>
                Not now
              </button>
            </div>
          </div>
        )}
        <Table
          label="Orders"
          rows={orders}
          id={({ placed }) => String(placed.quotaNullifier)}
          empty="No order yet."
          columns={[
            { head: "State", cell: (order) => <FateBadge fate={order.fate} fill={order.fill} /> },
            {
              head: "Epoch",
              cell: ({ placed }) => <EpochLink market={placed.market} epoch={placed.epoch} />,
            },
            {
              head: "Side",
              cell: ({ placed }) =>
                placed.terms.side === 0 ? (
                  <span className="side-buy">Buy</span>
                ) : (
                  <span className="side-sell">Sell</span>
                ),
            },
            {
              head: "Quantity",
              number: true,
              cell: (order) => lots(order, order.placed.terms.quantity),
            },
            { head: "Limit", number: true, cell: (order) => at(order, order.placed.terms.price) },
            {
              head: "Fill",
              number: true,
              cell: (order) => (order.fill === null ? "–" : order.fill ? lots(order, order.fill) : "none"),
            },
            { head: "Price", number: true, cell: (order) => (order.fill ? at(order, order.price!) : "–") },
            {
              head: "Against reference",
              number: true,
              cell: (order) => <Improvement order={order} market={marketOf(order.placed.market)} />,
            },
            {
              head: "Next",
              cell: (order) => <Next order={order} market={marketOf(order.placed.market)} block={block} />,
            },
            {
              head: <span className="unseen">Actions</span>,
              cell: (order) => <Actions order={order} take={setTaking} open={setOpening} />,
            },
          ]}
        />
      </Section>
    </Page>
  );

  function lots({ placed }: OrderStatus, amount: bigint) {
    const market = marketOf(placed.market);
    return market ? `${quantity(amount, pairOf(market))} ${tokenName(market.base)}` : String(amount);
  }

  function at({ placed }: OrderStatus, ticks: bigint) {
    const market = marketOf(placed.market);
    return market ? price(ticks, pairOf(market)) : String(ticks);
  }
});

const FATES: Record<Fate, [text: string, tone: "good" | "bad" | "plain" | "commit" | "reveal"]> = {
  committed: ["sealed", "commit"],
  revealed: ["revealed", "reveal"],
  filled: ["filled", "good"],
  cancelled: ["cancelled", "plain"],
  reclaimed: ["reclaimed", "plain"],
  refundable: ["to reclaim", "plain"],
  unrevealed: ["not revealed", "bad"],
  invalid: ["invalid", "bad"],
};

function FateBadge({ fate, fill }: { fate: Fate; fill: bigint | null }) {
  const [text, tone] = FATES[fate];
  if (fate === "filled" && fill === 0n) return <Badge tone="plain">no fill</Badge>;
  if (tone === "commit" || tone === "reveal") return <span className={`badge state-${tone}`}>{text}</span>;
  return <Badge tone={tone}>{text}</Badge>;
}

function Improvement({ order, market }: { order: OrderStatus; market: Market | undefined }) {
  const better = improvement(order);
  if (better === null || !market) return <>–</>;
  return (
    <span className={better < 0n ? "bad" : undefined}>
      {better > 0n ? "+" : ""}
      {tokenAmount(better, market.quote)} {tokenName(market.quote)}
    </span>
  );
}

function Better({ orders, markets }: { orders: OrderStatus[]; markets: Market[] }) {
  const sums = markets.flatMap((market) => {
    const mine = orders.filter(({ placed }) => placed.market === market.market);
    const sum = mine.reduce((total, order) => total + (improvement(order) ?? 0n), 0n);
    return mine.length ? [[market, sum] as const] : [];
  });
  if (!sums.length) return <>–</>;
  return (
    <>
      {sums.map(([market, sum]) => (
        <span key={market.market} className="sum">
          {tokenAmount(sum, market.quote)} {tokenName(market.quote)}
        </span>
      ))}
    </>
  );
}

/** What the order waits for. */
function Next({ order, market, block }: { order: OrderStatus; market: Market | undefined; block: number | null }) {
  const { deployment } = useStore(session);
  const { status } = useLive();
  const { sent } = useStore(reveals);
  const { fate, epochState, placed, forfeited, lock } = order;
  if (forfeited) {
    const token = tokenAt(deployment!, lock.asset);
    return (
      <span className="bad">
        {tokenAmount(forfeited, token)} {tokenName(token)} forfeited
      </span>
    );
  }
  if (!market || block === null || !isOpen(order)) return <span className="quiet">–</span>;
  const windows = windowsOf(market.terms, placed.epoch);
  const say = (what: string, at: number) => (
    <span className="quiet">
      {what} {away(at, block, status?.block_seconds ?? null)}
    </span>
  );
  if (fate === "committed" && epochState === "commit") return say("freezes", windows.freeze);
  if (fate === "committed" && epochState === "frozen") return say("reveal", windows.reveal);
  if (sent.has(placed.quotaNullifier) && fate === "committed") return <span className="quiet">reveal sent</span>;
  if (fate === "committed") return say("reveal ends", windows.settle);
  if (fate === "revealed") return say("settles by", windows.deadline);
  return <span className="quiet">yours to reclaim</span>;
}

interface ActionsProps {
  order: OrderStatus;
  take: (order: OrderStatus) => void;
  open: (order: OrderStatus) => void;
}

function Actions({ order, take, open }: ActionsProps) {
  const state = useStore(session);
  const { current } = useStore(tasks);
  const busy = current?.state === "running";
  const { sent, underway } = useStore(reveals);
  const { quotaNullifier } = order.placed;
  const due = !sent.has(quotaNullifier) && toReveal(state).includes(order);
  const name = `${order.placed.epoch}`;
  return (
    <span className="row-actions">
      {due && (
        <button
          type="button"
          disabled={underway.has(quotaNullifier)}
          onClick={() => open(order)}
          aria-label={`Reveal the order of epoch ${name}`}
        >
          Reveal
        </button>
      )}
      {order.reclaimable && (
        <button
          type="button"
          disabled={busy}
          onClick={() => take(order)}
          aria-label={`${order.epochState === "commit" ? "Cancel" : "Reclaim"} the order of epoch ${name}`}
        >
          {order.epochState === "commit" ? "Cancel" : "Reclaim"}
        </button>
      )}
    </span>
  );
}

/** What the agent holds that is not on chain, or never will be. */
function Handed({ orders, markets }: { orders: AgentOrder[]; markets: Market[] }) {
  const [problem, setProblem] = useState<string | null>(null);
  const waiting = orders.filter(({ state }) => ["accepted", "refused", "failed"].includes(state)).reverse();
  const cancel = (id: string) =>
    takeBack(id).then(
      () => setProblem(null),
      (error: unknown) => setProblem(explain(error)),
    );
  if (!waiting.length) return null;
  return (
    <Section title="With the agent" note="Handed over, and not on chain">
      {problem && <Notice tone="bad">{problem}</Notice>}
      <Table
        label="Orders with the agent"
        rows={waiting}
        id={({ clientId }) => clientId}
        columns={[
          {
            head: "State",
            cell: ({ state }) => <Badge tone={state === "accepted" ? "plain" : "bad"}>{state}</Badge>,
          },
          { head: "Market", cell: (order) => named(order) },
          { head: "Side", cell: ({ side }) => (side === 0 ? "Buy" : "Sell") },
          { head: "Lots", number: true, cell: (order) => String(order.quantity) },
          { head: "Limit", number: true, cell: (order) => limit(order) },
          { head: "Why", cell: ({ reason }) => <span className="wrap">{reason ?? "waits for its window"}</span> },
          {
            head: <span className="unseen">Actions</span>,
            cell: ({ clientId, state }) =>
              state === "accepted" && (
                <button type="button" onClick={() => void cancel(clientId)} aria-label={`Cancel ${clientId}`}>
                  Cancel
                </button>
              ),
          },
        ]}
      />
    </Section>
  );

  function named({ market: id }: AgentOrder) {
    const market = markets.find(({ market }) => market === id);
    return market ? marketName(market) : `Market ${id}`;
  }

  function limit({ market: id, price: ticks }: AgentOrder) {
    const market = markets.find(({ market }) => market === id);
    return market ? price(ticks, pairOf(market)) : String(ticks);
  }
}
