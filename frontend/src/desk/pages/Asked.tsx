/** What is asked before an order is taken back or revealed by hand: which one, what follows, and who sends it. */

import { useEffect, useRef } from "react";

import { useLive } from "../../api/live";
import type { Market, Windows } from "../../api/types";
import { away, capital, marketName, pairOf, price, quantity, tokenAmount, tokenName, windowsOf } from "../../format";
import { reveal, reveals } from "../duties";
import { Notice } from "../parts";
import type { OrderStatus, Sender } from "../sdk";
import { session, sync } from "../session";
import { useStore } from "../store";
import { type Back, reclaimAs } from "../taking";
import { PROVEN, run, tasks } from "../tasks";
import { useWay } from "./Senders";
import { tokenAt } from "./shared";

interface Asked {
  order: OrderStatus;
  market: Market | undefined;
}

const BACK: Record<Back, string> = {
  cancelled: "The whole lock comes back, the bond too. Everyone sees that an order was cancelled.",
  forfeited: "The epoch ended without this order: what it locked comes back, less the bond.",
  whole: "The epoch settled nothing: the whole lock comes back.",
};

/** Cancel an order before the freeze, or take back what it locked after its epoch. */
export function Taking({ order, market, told, done }: Asked & { told: Back; done: () => void }) {
  const { sender, choice } = useWay(false);
  const busy = useStore(tasks).current?.state === "running";
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => place.current?.focus(), [order.placed.quotaNullifier]);
  const early = told === "cancelled";
  const take = async () => {
    done();
    await run(`${early ? "Cancel" : "Reclaim"} the order of epoch ${order.placed.epoch}`, PROVEN, (progress) =>
      reclaimAs(told, session.get().wallet!, order.placed, { sender: sender!, ...progress }),
    );
    await sync();
  };
  return (
    <div className="card form" ref={place} tabIndex={-1} role="group" aria-labelledby="taking">
      <h3 id="taking">
        {early ? "Cancel" : "Reclaim"}: {nameOf(order, market)}
      </h3>
      <p>{BACK[told]}</p>
      {choice}
      <div className="actions">
        <button type="button" className="primary" disabled={!sender || busy} onClick={() => void take()}>
          {early ? "Cancel the order" : "Reclaim"}
        </button>
        <button type="button" onClick={done}>
          Keep it
        </button>
      </div>
    </div>
  );
}

interface DueProps {
  orders: OrderStatus[];
  marketOf: (order: OrderStatus) => Market | undefined;
}

/** Orders whose reveal window is open, and that nobody but this page reveals. */
export function Due({ orders, marketOf }: DueProps) {
  const { sender, choice } = useWay(false);
  return (
    <section className="card form due" aria-label="Due to reveal">
      <ul className="due-orders">
        {orders.map((order) => (
          <DueOrder key={String(order.placed.quotaNullifier)} order={order} market={marketOf(order)} sender={sender} />
        ))}
      </ul>
      {choice}
    </section>
  );
}

function DueOrder({ order, market, sender }: Asked & { sender: Sender | null }) {
  const { block, status } = useLive();
  const { deployment, view } = useStore(session);
  const { underway, failed } = useStore(reveals);
  const busy = underway.has(order.placed.quotaNullifier);
  const problem = failed.get(order.placed.quotaNullifier);
  const token = tokenAt(deployment!, order.lock.asset);
  const head = Math.max(block ?? 0, view!.head);
  const show = async () => {
    await reveal(order, sender);
    await sync();
  };
  return (
    <li>
      <div>
        <strong>
          {market
            ? capital(dueIn(windowsOf(market.terms, order.placed.epoch), head, status?.block_seconds ?? null))
            : "Reveal due"}
        </strong>
        <p>
          {capital(nameOf(order, market))}. Unrevealed, its bond of {tokenAmount(order.lock.bond, token)}{" "}
          {tokenName(token)} is forfeited.
        </p>
        {problem && !busy && <Notice tone="bad">{problem}</Notice>}
      </div>
      <button type="button" className="primary" disabled={!sender || busy} onClick={() => void show()}>
        {busy ? "Revealing…" : "Reveal"}
      </button>
    </li>
  );
}

/** The last block of the window is the one before settling begins. */
export function dueIn({ settle }: Pick<Windows, "settle">, head: number, blockSeconds: number | null): string {
  return `reveal due ${away(settle - 1, head, blockSeconds)}`;
}

function nameOf({ placed: { terms, epoch, market: id } }: OrderStatus, market: Market | undefined): string {
  const side = terms.side === 0 ? "buy" : "sell";
  if (!market) return `${side} ${terms.quantity} lots in market ${id}, epoch ${epoch}`;
  const pair = pairOf(market);
  const limit = `${price(terms.price, pair)} ${tokenName(market.quote)}`;
  return `${side} ${quantity(terms.quantity, pair)} ${tokenName(market.base)} at ${limit}, ${marketName(market)} epoch ${epoch}`;
}
