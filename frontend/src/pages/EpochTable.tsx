/** Epochs as rows; where the auditor's key is loaded, unprinted prices and volumes fill in. */

import { useApi } from "../api/client";
import { useLive } from "../api/live";
import type { Epoch, EpochSummary, Market } from "../api/types";
import { useAuditor, useOpened } from "../audit";
import { grouped, marketName, pairOf, price, quantity, tokenName } from "../format";
import { Link } from "../router";
import { BlockLink, Dark, Hash, Lit, StateBadge, Table } from "../ui/parts";
import { stateAt } from "../ui/timeline";
import { useAuditInputs } from "./shared";

export function EpochTable({ epochs, markets }: { epochs: EpochSummary[]; markets: Market[] }) {
  const { block } = useLive();
  const market = (epoch: EpochSummary) => markets.find((one) => one.market === epoch.market) ?? null;
  const only = markets.length === 1 ? markets[0]! : null;
  return (
    <Table
      label="Epochs"
      rows={epochs}
      id={(epoch) => `${epoch.market}/${epoch.epoch}`}
      empty="No epoch fits."
      columns={[
        {
          head: "Epoch",
          cell: (epoch) => (
            <Link href={`/epochs/${epoch.market}/${epoch.epoch}`}>
              <span className="mono">{epoch.epoch}</span>
              {markets.length > 1 && <span className="quiet"> {marketName(market(epoch) ?? markets[0]!)}</span>}
            </Link>
          ),
        },
        { head: "State", cell: (epoch) => <StateBadge state={stateAt(epoch, epoch.windows, block ?? 0)} /> },
        { head: "Commits", number: true, cell: (epoch) => `${epoch.live} / ${epoch.capacity}` },
        { head: "Reveals", number: true, wide: true, cell: (epoch) => grouped(epoch.reveals) },
        {
          head: only ? `Price, ${tokenName(only.quote)}` : "Price",
          number: true,
          cell: (epoch) => <Printed epoch={epoch} market={market(epoch)} part="price" />,
        },
        {
          head: only ? `Volume, ${tokenName(only.base)}` : "Volume",
          number: true,
          cell: (epoch) => <Printed epoch={epoch} market={market(epoch)} part="volume" />,
        },
        { head: "Opened", number: true, wide: true, cell: (epoch) => <BlockLink block={epoch.windows.open} /> },
        {
          head: "Leader",
          wide: true,
          cell: (epoch) => (epoch.leader ? <Hash value={epoch.leader} href={`/relayers/${epoch.leader}`} /> : "–"),
        },
      ]}
    />
  );
}

function Printed({ epoch, market, part }: { epoch: EpochSummary; market: Market | null; part: "price" | "volume" }) {
  const { point } = useAuditor();
  const sealed = epoch.state === "settled" && !epoch.print;
  const detail = useApi<Epoch>(sealed && point ? `/v1/epochs/${epoch.market}/${epoch.epoch}` : null);
  const { status, keys } = useAuditInputs(sealed && point !== null);
  const { view } = useOpened(detail.data, market, status, keys);
  if (!market) return null;
  if (epoch.print)
    return <PrintPart amount={epoch.print.price} volume={epoch.print.volume} market={market} part={part} />;
  if (!sealed)
    return ["empty", "failed", "void", "unopened"].includes(epoch.state) ? (
      "–"
    ) : (
      <Dark width={part === "price" ? 7 : 5} />
    );
  if (!view) return <Dark width={part === "price" ? 7 : 5} />;
  return (
    <Lit>
      <PrintPart amount={String(view.price)} volume={String(view.volume)} market={market} part={part} />
    </Lit>
  );
}

function PrintPart({
  amount,
  volume,
  market,
  part,
}: {
  amount: string;
  volume: string;
  market: Market;
  part: "price" | "volume";
}) {
  if (part === "volume") return quantity(volume, pairOf(market));
  return volume === "0" ? "no trade" : price(amount, pairOf(market));
}
