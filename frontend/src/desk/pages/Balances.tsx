import { useState } from "react";

import type { Token } from "../../api/types";
import { decimal, grouped, tokenAmount, tokenName } from "../../format";
import { useMarkets } from "../../pages/shared";
import { Badge, Page, Section, Table } from "../../ui/parts";
import { desk } from "../Shell";
import { type OwnedNote, isOpen, largestPair, total, worth } from "../sdk";
import { session, sync } from "../session";
import { PROVEN, run, tasks } from "../tasks";
import { useStore } from "../store";
import { useFee, useWay } from "./Senders";
import { Deposit, Withdraw } from "./Move";
import { tokensOf, unspent } from "./shared";

export const Balances = desk(() => {
  const { view, deployment } = useStore(session);
  const traded = useMarkets().flatMap(({ base, quote }) => [base.address, quote.address]);
  const all = tokensOf(deployment!);
  const tokens = all.filter((token) => traded.includes(token.address) || unspent(view!.notes, token).length);
  const shown = tokens.filter((token) => unspent(view!.notes, token).length);
  return (
    <Page
      title="Balances"
      lead={`What your key holds in the pool, read from the chain at block ${grouped(view!.block)}.`}
    >
      <Section title="By asset">
        <Table
          label="Balances"
          stack
          rows={tokens}
          id={(token) => token.address}
          columns={[
            { head: "Asset", cell: (token) => <strong>{tokenName(token)}</strong> },
            { head: "Available", number: true, cell: (token) => amount(worth(notesOf(token)), token) },
            { head: "In open orders", number: true, cell: (token) => amount(locked(token), token) },
            { head: "Notes", number: true, cell: (token) => grouped(notesOf(token).length) },
            { head: "Spendable at once", number: true, cell: (token) => amount(largestPair(notesOf(token)), token) },
          ]}
        />
        <p className="note under">A proof spends two notes at most: joining notes raises what one order can use.</p>
      </Section>
      {tokens.length > 0 && (
        <div className="columns">
          <Section title="Deposit" note="Everyone sees the account and the amount">
            <Deposit tokens={tokens} />
          </Section>
          <Section title="Withdraw" note="Everyone sees the recipient and the amount">
            <Withdraw tokens={tokens} />
          </Section>
        </div>
      )}
      {shown.map((token) => (
        <Notes key={token.address} token={token} notes={notesOf(token)} />
      ))}
      {!shown.length && <p className="empty">No notes yet: deposit, and the first one appears here.</p>}
    </Page>
  );

  function notesOf(token: Token): OwnedNote[] {
    return unspent(view!.notes, token);
  }

  function locked(token: Token): bigint {
    const open = view!.orders.filter((order) => isOpen(order) && BigInt(order.lock.asset) === BigInt(token.address));
    return total(open.map(({ lock }) => lock.lock));
  }
});

function amount(units: bigint, token: Token): string {
  return units ? tokenAmount(units, token) : "–";
}

function Notes({ token, notes }: { token: Token; notes: OwnedNote[] }) {
  const [joining, setJoining] = useState(false);
  const spendable = notes.filter(({ advanced }) => advanced).length;
  const sorted = [...notes].sort((a, b) => (a.note.amount < b.note.amount ? 1 : -1));
  return (
    <Section
      title={`Notes in ${tokenName(token)}`}
      note={`${notes.length} ${notes.length === 1 ? "note" : "notes"}`}
      aside={
        spendable > 1 && (
          <button type="button" aria-expanded={joining} onClick={() => setJoining(!joining)}>
            Join notes…
          </button>
        )
      }
    >
      {joining && <Join token={token} pairs={Math.floor(spendable / 2)} done={() => setJoining(false)} />}
      <Table
        label={`Notes in ${tokenName(token)}`}
        rows={sorted}
        id={(own) => own.position}
        columns={[
          { head: `Amount, ${tokenName(token)}`, number: true, cell: (own) => tokenAmount(own.note.amount, token) },
          { head: "Base units", number: true, wide: true, cell: (own) => grouped(own.note.amount) },
          { head: "Place in the tree", number: true, cell: (own) => grouped(own.position) },
          {
            head: "State",
            cell: (own) =>
              own.advanced ? <Badge tone="good">spendable</Badge> : <Badge tone="plain">waits for the tree</Badge>,
          },
        ]}
      />
    </Section>
  );
}

export function Join({ token, pairs, done }: { token: Token; pairs: number; done: () => void }) {
  const { wallet } = useStore(session);
  const { current } = useStore(tasks);
  const { sender, choice } = useWay(false);
  const { fee, problem } = useFee(token.address, sender);
  const busy = current?.state === "running";
  const join = async () => {
    const joined = await run(`Join notes in ${tokenName(token)}`, PROVEN, (progress) =>
      wallet!.consolidate(token.address as `0x${string}`, { sender: sender!, fee: fee!, ...progress }),
    );
    await sync();
    if (joined) done();
  };
  return (
    <div className="card form">
      <p>
        {pairs === 1 ? "Two notes become one" : `${2 * pairs} notes become ${pairs}`}, with one proof and one
        transaction for each pair.
      </p>
      {choice}
      {problem && <p className="said bad">{problem}</p>}
      <div className="actions">
        <button
          type="button"
          className="primary"
          disabled={!sender || fee === null || busy}
          onClick={() => void join()}
        >
          Join {decimal(BigInt(2 * pairs), 0)} notes
        </button>
        <button type="button" onClick={done}>
          Not now
        </button>
        {fee !== null && fee > 0n && (
          <span className="note">
            and {tokenAmount(fee, token)} × {pairs} {tokenName(token)} to the carrier
          </span>
        )}
      </div>
    </div>
  );
}
