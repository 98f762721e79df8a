/** Value into the pool and out of it. */

import { type FormEvent, useEffect, useState } from "react";

import type { Token } from "../../api/types";
import { tokenAmount, tokenName } from "../../format";
import { balanceOf } from "../../wallets/balance";
import { Choice, Field, Notice, Select } from "../parts";
import type { Hex } from "../sdk";
import { proveKey, session, signerOf, sync } from "../session";
import { useStore } from "../store";
import { PROVEN, explain, run, tasks } from "../tasks";
import { parseAmount } from "../units";
import { funding } from "../checks";
import { useFee, useWay } from "./Senders";

const ADDRESS = /^0x[0-9a-fA-F]{40}$/;

interface Entered {
  token: Token;
  amount: bigint | null;
  fields: (hint: string) => React.ReactNode;
  clear: () => void;
}

function useAmount(tokens: Token[], first = tokens[0]!): Entered {
  const [chosen, setChosen] = useState<string | null>(null);
  const [text, setText] = useState("");
  const token = tokens.find((one) => one.address === chosen) ?? first;
  const parsed = parseAmount(text, token);
  // An amount is of the asset it was typed for, whichever comes first once the chain is read again.
  const type = (typed: string) => {
    setChosen(token.address);
    setText(typed);
  };
  return {
    token,
    amount: "value" in parsed ? parsed.value : null,
    clear: () => setText(""),
    fields: (hint) => (
      <div className="pair">
        <Select
          label="Asset"
          value={token.address}
          onChange={setChosen}
          options={tokens.map((one) => [one.address, tokenName(one)])}
        />
        <Field
          label="Amount"
          value={text}
          onChange={type}
          unit={tokenName(token)}
          hint={hint}
          problem={"problem" in parsed ? parsed.problem : null}
          numeric
        />
      </div>
    ),
  };
}

/** What the connected account holds of a token; null while that is not known. */
function useHeld(token: Token): bigint | null {
  const { connection, view } = useStore(session);
  const [found, setFound] = useState<{ token: Token["address"]; units: bigint } | null>(null);
  useEffect(() => {
    let current = true;
    balanceOf(connection!, token.address as Hex).then(
      (units) => current && setFound({ token: token.address, units }),
      () => current && setFound(null),
    );
    return () => void (current = false);
  }, [connection, token.address, view?.block]);
  return found?.token === token.address ? found.units : null;
}

export function Deposit({ tokens }: { tokens: Token[] }) {
  const state = useStore(session);
  const { current } = useStore(tasks);
  const [halves, setHalves] = useState<"one" | "two">("two");
  const [problem, setProblem] = useState<string | null>(null);
  const { token, amount, fields, clear } = useAmount(tokens);
  const held = useHeld(token);
  const short = held !== null && amount !== null && amount > held;
  const signer = signerOf(state);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setProblem(null);
    try {
      if (!state.proven) await proveKey();
    } catch (error) {
      return setProblem(explain(error));
    }
    const notes = halves === "two" ? 2 : 1;
    const done = await run(`Deposit ${tokenAmount(amount!, token)} ${tokenName(token)}`, PROVEN, (progress) =>
      state.wallet!.deposit(token.address as Hex, amount!, { sender: signer!, notes, ...progress }),
    );
    if (done) clear();
    await sync();
  };
  return (
    <form className="card form" aria-label="Deposit" onSubmit={(event) => void submit(event)}>
      {fields(held === null ? "From your account" : `${tokenAmount(held, token)} ${tokenName(token)} in your account`)}
      {short && <p className="said bad">Your account does not hold that much.</p>}
      <Choice
        legend="As"
        row
        value={halves}
        onChange={setHalves}
        options={[
          { value: "two", name: "Two halves", note: "pay for two orders at once" },
          { value: "one", name: "One note" },
        ]}
      />
      {!state.proven && (
        <Notice tone="calm">
          This key is new. Your wallet signs once more first, so that we know that it gives the same key each time.
        </Notice>
      )}
      {problem && <Notice tone="bad">{problem}</Notice>}
      <div className="actions">
        <button
          type="submit"
          className="primary"
          disabled={!signer || amount === null || short || current?.state === "running"}
        >
          Deposit
        </button>
        <span className="note">Your wallet asks to approve the token, then to deposit.</span>
      </div>
    </form>
  );
}

export function Withdraw({ tokens }: { tokens: Token[] }) {
  const state = useStore(session);
  const { current } = useStore(tasks);
  const [typed, setRecipient] = useState<string | null>(null);
  const { view } = state;
  const recipient = typed ?? state.connection?.address ?? "";
  const { sender, choice } = useWay(false);
  const usable = (one: Token) => funding(view!.notes, one.address, 0n).usable;
  const { token, amount, fields, clear } = useAmount(tokens, tokens.find(usable));
  const { fee, problem } = useFee(token.address, sender);
  const funded = amount === null ? null : funding(view!.notes, token.address, amount + (fee ?? 0n)).state;
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const done = await run(`Withdraw ${tokenAmount(amount!, token)} ${tokenName(token)}`, PROVEN, (progress) =>
      state.wallet!.withdraw(token.address as Hex, amount!, recipient as Hex, {
        sender: sender!,
        fee: fee!,
        ...progress,
      }),
    );
    if (done) clear();
    await sync();
  };
  const ready = sender && fee !== null && funded === "covered" && ADDRESS.test(recipient);
  return (
    <form className="card form" aria-label="Withdraw" onSubmit={(event) => void submit(event)}>
      {fields(`${tokenAmount(usable(token), token)} ${tokenName(token)} spendable`)}
      {funded !== null && funded !== "covered" && <p className="said bad">{WHY[funded]}</p>}
      <Field
        label="To"
        value={recipient}
        onChange={setRecipient}
        hint="An admitted account: yours, or its successor"
        problem={ADDRESS.test(recipient) ? null : "An address is needed: 0x and 40 hexadecimal digits."}
      />
      {choice}
      {problem && <p className="said bad">{problem}</p>}
      <div className="actions">
        <button type="submit" className="primary" disabled={!ready || current?.state === "running"}>
          Withdraw
        </button>
        {fee !== null && fee > 0n && (
          <span className="note">
            and {tokenAmount(fee, token)} {tokenName(token)} to the carrier
          </span>
        )}
      </div>
    </form>
  );
}

const WHY = {
  join: "No two notes cover it: join notes first.",
  waits: "Some of it waits for the tree: 16 blocks at most.",
  short: "You do not hold that much.",
};
