import { useMemo } from "react";

import { useApi } from "../api/client";
import { useLive } from "../api/live";
import type { Epoch, Market, OrderRow } from "../api/types";
import { type Opened, useAuditor, useOpened } from "../audit";
import type { AuditedOrder } from "../crypto/auditor";
import { away, grouped, marketName, pairOf, price, quantity, tokenName } from "../format";
import { Link, navigate } from "../router";
import { ClearingCurve } from "../ui/curve";
import { useKeys } from "../ui/keyboard";
import {
  Badge,
  BlockLink,
  Dark,
  Facts,
  Hash,
  Lit,
  Page,
  Section,
  Show,
  Side,
  StateBadge,
  Stats,
  Table,
  Time,
  TxLink,
  Word,
} from "../ui/parts";
import { Steps, stateAt } from "../ui/timeline";
import { useAuditInputs, useEpochRevision } from "./shared";

export function EpochPage({ market = "", epoch = "" }: { market?: string; epoch?: string }) {
  const { revision } = useLive();
  const terms = useApi<Market>(`/v1/markets/${encodeURIComponent(market)}`, revision);
  const passed = useEpochRevision(useMemo(() => (terms.data ? [terms.data] : []), [terms.data]));
  const answer = useApi<Epoch>(`/v1/epochs/${encodeURIComponent(market)}/${encodeURIComponent(epoch)}`, passed);
  return (
    <Show answer={answer} title={`Epoch ${epoch}`}>
      {(found) => (
        <Show answer={terms} title={`Epoch ${epoch}`}>
          {(row) => <EpochView epoch={found} market={row} />}
        </Show>
      )}
    </Show>
  );
}

function EpochView({ epoch, market }: { epoch: Epoch; market: Market }) {
  const { block, status } = useLive();
  const { point } = useAuditor();
  const inputs = useAuditInputs(point !== null);
  const opened = useOpened(epoch, market, inputs.status, inputs.keys);
  const state = stateAt(epoch, epoch.windows, block ?? 0);
  const blockSeconds = status?.block_seconds ?? null;
  useNeighbours(epoch);
  return (
    <Page
      title={`Epoch ${epoch.epoch}`}
      lead={
        <>
          <Link href={`/markets/${market.market}`}>{marketName(market)}</Link> <StateBadge state={state} />
        </>
      }
      aside={
        <nav aria-label="Neighbouring epochs" className="neighbours">
          {epoch.epoch > 0 && <Link href={path(epoch, -1)}>← {epoch.epoch - 1}</Link>}
          <Link href={path(epoch, 1)}>{epoch.epoch + 1} →</Link>
        </nav>
      }
    >
      {block !== null && <Steps epoch={epoch} state={state} block={block} blockSeconds={blockSeconds} />}
      <Summary epoch={epoch} market={market} opened={opened} block={block} blockSeconds={blockSeconds} />
      {opened.error && (
        <div className="problem" role="alert">
          <strong>Your key does not open this epoch.</strong>
          <p>{opened.error}</p>
        </div>
      )}
      {opened.view && (
        <Section title="Clearing" note="Recomputed in this tab from the orders that your key opens">
          <ClearingCurve view={opened.view} pair={pairOf(market)} reference={BigInt(epoch.reference ?? 0)} />
          <Audit opened={opened} />
        </Section>
      )}
      <Section
        title="Orders"
        note={
          opened.view
            ? "Opened with the auditor’s key"
            : "What they say is sealed: to the leader until the settlement, to the auditor after it"
        }
      >
        <Orders epoch={epoch} market={market} opened={opened} />
      </Section>
      {epoch.settlement && <SettlementFacts epoch={epoch} />}
      <Section title="Transactions">
        <Table
          label="Transactions of this epoch"
          rows={epoch.transactions}
          id={(row) => row.hash}
          columns={[
            { head: "Block", number: true, cell: (row) => <BlockLink block={row.block} /> },
            { head: "Method", cell: (row) => <code>{row.method ?? "–"}</code> },
            { head: "Transaction", cell: (row) => <TxLink hash={row.hash} /> },
            { head: "Time, UTC", wide: true, cell: (row) => <Time at={row.timestamp} /> },
          ]}
        />
      </Section>
    </Page>
  );
}

function path(epoch: Epoch, step: number): string {
  return `/epochs/${epoch.market}/${epoch.epoch + step}`;
}

/** `[` and `]` go to the epoch before and after. */
function useNeighbours(epoch: Epoch) {
  const actions = useMemo(
    () => ({ "[": () => epoch.epoch > 0 && navigate(path(epoch, -1)), "]": () => navigate(path(epoch, 1)) }),
    [epoch],
  );
  useKeys(actions);
}

interface Shown {
  epoch: Epoch;
  market: Market;
  opened: Opened;
}

function Summary({
  epoch,
  market,
  opened,
  block,
  blockSeconds,
}: Shown & { block: number | null; blockSeconds: number | null }) {
  const pair = pairOf(market);
  const { print } = epoch;
  const { view } = opened;
  const unit = `${tokenName(market.quote)} per ${tokenName(market.base)}`;
  const when =
    epoch.print_from === null || block === null
      ? null
      : block < epoch.print_from
        ? `prints ${away(epoch.print_from, block, blockSeconds)}`
        : "due";
  const show = (text: (price: string, volume: string) => string, width: number) => {
    if (print) return text(print.price, print.volume);
    if (view) return <Lit>{text(String(view.price), String(view.volume))}</Lit>;
    return ["empty", "failed", "void"].includes(epoch.state) ? "–" : <Dark width={width} />;
  };
  return (
    <Stats
      items={[
        [
          "Commits",
          `${grouped(epoch.live)} / ${grouped(epoch.capacity)}`,
          epoch.commits > epoch.live ? `${epoch.commits - epoch.live} cancelled` : null,
        ],
        ["Reveals", grouped(epoch.reveals), epoch.invalid ? `${epoch.invalid} invalid` : null],
        ["Reference", epoch.reference === null || epoch.void ? "–" : price(epoch.reference, pair), unit],
        ["Price", show((at, volume) => (volume === "0" ? "no trade" : price(at, pair)), 8), print ? unit : when],
        ["Volume", show((_, volume) => quantity(volume, pair), 6), tokenName(market.base)],
        [
          "Leader",
          epoch.leader ? <Hash value={epoch.leader} href={`/relayers/${epoch.leader}`} /> : "–",
          epoch.slashed ? "slashed" : null,
        ],
      ]}
    />
  );
}

function Audit({ opened }: { opened: Opened }) {
  const { view } = opened;
  if (!view) return null;
  if (!view.oddities.length)
    return (
      <p className="verdict">
        <Badge tone="good">agrees</Badge> Commitments, receipts, fills, price and volume agree with each other and with
        the orders.
      </p>
    );
  return (
    <div className="problem" role="alert">
      <strong>Something does not add up.</strong>
      <ul>
        {view.oddities.map((oddity) => (
          <li key={oddity}>{oddity}</li>
        ))}
      </ul>
    </div>
  );
}

function Orders({ epoch, market, opened }: Shown) {
  const pair = pairOf(market);
  const seen = (order: OrderRow): AuditedOrder | null =>
    order.slot === null ? null : (opened.view?.orders[order.slot] ?? null);
  const lit = (
    order: OrderRow,
    width: number,
    text: (audited: NonNullable<AuditedOrder["opening"]>) => React.ReactNode,
  ) => {
    const audited = seen(order);
    if (!audited) return <Dark width={width} />;
    return audited.opening ? <Lit>{text(audited.opening)}</Lit> : <span className="quiet">no order</span>;
  };
  const fill = (order: OrderRow) => {
    const audited = seen(order);
    if (!audited) return <Dark width={5} />;
    return audited.fill === null ? "–" : <Lit>{quantity(audited.fill, pair)}</Lit>;
  };
  return (
    <Table
      label="Orders"
      stack
      rows={epoch.orders}
      id={(order) => order.index}
      empty="No order has been committed."
      columns={[
        { head: "#", number: true, cell: (order) => order.index },
        { head: "State", cell: (order) => <OrderState epoch={epoch} order={order} /> },
        {
          head: "Side",
          cell: (order) => lit(order, 4, ({ terms }) => <Side side={terms.side} />),
        },
        {
          head: `Quantity, ${tokenName(market.base)}`,
          number: true,
          cell: (order) => lit(order, 6, ({ terms }) => quantity(terms.quantity, pair)),
        },
        {
          head: `Limit, ${tokenName(market.quote)}`,
          number: true,
          cell: (order) => lit(order, 8, ({ terms }) => price(terms.price, pair)),
        },
        { head: `Fill, ${tokenName(market.base)}`, number: true, cell: fill },
        { head: "Owner", cell: (order) => lit(order, 9, ({ owner }) => <Word value={String(owner)} />) },
        {
          head: "Credential",
          number: true,
          cell: (order) => lit(order, 3, ({ credentialId }) => String(credentialId)),
        },
        { head: "Committed", number: true, cell: (order) => <TxBlock tx={order.tx} block={order.block} /> },
        { head: "Commitment", wide: true, cell: (order) => <Word value={order.oc} /> },
      ]}
    />
  );
}

function TxBlock({ tx, block }: { tx: string; block: number }) {
  return (
    <Link className="mono" href={`/tx/${tx}`}>
      {block}
    </Link>
  );
}

function OrderState({ epoch, order }: { epoch: Epoch; order: OrderRow }) {
  const invalid =
    order.slot !== null && epoch.settlement && (BigInt(epoch.settlement.invalid_mask) >> BigInt(order.slot)) & 1n;
  if (order.reclaimed?.cancelled) return <span className="quiet">cancelled</span>;
  if (order.reclaimed)
    return (
      <span className={order.reclaimed.forfeit ? "bad" : "quiet"}>
        {order.reclaimed.forfeit ? "forfeited" : "reclaimed"}
      </span>
    );
  if (invalid) return <span className="bad">invalid</span>;
  if (order.slot !== null) return epoch.settlement ? "settled" : "revealed";
  return "committed";
}

function SettlementFacts({ epoch }: { epoch: Epoch }) {
  const settlement = epoch.settlement!;
  return (
    <Section title="Settlement" note={<Link href={`/proofs/${settlement.tx}`}>Verify its proof in this browser</Link>}>
      <Facts
        items={[
          ["Transaction", <TxLink hash={settlement.tx} />],
          ["Block", <BlockLink block={settlement.block} />],
          ["Orders settled", grouped(settlement.count)],
          ["Print commitment", <Word value={settlement.print_commitment} />],
          ["Leader’s note", <Word value={settlement.leader_cm} />],
          ["Treasury’s note", <Word value={settlement.treasury_cm} />],
          ["First note at", <span className="mono">{settlement.position}</span>],
          ["Reveal chain", <Hash value={epoch.reveal_chain} />],
          [
            "Keys",
            <span className="mono">
              reveal v{epoch.reveal_version} · auditor v{epoch.auditor_version} · treasury v{epoch.treasury_version}
            </span>,
          ],
          ...(epoch.print ? ([["Printed in", <TxLink hash={epoch.print.tx} />]] as [string, React.ReactNode][]) : []),
        ]}
      />
    </Section>
  );
}
