/** Sending a call by whoever was chosen for it. */

import { CarrierClient } from "../carrier/client";
import type { Chain, Inclusion } from "../ledger/chain";
import type { Call, Hex, Signer } from "../types";
import type { Sender } from "./types";

/** A sender that was reached: whom a fee names, what it asks by default, and how it sends. */
export interface Carrier {
  address: Hex;
  fee(asset: Hex): bigint;
  send(call: Call, signal?: AbortSignal): Promise<Inclusion>;
}

/** CarrierError if the service does not answer, or is of another pool. */
export async function reach(chain: Chain, sender: Sender, signal?: AbortSignal): Promise<Carrier> {
  if (typeof sender !== "string") return account(chain, sender);
  const client = await CarrierClient.open(sender, chain.deployment, signal);
  return {
    address: client.address,
    fee: (asset) => client.fee(asset),
    send: (call, stop) => client.carry(chain, call, stop),
  };
}

function account(chain: Chain, signer: Signer): Carrier {
  return { address: signer.address, fee: () => 0n, send: (call, stop) => chain.send(signer, call, stop) };
}
