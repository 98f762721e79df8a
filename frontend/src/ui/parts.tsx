/** The small parts that every page is made of. */

import { type ReactNode, useEffect, useState } from "react";

import { ApiError, type Answer } from "../api/client";
import type { State } from "../api/types";
import { Store, useStore } from "../desk/store";
import { capital, shortHex, time, wordHex } from "../format";
import { Link, useQuery } from "../router";

export function Page({
  title,
  lead,
  aside,
  children,
}: {
  title: string;
  lead?: ReactNode;
  aside?: ReactNode;
  children: ReactNode;
}) {
  useEffect(() => {
    document.title = `${title} · Shadowpool`;
  }, [title]);
  return (
    <>
      <header className="page-head">
        <div>
          <h1 id="title">{title}</h1>
          {lead && <p className="lead">{lead}</p>}
        </div>
        {aside && <div className="page-aside">{aside}</div>}
      </header>
      {children}
    </>
  );
}

export function Section({
  title,
  note,
  aside,
  children,
}: {
  title: string;
  note?: ReactNode;
  aside?: ReactNode;
  children: ReactNode;
}) {
  return (
    <section className="section">
      <div className="section-head">
        <h2>{title}</h2>
        {note && <p className="note">{note}</p>}
        {aside && <div className="section-aside">{aside}</div>}
      </div>
      {children}
    </section>
  );
}

export interface Column<Row> {
  head: ReactNode;
  cell: (row: Row) => ReactNode;
  /** Numbers stand to the right. */
  number?: boolean;
  /** Left out on narrow screens. */
  wide?: boolean;
}

interface TableProps<Row> {
  label: string;
  rows: Row[];
  columns: Column<Row>[];
  id: (row: Row) => string | number;
  empty?: ReactNode;
  /** On a narrow screen each row is a card, whose values bear the heads of their columns. */
  stack?: boolean;
}

export function Table<Row>({ label, rows, columns, id, empty = "Nothing yet.", stack = false }: TableProps<Row>) {
  const style = (column: Column<Row>) =>
    [column.number && "number", column.wide && "wide"].filter(Boolean).join(" ") || undefined;
  if (!rows.length) return <p className="empty">{empty}</p>;
  return (
    <div className={stack ? "table stack" : "table"} role="region" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {columns.map((column, i) => (
              <th key={i} scope="col" className={style(column)}>
                {column.head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={id(row)}>
              {columns.map((column, i) => (
                <td
                  key={i}
                  className={style(column)}
                  data-head={typeof column.head === "string" ? column.head : undefined}
                >
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** What an answer gives, or why there is none: under `title` where the answer is the whole page. */
export function Show<T>({
  answer,
  title,
  children,
}: {
  answer: Answer<T>;
  title?: string;
  children: (data: T) => ReactNode;
}) {
  if (answer.data !== null) return <>{children(answer.data)}</>;
  const instead = answer.error ? (
    <Problem error={answer.error} />
  ) : (
    <p className="empty" role="status">
      Reading…
    </p>
  );
  return title ? <Page title={title}>{instead}</Page> : instead;
}

export function Problem({ error }: { error: Error }) {
  const missing = error instanceof ApiError && error.status === 404;
  return (
    <div className="problem" role="alert">
      <strong>{missing ? "Not found" : error.message}</strong>
      <p>{error instanceof ApiError ? sentence(error.detail || error.message) : "Reload the page to try again."}</p>
    </div>
  );
}

function sentence(text: string): string {
  return capital(/[.!?]$/.test(text) ? text : `${text}.`);
}

export function Stats({ items }: { items: [ReactNode, ReactNode, ReactNode?][] }) {
  return (
    <dl className="stats">
      {items.map(([name, value, note], i) => (
        <div key={i}>
          <dt>{name}</dt>
          <dd>
            {value}
            {note && <small>{note}</small>}
          </dd>
        </div>
      ))}
    </dl>
  );
}

export function Facts({ items }: { items: [ReactNode, ReactNode][] }) {
  return (
    <dl className="facts">
      {items.map(([name, value], i) => (
        <div key={i}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** A value that only a key opens; `width` in characters. */
export function Dark({ width = 4 }: { width?: number }) {
  return (
    <span className="dark">
      <span aria-hidden="true" style={{ inlineSize: `${width}ch` }} />
      <span className="unseen">sealed</span>
    </span>
  );
}

/** A value that a key has just opened. */
export function Lit({ children }: { children: ReactNode }) {
  return <span className="lit">{children}</span>;
}

const STATE_TEXT: Record<State, string> = {
  unopened: "Unopened",
  commit: "Commit",
  frozen: "Frozen",
  reveal: "Reveal",
  settling: "Settling",
  settled: "Settled",
  empty: "Empty",
  failed: "Failed",
  void: "Void",
};

export function StateBadge({ state }: { state: State }) {
  return <span className={`badge state-${state}`}>{STATE_TEXT[state]}</span>;
}

export function Badge({ tone, children }: { tone: "good" | "bad" | "plain"; children: ReactNode }) {
  return <span className={`badge tone-${tone}`}>{children}</span>;
}

/** 0 buys, 1 sells. */
export function Side({ side }: { side: number }) {
  return <span className={side === 0 ? "side-buy" : "side-sell"}>{side === 0 ? "Buy" : "Sell"}</span>;
}

/** A hash, word or address, shortened; the button copies all of it. */
export function Hash({
  value,
  href,
  full = false,
  lead = 6,
}: {
  value: string;
  href?: string;
  full?: boolean;
  lead?: number;
}) {
  const text = full ? value : shortHex(value, lead + 2, 4);
  return (
    <span className={full ? "hash full" : "hash"} title={value}>
      {href ? <Link href={href}>{text}</Link> : <span>{text}</span>}
      <Copy value={value} />
    </span>
  );
}

/** A field word, in hexadecimal. */
export function Word({ value, full = false }: { value: string; full?: boolean }) {
  return <Hash value={wordHex(value)} full={full} />;
}

export function TxLink({ hash }: { hash: string }) {
  return <Hash value={hash} href={`/tx/${hash}`} />;
}

export function BlockLink({ block }: { block: number }) {
  return (
    <Link className="mono" href={`/blocks/${block}`}>
      {block}
    </Link>
  );
}

/** "market/epoch", as search takes it; the number alone where the market is plain. */
export function EpochLink({ market, epoch, plain = false }: { market: number; epoch: number; plain?: boolean }) {
  return (
    <Link className="mono" href={`/epochs/${market}/${epoch}`}>
      {plain ? epoch : `${market}/${epoch}`}
    </Link>
  );
}

export function Time({ at }: { at: number }) {
  return (
    <time dateTime={new Date(at * 1000).toISOString()} className="mono quiet">
      {time(at)}
    </time>
  );
}

const said = new Store({ text: "" });

/** What a button did, for those who do not see it; once in the page. */
export function Said() {
  return (
    <p className="unseen" role="status">
      {useStore(said).text}
    </p>
  );
}

/** Nothing where the browser lets no page copy, which is so over plain http. */
function Copy({ value }: { value: string }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    const copied = await navigator.clipboard.writeText(value).then(
      () => true,
      () => false,
    );
    setDone(copied);
    said.set({ text: copied ? "Copied" : "This browser did not let the page copy it" });
    window.setTimeout(() => {
      setDone(false);
      said.set({ text: "" });
    }, 1200);
  };
  if (!navigator.clipboard) return null;
  return (
    <button type="button" className="copy" onClick={() => void copy()} aria-label={`Copy ${shortHex(value)}`}>
      <svg viewBox="0 0 16 16" aria-hidden="true">
        {done ? <path d="M3 8.5 6.5 12 13 4.5" /> : <path d="M5.5 5.5h7v8h-7zM10.5 5.5v-3h-7v8h2" />}
      </svg>
    </button>
  );
}

/** Older and newest, through the query's cursor. */
export function Pager({ next }: { next: string | null }) {
  const [cursor, setCursor] = useQuery("cursor");
  if (!next && !cursor) return null;
  return (
    <nav className="pager" aria-label="Pages">
      <button type="button" disabled={!cursor} onClick={() => setCursor(null)}>
        Newest
      </button>
      <button type="button" disabled={!next} onClick={() => setCursor(next)}>
        Older
      </button>
    </nav>
  );
}

/** A choice that lives in the query. */
export function Filter({ name, label, options }: { name: string; label: string; options: [string, string][] }) {
  const [value, setValue] = useQuery(name);
  return (
    <label className="filter">
      <span>{label}</span>
      <select value={value ?? ""} onChange={(event) => setValue(event.target.value)}>
        {options.map(([key, text]) => (
          <option key={key} value={key}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}
