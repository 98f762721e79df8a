/** Sending a call by whoever was chosen for it. */

import { CarrierClient } from "../carrier/client";
import { asWord, checkRange } from "../crypto/field";
import { AMOUNT_LIMIT } from "../crypto/notes";
import { CarrierError } from "../errors";
import type { Chain, Inclusion } from "../ledger/chain";
import type { Call, Hex, Signer } from "../types";
import type { PaidOptions, Sender } from "./types";

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

/** What a transact pays its sender, who could ask for anything. */
export function feeTo(carrier: Carrier, asset: Hex, { fee }: PaidOptions): { fee: bigint; carrier: bigint } {
  const asked = fee === undefined ? carrier.fee(asset) : 0n;
  if (asked) throw new CarrierError(`the carrier asks for ${asked} units of ${asset}: agree by giving \`fee\``);
  const paid = checkRange(fee ?? 0n, 0n, AMOUNT_LIMIT, "fee");
  return { fee: paid, carrier: paid ? asWord(carrier.address) : 0n };
}

function account(chain: Chain, signer: Signer): Carrier {
  return { address: signer.address, fee: () => 0n, send: (call, stop) => chain.send(signer, call, stop) };
}
