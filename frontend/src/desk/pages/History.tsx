import { grouped, marketName, pairOf, price, quantity, tokenAmount, tokenName } from "../../format";
import { useMarkets } from "../../pages/shared";
import { BlockLink, EpochLink, Hash, Page, Section, Side, Table, TxLink } from "../../ui/parts";
import { desk } from "../Shell";
import { type Movement, type Trade, exportRows, toCsv } from "../sdk";
import { session } from "../session";
import { useStore } from "../store";
import { Against } from "./improvement";
import { tokenAt } from "./shared";

const KINDS: Record<Movement["kind"], string> = {
  deposit: "Deposit",
  withdrawal: "Withdrawal",
  sent: "Sent",
  received: "Received",
  joined: "Joined",
  fill: "Fill",
  forfeit: "Bond forfeited",
};

export const History = desk(() => {
  const { view, deployment } = useStore(session);
  const markets = useMarkets();
  // Two may be alike in all but their place.
  const rows = view!.history.map((row, place) => ({ ...row, place })).reverse();
  const trades = rows.flatMap(({ trade, place }, i) =>
    trade && rows.findIndex((row) => row.trade === trade) === i ? [{ ...trade, place }] : [],
  );
  const marketOf = ({ market: id }: Trade) => markets.find(({ market }) => market === id);
  const at = (trade: Trade, ticks: bigint) => {
    const market = marketOf(trade);
    return market ? `${price(ticks, pairOf(market))} ${tokenName(market.quote)}` : grouped(ticks);
  };
  return (
    <Page
      title="History"
      lead="Every change of what your key holds, read from the chain with the key; nothing of it is kept elsewhere."
      aside={
        <button type="button" disabled={!rows.length} onClick={() => save(toCsv(exportRows(view!.history)))}>
          Export as CSV
        </button>
      }
    >
      {trades.length > 0 && (
        <Section
          title="Fills"
          note="Against the epoch’s reference and your own limit, over the whole fill; plus is better"
        >
          <Table
            label="Fills"
            stack
            rows={trades}
            id={({ place }) => place}
            columns={[
              { head: "Market", cell: (trade) => (marketOf(trade) ? marketName(marketOf(trade)!) : trade.market) },
              { head: "Epoch", cell: ({ market, epoch }) => <EpochLink market={market} epoch={epoch} plain /> },
              { head: "Side", cell: ({ terms }) => <Side side={terms.side} /> },
              {
                head: "Fill",
                number: true,
                cell: (trade) => {
                  const market = marketOf(trade);
                  return market
                    ? `${quantity(trade.fill, pairOf(market))} ${tokenName(market.base)}`
                    : grouped(trade.fill);
                },
              },
              { head: "Price", number: true, cell: (trade) => at(trade, trade.price) },
              { head: "Reference", number: true, cell: (trade) => at(trade, trade.reference) },
              {
                head: "Against reference",
                number: true,
                cell: (trade) => <Against units={trade.againstReference} token={marketOf(trade)?.quote} />,
              },
              {
                head: "Against limit",
                number: true,
                cell: (trade) => <Against units={trade.againstLimit} token={marketOf(trade)?.quote} />,
              },
            ]}
          />
        </Section>
      )}
      <Section title="Movements" note={`${grouped(rows.length)} up to block ${grouped(view!.block)}`}>
        <Table
          label="Movements"
          stack
          rows={rows}
          id={({ place }) => place}
          empty="Nothing has moved yet."
          columns={[
            { head: "Block", number: true, cell: ({ block }) => <BlockLink block={block} /> },
            { head: "What", cell: ({ kind }) => KINDS[kind] },
            {
              head: "Amount",
              number: true,
              cell: ({ asset, amount }) => {
                const token = tokenAt(deployment!, asset);
                return `${amount > 0n ? "+" : ""}${tokenAmount(amount, token)} ${tokenName(token)}`;
              },
            },
            {
              head: "Account",
              wide: true,
              cell: ({ account }) => (account ? <Hash value={account} /> : <span className="quiet">–</span>),
            },
            { head: "Transaction", cell: ({ transaction }) => <TxLink hash={transaction} /> },
          ]}
        />
      </Section>
    </Page>
  );
});

/** Hand a text to the browser as a file; it is made here and asked of nobody. */
function save(text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = "shadowpool-history.csv";
  link.click();
  URL.revokeObjectURL(url);
}
