/** The one signature that a shielded key comes from (EIP-712). */

import { type ShieldedKey, checkSigner, fromSignature, keyDigest, keyTypedData } from "../../sdk/src/crypto/keys";
import type { Deployment } from "../../sdk/src/types";
import type { Connection } from "./connection";
import { WalletError, ask } from "./eip1193";

/** The shielded key of the connected account. Whoever has the signature has the key, so nothing keeps it. */
export async function signKey(
  { provider, address }: Connection,
  { chainId, contracts }: Deployment,
): Promise<ShieldedKey> {
  const pool = contracts.Pool!;
  const typed = JSON.stringify(keyTypedData(chainId, pool));
  const answer = await ask(provider, "eth_signTypedData_v4", address, typed);
  if (typeof answer !== "string" || !/^0x[0-9a-fA-F]{130}$/.test(answer))
    throw new WalletError(null, "This wallet's signature has not 65 bytes: a contract's wallet cannot be used here.");
  const signature = Uint8Array.from(answer.slice(2).match(/../g)!, (byte) => parseInt(byte, 16));
  checkSigner(signature, keyDigest(chainId, pool), address);
  return fromSignature(signature, chainId, pool);
}
