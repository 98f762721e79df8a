import { useState } from "react";

import type { Market } from "../../api/types";
import { marketName, pairOf, price, quantity, tokenName } from "../../format";
import { Badge, Section, Side, Table } from "../../ui/parts";
import { takeBack } from "../agent";
import { Notice } from "../parts";
import type { AgentOrder } from "../sdk";
import { explain } from "../tasks";

/** What the agent holds that is not on chain, or never will be. */
export function Handed({ orders, markets }: { orders: AgentOrder[]; markets: Market[] }) {
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
        stack
        rows={waiting}
        id={({ clientId }) => clientId}
        columns={[
          {
            head: "State",
            cell: ({ state }) => <Badge tone={state === "accepted" ? "plain" : "bad"}>{state}</Badge>,
          },
          { head: "Market", cell: (order) => named(order) },
          { head: "Side", cell: ({ side }) => <Side side={side} /> },
          { head: "Quantity", number: true, cell: (order) => lots(order) },
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

  function marketOf({ market: id }: AgentOrder) {
    return markets.find(({ market }) => market === id);
  }

  function named(order: AgentOrder) {
    const market = marketOf(order);
    return market ? marketName(market) : `Market ${order.market}`;
  }

  function lots(order: AgentOrder) {
    const market = marketOf(order);
    return market ? `${quantity(order.quantity, pairOf(market))} ${tokenName(market.base)}` : `${order.quantity} lots`;
  }

  function limit(order: AgentOrder) {
    const market = marketOf(order);
    return market ? `${price(order.price, pairOf(market))} ${tokenName(market.quote)}` : String(order.price);
  }
}
