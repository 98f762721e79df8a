/** Epochs against blocks: where each stands now, and what comes when. */

import { ENDED } from "../../sdk/src/epochs";
import type { EpochSummary, State, Terms, Windows } from "../api/types";
import { away, grouped, phaseAt, windowsOf } from "../format";
import { Link } from "../router";
import { StateBadge } from "./parts";

const PHASES = ["commit", "frozen", "reveal", "settling"] as const;
type Phase = (typeof PHASES)[number];
const TEXT: Record<Phase, string> = { commit: "Commit", frozen: "Frozen", reveal: "Reveal", settling: "Settling" };
const OPEN_ROWS = 7;

/** Each phase's first block and the first after it. */
function spans(windows: Windows): [Phase, number, number][] {
  const { open, freeze, reveal, settle, deadline } = windows;
  return [
    ["commit", open, freeze],
    ["frozen", freeze, reveal],
    ["reveal", reveal, settle],
    ["settling", settle, deadline],
  ];
}

/** What an epoch's state is at a block, where no event has said otherwise. */
export function stateAt(summary: EpochSummary | undefined, windows: Windows, block: number): State {
  if (!summary) return "unopened";
  if (!["commit", "frozen", "reveal", "settling"].includes(summary.state)) return summary.state;
  const phase = phaseAt(windows, block);
  if (phase === "settling" && !summary.reveals) return "empty";
  return phase === "before" || phase === "past" ? summary.state : phase;
}

/** The epochs under way and next, one track each, on one scale of blocks. */
export function Pipeline({
  market,
  terms,
  block,
  epochs,
}: {
  market: number;
  terms: Terms;
  block: number;
  epochs: EpochSummary[];
}) {
  if (block < terms.start_block)
    return (
      <p className="empty">
        The market opens at block {grouped(terms.start_block)}, {away(terms.start_block, block, null)}.
      </p>
    );
  const current = Math.floor((block - terms.start_block) / terms.commit_blocks);
  const length = windowsOf(terms, 0).deadline - terms.start_block;
  const rows = Math.min(OPEN_ROWS, Math.ceil(length / terms.commit_blocks));
  const numbers = Array.from({ length: rows + 1 }, (_, i) => current + 1 - i).filter((epoch) => epoch >= 0);
  const from = windowsOf(terms, numbers.at(-1)!).open;
  const to = windowsOf(terms, current + 1).deadline;
  const place = (at: number) => `${((Math.min(Math.max(at, from), to) - from) / (to - from)) * 100}%`;
  const share = (first: number, last: number) => `${((last - first) / (to - from)) * 100}%`;
  return (
    <div className="pipeline">
      <ol>
        {numbers.map((epoch) => {
          const windows = windowsOf(terms, epoch);
          const summary = epochs.find((one) => one.market === market && one.epoch === epoch);
          const state = stateAt(summary, windows, block);
          return (
            <li key={epoch}>
              <Link href={`/epochs/${market}/${epoch}`} className="mono">
                <span className="unseen">Epoch </span>
                {epoch}
              </Link>
              <div className="track" aria-hidden="true">
                {spans(windows).map(([phase, first, last]) => (
                  <span
                    key={phase}
                    className={`span phase-${phase}${block >= first && block < last ? " on" : ""}${block >= last ? " over" : ""}`}
                    style={{ insetInlineStart: place(first), inlineSize: share(first, last) }}
                    title={`${TEXT[phase]} ${first}–${last - 1}`}
                  />
                ))}
                <span className="now" style={{ insetInlineStart: place(block) }} />
              </div>
              <span className="pipeline-say">
                {epoch > current ? <span className="quiet">next</span> : <StateBadge state={state} />}
                <span className="mono quiet tally">{summary ? `${summary.live}c ${summary.reveals}r` : "–"}</span>
              </span>
            </li>
          );
        })}
      </ol>
      <p className="scale mono" aria-hidden="true">
        <span>{from}</span>
        <span>block {block}</span>
        <span>{to}</span>
      </p>
      <ul className="legend">
        {PHASES.map((phase) => (
          <li key={phase}>
            <span className={`swatch phase-${phase}`} aria-hidden="true" />
            {TEXT[phase]}
          </li>
        ))}
        <li className="quiet">c commits, r reveals</li>
      </ul>
    </div>
  );
}

/** One epoch's way from commit to its end. */
export function Steps({
  epoch,
  state,
  block,
  blockSeconds,
}: {
  epoch: EpochSummary;
  state: State;
  block: number;
  blockSeconds: number | null;
}) {
  const { windows } = epoch;
  const ended = ENDED.includes(state);
  const end = epoch.settled_block ?? epoch.failed_block;
  const done = (last: number) => (ended && end !== null ? Math.min(last, end) : last) <= block;
  return (
    <ol className="steps">
      {spans(windows).map(([phase, first, last]) => {
        const on = !ended && block >= first && block < last;
        const part = Math.min(Math.max((block - first) / Math.max(last - first, 1), 0), 1);
        return (
          <li
            key={phase}
            className={on ? "on" : done(last) || (ended && block >= first) ? "done" : ""}
            aria-current={on ? "step" : undefined}
          >
            <span className="step-name">{TEXT[phase]}</span>
            <span className="mono quiet">
              {first}–{last - 1}
            </span>
            <span className="bar" aria-hidden="true">
              <span
                className={`phase-${phase}`}
                style={{ inlineSize: `${(ended && block >= first ? 1 : part) * 100}%` }}
              />
            </span>
            <span className="quiet">
              {on
                ? `ends ${away(last, block, blockSeconds)}`
                : block < first
                  ? away(first, block, blockSeconds)
                  : "over"}
            </span>
          </li>
        );
      })}
      <li className={ended ? "done" : ""} aria-current={ended ? "step" : undefined}>
        <span className="step-name">{ended ? <StateBadge state={state} /> : "Settled"}</span>
        <span className="mono quiet">{end === null ? `by ${windows.deadline - 1}` : `at ${end}`}</span>
        <span className="bar" aria-hidden="true">
          <span className={`state-${ended ? state : "unopened"}`} style={{ inlineSize: ended ? "100%" : 0 }} />
        </span>
        <span className="quiet">{ended ? "final" : "not yet"}</span>
      </li>
    </ol>
  );
}
