import { useEffect, useState } from "react";

import { useLive } from "../../api/live";
import type { Market } from "../../api/types";
import { away, tokenAmount, tokenName, windowsOf } from "../../format";
import { useMarkets } from "../../pages/shared";
import { Link } from "../../router";
import { Badge, EpochLink, Page, Section, Side, Stats, Table } from "../../ui/parts";
import { agent } from "../agent";
import { atStake } from "../checks";
import { reveals, toReveal } from "../duties";
import { desk } from "../Shell";
import { type Fate, type OrderStatus, isOpen, total } from "../sdk";
import { session } from "../session";
import { useStore } from "../store";
import { type Asked, backOf, stillAsked } from "../taking";
import { tasks } from "../tasks";
import { Due, Taking, dueIn } from "./Asked";
import { Handed } from "./Handed";
import { Against, improvement } from "./improvement";
import { tokenAt, wordsOf } from "./shared";

export const Blotter = desk(() => {
  const state = useStore(session);
  const shown = useStore(agent);
  const { sent } = useStore(reveals);
  const { block } = useLive();
  const markets = useMarkets();
  const [asked, setAsked] = useState<Asked | null>(null);
  const [opening, setOpening] = useState(false);
  const orders = [...state.view!.orders].reverse();
  const taking = asked && stillAsked(orders, asked);
  useEffect(() => {
    if (!taking) setAsked(null);
  }, [!taking]);
  const filled = orders.filter(({ fill }) => fill);
  const due = toReveal(state).filter(({ placed }) => !sent.has(placed.quotaNullifier));
  const watched = shown.state === "running" && !opening;
  const words = ({ placed }: OrderStatus) => wordsOf(markets, placed.market);
  const marketOf = ({ placed }: OrderStatus) => markets.find(({ market }) => market === placed.market);
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
      {due.length > 0 && !watched && <Due orders={due} marketOf={marketOf} />}
      <Stats
        items={[
          ["Open", orders.filter(isOpen).length, `${atStake(orders).length} still sealed`],
          ["Due to reveal", due.length, due.length > 0 && watched ? "your agent does it" : null],
          ["Filled", filled.length, `of ${orders.length} placed`],
          ["Against the reference", <Sums orders={filled} markets={markets} />, "plus is better"],
        ]}
      />
      {shown.state !== "none" && shown.state !== "foreign" && <Handed orders={shown.orders} markets={markets} />}
      <Section title="Orders">
        {taking && <Taking order={taking} market={marketOf(taking)} told={asked!.told} done={() => setAsked(null)} />}
        <Table
          label="Orders"
          stack
          rows={orders}
          id={({ placed }) => String(placed.quotaNullifier)}
          empty="No order yet."
          columns={[
            { head: "State", cell: (order) => <FateBadge fate={order.fate} fill={order.fill} /> },
            { head: "Market", cell: (order) => words(order).name },
            { head: "Epoch", cell: ({ placed }) => <EpochLink market={placed.market} epoch={placed.epoch} plain /> },
            { head: "Side", cell: ({ placed }) => <Side side={placed.terms.side} /> },
            { head: "Quantity", number: true, cell: (order) => words(order).lots(order.placed.terms.quantity) },
            { head: "Limit", number: true, cell: (order) => words(order).limit(order.placed.terms.price) },
            {
              head: "Fill",
              number: true,
              cell: (order) => (order.fill === null ? "–" : order.fill ? words(order).lots(order.fill) : "none"),
            },
            { head: "Price", number: true, cell: (order) => (order.fill ? words(order).limit(order.price!) : "–") },
            {
              head: "Against reference",
              number: true,
              cell: (order) => <Against units={improvement(order)} token={marketOf(order)?.quote} />,
            },
            { head: "Next", cell: (order) => <Next order={order} market={marketOf(order)} block={block} /> },
            {
              head: <span className="unseen">Actions</span>,
              cell: (order) => (
                <Actions
                  order={order}
                  take={() => setAsked({ quotaNullifier: order.placed.quotaNullifier, told: backOf(order)! })}
                  open={watched && due.includes(order) ? () => setOpening(true) : null}
                />
              ),
            },
          ]}
        />
      </Section>
    </Page>
  );
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

function Sums({ orders, markets }: { orders: OrderStatus[]; markets: Market[] }) {
  const sums = markets.flatMap((market) => {
    const mine = orders.filter(({ placed }) => placed.market === market.market);
    const sum = total(mine.map((order) => improvement(order) ?? 0n));
    return mine.length ? [[market, sum] as const] : [];
  });
  if (!sums.length) return <>–</>;
  return (
    <>
      {sums.map(([market, sum]) => (
        <span key={market.market} className="sum">
          <Against units={sum} token={market.quote} />
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
  if (fate === "committed") return <span className="warn">{dueIn(windows, block, status?.block_seconds ?? null)}</span>;
  if (fate === "revealed") return say("settles by", windows.deadline);
  return <span className="quiet">yours to reclaim</span>;
}

interface ActionsProps {
  order: OrderStatus;
  take: () => void;
  /** Where an agent is to reveal it, and has not yet; null else. */
  open: (() => void) | null;
}

function Actions({ order, take, open }: ActionsProps) {
  const busy = useStore(tasks).current?.state === "running";
  const name = `the order of epoch ${order.placed.epoch}`;
  const back = order.epochState === "commit" ? "Cancel" : "Reclaim";
  if (!open && !order.reclaimable) return null;
  return (
    <span className="row-actions">
      {open && (
        <button type="button" onClick={open} aria-label={`Reveal ${name}`}>
          Reveal
        </button>
      )}
      {order.reclaimable && (
        <button type="button" disabled={busy} onClick={take} aria-label={`${back} ${name}`}>
          {back}
        </button>
      )}
    </span>
  );
}
