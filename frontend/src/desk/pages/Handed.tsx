import { useState } from "react";

import type { Market } from "../../api/types";
import { Badge, Section, Side, Table } from "../../ui/parts";
import { takeBack } from "../agent";
import { Notice } from "../parts";
import type { AgentOrder } from "../sdk";
import { explain } from "../tasks";
import { wordsOf } from "./shared";

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
          { head: "Market", cell: (order) => wordsOf(markets, order.market).name },
          { head: "Side", cell: ({ side }) => <Side side={side} /> },
          { head: "Quantity", number: true, cell: (order) => wordsOf(markets, order.market).lots(order.quantity) },
          { head: "Limit", number: true, cell: (order) => wordsOf(markets, order.market).limit(order.price) },
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
}
