/** What an account holds outside the pool, as its own wallet's node says. */

import type { Connection } from "./connection";
import { type Hex, WalletError, ask } from "./eip1193";

const BALANCE_OF = "0x70a08231";

/** Base units of an ERC-20 token; WalletError where the node gives none. */
export async function balanceOf({ provider, address }: Connection, token: Hex): Promise<bigint> {
  const data = BALANCE_OF + address.slice(2).padStart(64, "0");
  const answer = await ask(provider, "eth_call", { to: token, data }, "latest");
  if (typeof answer !== "string" || !/^0x[0-9a-fA-F]{64}$/.test(answer))
    throw new WalletError(null, "The wallet's node gave no balance: check its connection.");
  return BigInt(answer);
}
