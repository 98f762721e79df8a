/** The frame around every page: navigation, search, the chain's state, theme, shortcuts. */

import { Component, type FormEvent, type ReactNode, lazy, Suspense, useEffect, useMemo, useRef } from "react";

import { LiveProvider, useLive } from "./api/live";
import { AuditProvider, useAuditor } from "./audit";
import { presence } from "./desk/presence";
import { useStore } from "./desk/store";
import { Link, match, navigate, usePath } from "./router";
import { DESK, PLACES, shortcuts, turnShortcuts, useKeys, useShortcuts } from "./ui/keyboard";
import { Page, Problem, Said } from "./ui/parts";
import { useTheme } from "./ui/theme";

const page = (load: () => Promise<Record<string, unknown>>, name: string) =>
  lazy(async () => ({ default: (await load())[name] as React.ComponentType<Record<string, string>> }));

const ROUTES: [string, ReturnType<typeof page>][] = [
  ["/", page(() => import("./pages/Markets"), "Markets")],
  ["/markets", page(() => import("./pages/Markets"), "Markets")],
  ["/markets/:market", page(() => import("./pages/Market"), "MarketPage")],
  ["/epochs", page(() => import("./pages/Epochs"), "Epochs")],
  ["/epochs/:market/:epoch", page(() => import("./pages/Epoch"), "EpochPage")],
  ["/transactions", page(() => import("./pages/Transactions"), "Transactions")],
  ["/tx/:hash", page(() => import("./pages/Transaction"), "TransactionPage")],
  ["/blocks/:block", page(() => import("./pages/Block"), "BlockPage")],
  ["/proofs", page(() => import("./pages/Proofs"), "Proofs")],
  ["/proofs/:tx", page(() => import("./pages/Proof"), "ProofPage")],
  ["/relayers", page(() => import("./pages/Relayers"), "Relayers")],
  ["/relayers/:relayer", page(() => import("./pages/Relayer"), "RelayerPage")],
  ["/credentials", page(() => import("./pages/Credentials"), "Credentials")],
  ["/contracts", page(() => import("./pages/Contracts"), "Contracts")],
  ["/liquidity", page(() => import("./pages/Liquidity"), "Liquidity")],
  ["/auditor", page(() => import("./pages/Auditor"), "AuditorPage")],
  ["/search", page(() => import("./pages/Search"), "Search")],
  ["/desk", page(() => import("./desk/pages/Balances"), "Balances")],
  ["/desk/order", page(() => import("./desk/pages/Order"), "Order")],
  ["/desk/blotter", page(() => import("./desk/pages/Blotter"), "Blotter")],
  ["/desk/history", page(() => import("./desk/pages/History"), "History")],
  ["/desk/settings", page(() => import("./desk/pages/Settings"), "Settings")],
];

const Heart = page(() => import("./desk/Heart"), "Heart");

const OTHER_KEYS: [string, string][] = [
  ["/", "Search"],
  ["j and k", "The next row, and the one before"],
  ["[ and ]", "The epoch before, and after"],
  ["t", "Change the theme"],
  ["?", "This list"],
];

export function App() {
  return (
    <LiveProvider>
      <AuditProvider>
        <Shell />
      </AuditProvider>
    </LiveProvider>
  );
}

function Shell() {
  const path = usePath();
  const main = useRef<HTMLElement>(null);
  const search = useRef<HTMLInputElement>(null);
  const help = useRef<HTMLDialogElement>(null);
  const [theme, turnTheme] = useTheme();
  const actions = useMemo(
    () => ({ "/": () => search.current?.focus(), "?": () => help.current?.showModal(), t: turnTheme }),
    [turnTheme],
  );
  useKeys(actions);
  useShortcuts();

  return (
    <div className="shell">
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <header className="top">
        <Link href="/" className="brand" aria-label="Shadowpool, markets">
          <span className="mark" aria-hidden="true">
            <i />
            <i />
            <i />
          </span>
          <span className="brand-name">Shadowpool</span>
        </Link>
        <SearchBox box={search} />
        <div className="top-tools">
          <KeyChip />
          <DeskChip path={path} />
          <Chain />
          <button
            type="button"
            className="tool"
            onClick={turnTheme}
            aria-label={`Theme: ${theme}. Change`}
            title={`Theme: ${theme} (t)`}
          >
            <svg viewBox="0 0 16 16" aria-hidden="true">
              <circle cx="8" cy="8" r="5.5" />
              {theme !== "light" && (
                <path
                  className="fill"
                  d={theme === "dark" ? "M8 2.5a5.5 5.5 0 0 1 0 11 5.5 5.5 0 0 1 0-11z" : "M8 2.5a5.5 5.5 0 0 1 0 11z"}
                />
              )}
            </svg>
          </button>
          <button
            type="button"
            className="tool mono"
            onClick={() => help.current?.showModal()}
            aria-label="Keyboard shortcuts"
            title="Keyboard shortcuts (?)"
          >
            ?
          </button>
        </div>
      </header>
      <Navigation path={path} />
      <main id="main" ref={main} tabIndex={-1} aria-labelledby="title">
        <Divergence />
        <Suspense
          fallback={
            <p className="empty" role="status">
              Loading…
            </p>
          }
        >
          <Guard key={path}>
            <Route path={path} />
          </Guard>
          <Arrival path={path} main={main} />
        </Suspense>
      </main>
      <DeskHeart />
      <footer className="foot">
        <span>
          {path.startsWith("/desk")
            ? "Your keys stay in this browser. What is asked of the indexer is what everyone asks."
            : "Public data only. Sealed values open with the auditor’s key, in this tab, and go nowhere."}
        </span>
        <span>
          <a href="/openapi.json">API</a> · Charts by{" "}
          <a href="https://www.tradingview.com/" rel="noreferrer noopener" target="_blank">
            TradingView Lightweight Charts™
          </a>
        </span>
      </footer>
      <Help box={help} />
      <Said />
    </div>
  );
}

function Route({ path }: { path: string }) {
  for (const [pattern, Found] of ROUTES) {
    const parts = match(pattern, path);
    if (parts) return <Found {...parts} />;
  }
  return (
    <Page title="Not found">
      <p className="empty">
        There is no page at {path}. <Link href="/">Go to the markets</Link>.
      </p>
    </Page>
  );
}

/** A page that breaks takes nothing else with it. */
class Guard extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override render() {
    if (!this.state.error) return this.props.children;
    return (
      <Page title="This page broke">
        <Problem error={this.state.error} />
      </Page>
    );
  }
}

/** Each new page begins at its top, and readers hear its heading, which names `main`: once it is there. */
function Arrival({ path, main }: { path: string; main: React.RefObject<HTMLElement | null> }) {
  const before = useRef(path);
  useEffect(() => {
    if (before.current === path) return;
    before.current = path;
    window.scrollTo(0, 0);
    main.current?.focus({ preventScroll: true });
  }, [path, main]);
  return null;
}

function Navigation({ path }: { path: string }) {
  const here = (place: string) => {
    if (place === "/") return path === "/" || path.startsWith("/markets");
    if (place === "/desk") return path === "/desk";
    if (place === "/transactions" && /^\/(tx|blocks)\//.test(path)) return true;
    return path === place || path.startsWith(`${place}/`);
  };
  const nav = useRef<HTMLElement>(null);
  useEffect(() => {
    nav.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [path]);
  const atDesk = path.startsWith("/desk");
  return (
    <nav className="side" aria-label="Pages" ref={nav}>
      <div className="side-groups">
        <Group name="Explorer" places={PLACES} on={!atDesk} here={here} />
        <Group name="Desk" places={DESK} on={atDesk} here={here} />
      </div>
    </nav>
  );
}

/** On a narrow screen only the group that is on shows, and the head of the other leads there. */
function Group({
  name,
  places,
  on,
  here,
}: {
  name: string;
  places: [key: string, path: string, name: string][];
  on: boolean;
  here: (place: string) => boolean;
}) {
  return (
    <section className={on ? "group on" : "group"} aria-label={name}>
      <h2 className="side-head">
        <Link href={places[0]![1]} tabIndex={on ? -1 : undefined}>
          {name}
        </Link>
      </h2>
      <ul>
        {places.map(([key, place, title]) => (
          <li key={place}>
            <Link href={place} aria-current={here(place) ? "page" : undefined}>
              {title}
              <kbd aria-hidden="true">g {key}</kbd>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}

function SearchBox({ box }: { box: React.RefObject<HTMLInputElement | null> }) {
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const text = box.current?.value.trim();
    if (text) navigate(`/search?q=${encodeURIComponent(text)}`);
  };
  return (
    <form className="search" role="search" onSubmit={submit}>
      <input
        ref={box}
        type="search"
        name="q"
        aria-label="Search by hash, epoch or address"
        placeholder="Hash, epoch (0/12) or address"
        autoComplete="off"
        spellCheck={false}
      />
      <kbd aria-hidden="true">/</kbd>
    </form>
  );
}

function Chain() {
  const { block, connection, status } = useLive();
  const say =
    status?.sync === "backfill"
      ? "catching up"
      : { live: "live", polling: "polling", connecting: "connecting" }[connection];
  return (
    <span className={`chain ${connection}`} title={status ? `Chain ${status.chain_id}, ${say}` : say}>
      <span className="pulse" aria-hidden="true" />
      <span className="unseen">{say}, </span>
      <span className="chain-word">block</span>
      <span className="mono">{block ?? "–"}</span>
    </span>
  );
}

function Divergence() {
  const { status } = useLive();
  if (!status?.divergence) return null;
  return (
    <div className="problem" role="alert">
      <strong>The indexer stopped: what it computed differs from the chain.</strong>
      <p>{status.divergence}</p>
    </div>
  );
}

function KeyChip() {
  const { point, forget } = useAuditor();
  if (!point) return null;
  return (
    <span className="key-chip">
      <Link href="/auditor">Auditor key</Link>
      <button type="button" onClick={forget} aria-label="Forget the auditor key">
        forget
      </button>
    </span>
  );
}

/** On every page but its own: the desk is unlocked, and how to lock it. */
function DeskChip({ path }: { path: string }) {
  const { open, lock } = useStore(presence);
  if (!open || path.startsWith("/desk")) return null;
  return (
    <span className="key-chip">
      <Link href="/desk">Desk</Link>
      <button type="button" onClick={lock} aria-label="Lock the desk">
        lock
      </button>
    </span>
  );
}

/** The desk goes on while another page is on show. */
function DeskHeart() {
  const { open } = useStore(presence);
  return open ? (
    <Suspense fallback={null}>
      <Heart />
    </Suspense>
  ) : null;
}

function Help({ box }: { box: React.RefObject<HTMLDialogElement | null> }) {
  const { on } = useStore(shortcuts);
  return (
    <dialog ref={box} aria-labelledby="help-title">
      <form method="dialog">
        <h2 id="help-title">Keyboard</h2>
        <dl className="keys">
          {[...[...PLACES, ...DESK].map(([key, , name]): [string, string] => [`g ${key}`, name]), ...OTHER_KEYS].map(
            ([key, name]) => (
              <div key={key}>
                <dt>
                  <kbd>{key}</kbd>
                </dt>
                <dd>{name}</dd>
              </div>
            ),
          )}
        </dl>
        <label className="keys-on">
          <input type="checkbox" checked={on} onChange={(event) => turnShortcuts(event.target.checked)} />
          <span>Use these keys</span>
        </label>
        <button type="submit">Close</button>
      </form>
    </dialog>
  );
}
