/** Parts that the desk's pages share: fields, choices, notices, and how far a task is. */

import { type ReactNode, useEffect, useId, useState } from "react";

import { grouped } from "../format";
import { Badge, TxLink } from "../ui/parts";
import type { Stage } from "./sdk";
import { useStore } from "./store";
import { type Task, cancel, cancellable, dismiss, tasks } from "./tasks";

export function Field({
  label,
  value,
  onChange,
  hint,
  problem,
  unit,
  type = "text",
  autoComplete = "off",
  disabled = false,
  numeric = false,
}: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  hint?: ReactNode;
  problem?: string | null;
  unit?: string;
  type?: "text" | "password" | "url";
  autoComplete?: string;
  disabled?: boolean;
  numeric?: boolean;
}) {
  const id = useId();
  const said = problem || hint;
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <div className="field-box">
        <input
          id={id}
          type={type}
          className={numeric ? "mono number" : undefined}
          inputMode={numeric ? "decimal" : undefined}
          value={value}
          disabled={disabled}
          autoComplete={autoComplete}
          spellCheck={false}
          aria-invalid={problem ? true : undefined}
          aria-describedby={said ? `${id}-said` : undefined}
          onChange={(event) => onChange(event.target.value)}
        />
        {unit && <span className="unit">{unit}</span>}
      </div>
      {said && (
        <p id={`${id}-said`} className={problem ? "said bad" : "said"}>
          {said}
        </p>
      )}
    </div>
  );
}

export function Choice<T extends string>({
  legend,
  value,
  onChange,
  options,
  row = false,
}: {
  legend: string;
  value: T;
  onChange: (value: T) => void;
  options: { value: T; name: string; note?: ReactNode; disabled?: boolean }[];
  row?: boolean;
}) {
  const name = useId();
  return (
    <fieldset className={row ? "choice row" : "choice"}>
      <legend>{legend}</legend>
      <div className="choice-options">
        {options.map((option) => (
          <label key={option.value} className={`option option-${option.value}`}>
            <input
              type="radio"
              name={name}
              checked={value === option.value}
              disabled={option.disabled}
              onChange={() => onChange(option.value)}
            />
            <span className="option-name">{option.name}</span>
            {option.note && <span className="option-note">{option.note}</span>}
          </label>
        ))}
      </div>
    </fieldset>
  );
}

export function Select({
  label,
  value,
  onChange,
  options,
}: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  options: [string, string][];
}) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => onChange(event.target.value)}>
        {options.map(([key, text]) => (
          <option key={key} value={key}>
            {text}
          </option>
        ))}
      </select>
    </div>
  );
}

export function Notice({ tone, children }: { tone: "warn" | "bad" | "calm"; children: ReactNode }) {
  return (
    <div className={`notice notice-${tone}`} role={tone === "bad" ? "alert" : undefined}>
      {children}
    </div>
  );
}

/** Now, in seconds, once a second. */
export function useNow(): number {
  const [now, setNow] = useState(() => Date.now() / 1000);
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now() / 1000), 1000);
    return () => window.clearInterval(timer);
  }, []);
  return now;
}

const STAGES: Record<Stage, [name: string, doing: string]> = {
  key: ["Key", "Loading the proving key; kept in this browser afterwards"],
  witness: ["Witness", "Computing what is proven"],
  proof: ["Proof", "Proving on this machine"],
  send: ["Send", "Confirm it in your wallet if it asks; then a block takes it in"],
};

/** Where the task stands; one for the whole desk, said aloud as it changes. */
export function TaskPanel() {
  const { current } = useStore(tasks);
  return (
    <div className="task-place" aria-live="polite">
      {current && <TaskCard task={current} />}
    </div>
  );
}

function TaskCard({ task }: { task: Task }) {
  const at = task.stages.indexOf(task.stage);
  return (
    <section className={`task task-${task.state}`} aria-label={task.title}>
      <div className="task-head">
        <span className="task-title">
          <strong>{task.title}</strong>
          <TaskState task={task} />
        </span>
        <span className="task-tools">
          {cancellable(task) && (
            <button type="button" onClick={cancel}>
              Cancel
            </button>
          )}
          {task.state !== "running" && (
            <button type="button" onClick={dismiss} aria-label="Close this message">
              Close
            </button>
          )}
        </span>
      </div>
      {task.state === "running" && (
        <ol className="task-stages">
          {task.stages.map((stage, i) => {
            const [over, on] = [i < at, i === at];
            return (
              <li key={stage} className={over ? "over" : on ? "on" : ""} aria-current={on ? "step" : undefined}>
                <span className="task-name">{STAGES[stage][0]}</span>
                <progress
                  aria-label={STAGES[stage][0]}
                  max={1}
                  {...(on && task.part === null ? {} : { value: over ? 1 : on ? task.part! : 0 })}
                />
              </li>
            );
          })}
        </ol>
      )}
      <p className={task.error ? "task-said bad" : "task-said"}>
        {task.state === "running" ? STAGES[task.stage][1] : <Outcome task={task} />}
      </p>
    </section>
  );
}

function TaskState({ task }: { task: Task }) {
  if (task.state === "running") return <Elapsed began={task.began} />;
  const seconds = `${((task.ended! - task.began) / 1000).toFixed(1)} s`;
  if (task.state === "done") return <Badge tone="good">done in {seconds}</Badge>;
  return <Badge tone={task.state === "failed" ? "bad" : "plain"}>{task.state}</Badge>;
}

/** Not said aloud, or a screen reader would count along. */
function Elapsed({ began }: { began: number }) {
  const now = useNow();
  return (
    <span className="mono quiet" aria-hidden="true">
      {Math.max(0, Math.floor(now - began / 1000))} s
    </span>
  );
}

function Outcome({ task }: { task: Task }) {
  const [sent, over] = [task.receipts.length > 0, task.state === "done"];
  return (
    <>
      {task.error}
      {task.state === "cancelled" && (sent ? "Nothing more was sent." : "Nothing was sent.")}
      {over && !sent && "Done."}
      {task.receipts.map((receipt) => (
        <span key={receipt.hash} className="task-receipt">
          In block {grouped(receipt.block)}: <TxLink hash={receipt.hash} />
          {receipt.proofSeconds > 0 && <span className="quiet"> proven in {receipt.proofSeconds.toFixed(1)} s</span>}
        </span>
      ))}
    </>
  );
}
