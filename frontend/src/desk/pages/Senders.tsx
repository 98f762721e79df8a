import { useEffect, useState } from "react";

import { Choice } from "../parts";
import { agent } from "../agent";
import type { Hex, Sender } from "../sdk";
import { session, signerOf } from "../session";
import { type Settings, change, settings } from "../settings";
import { useStore } from "../store";
import { explain } from "../tasks";

export type Way = Settings["sender"];

/** Who sends what is private; `agents` where an agent may take it over. */
export function useWay(agents: boolean): { way: Way; sender: Sender | null; choice: React.ReactNode } {
  const state = useStore(session);
  const { sender: wanted, carrier } = useStore(settings);
  const { state: paired } = useStore(agent);
  const signer = signerOf(state);
  const possible: Record<Way, boolean> = {
    carrier: carrier !== "",
    account: signer !== null,
    agent: agents && paired === "running",
  };
  const order: Way[] = [wanted, "agent", "carrier", "account"];
  const way = order.find((one) => possible[one]) ?? "account";
  const choice = (
    <Choice
      legend="Who sends it"
      value={way}
      onChange={(sender) => change({ sender })}
      options={[
        ...(agents
          ? [
              {
                value: "agent" as const,
                name: "Your agent",
                note: possible.agent ? "Commits, reveals and reclaims, though this page is closed" : "None is paired",
                disabled: !possible.agent,
              },
            ]
          : []),
        {
          value: "carrier",
          name: "A carrier",
          note: possible.carrier ? <span className="mono">{carrier}</span> : "None is named in the settings",
          disabled: !possible.carrier,
        },
        {
          value: "account",
          name: "Your own account",
          note: "Everyone sees that it was you who sent this, though not what it says",
          disabled: !possible.account,
        },
      ]}
    />
  );
  return { way, sender: way === "carrier" ? carrier : way === "account" ? signer : null, choice };
}

interface Asked {
  fee: bigint | null;
  problem: string | null;
}

const ASK_AGAIN_MS = 5_000;

/**
 * What a sender asks for moving an asset, in base units: an account nothing, null while a carrier has not said, and
 * then why. What is shown must be what is paid: give it to the wallet, which pays a carrier nothing that it was not given.
 */
export function useFee(asset: string, sender: Sender | null): Asked {
  const { wallet } = useStore(session);
  const [found, setFound] = useState<(Asked & { at: string }) | null>(null);
  const carrier = typeof sender === "string" ? sender : null;
  const at = `${carrier} ${asset}`;
  useEffect(() => {
    if (!carrier || !wallet) return;
    let current = true;
    let timer = 0;
    const ask = () =>
      void wallet.feeOf(asset as Hex, { sender: carrier }).then(
        (fee) => current && setFound({ at, fee, problem: null }),
        (error: unknown) => {
          if (!current) return;
          setFound({ at, fee: null, problem: explain(error) });
          timer = window.setTimeout(ask, ASK_AGAIN_MS);
        },
      );
    ask();
    return () => {
      current = false;
      window.clearTimeout(timer);
    };
  }, [at, wallet]);
  if (!carrier) return { fee: 0n, problem: null };
  return found?.at === at ? found : { fee: null, problem: null };
}
