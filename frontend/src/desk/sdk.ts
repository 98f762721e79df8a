/** All that the desk takes from the SDK, and the wallet that it opens with it. */

import type { ShieldedKey } from "../../sdk/src/crypto/keys";
import { KeptSource } from "../../sdk/src/ledger/journal";
import { IndexerSource } from "../../sdk/src/ledger/source";
import { BrowserProver } from "../../sdk/src/prover/browser";
import { IndexedDbStore } from "../../sdk/src/store/indexeddb";
import type { Deployment, Eip1193 } from "../../sdk/src/types";
import { Wallet } from "../../sdk/src/wallet";

export { AgentClient } from "../../sdk/src/agent";
export type { AgentOrder, AgentStatus, Quote } from "../../sdk/src/agent";
export { CarrierClient } from "../../sdk/src/carrier/client";
export { ShieldedKey, addressText } from "../../sdk/src/crypto/keys";
export { total } from "../../sdk/src/claims/material";
export { readDeployment } from "../../sdk/src/deployment";
export { pause } from "../../sdk/src/ledger/pause";
export type { Deployment, Hex, OwnedNote, Signer, Stage, Terms } from "../../sdk/src/types";
export { TIME_AHEAD } from "../../sdk/src/wallet/admission";
export { largestPair, worth } from "../../sdk/src/wallet/coins";
export { advantage } from "../../sdk/src/wallet/history";
export { isOpen } from "../../sdk/src/wallet/orders";
export { type Wallet, exportRows, readCredential, toCsv } from "../../sdk/src/wallet";
export type {
  Fate,
  Issued,
  Lock,
  Movement,
  OrderStatus,
  PlacedOrder,
  Receipt,
  Sender,
  Trade,
} from "../../sdk/src/wallet";

/** Proves in a worker, which the first proof starts; its files come from this page's own indexer. */
export const prover = new BrowserProver();

/**
 * The wallet of a key: a long way of the chain from what is kept of it here or this page's own indexer, the rest and all
 * checks from `provider`.
 */
export function openWallet(
  deployment: Deployment,
  key: ShieldedKey,
  provider: Eip1193,
  onProgress: (block: number, target: number) => void,
): Promise<Wallet> {
  return Wallet.open({
    deployment,
    key,
    provider,
    prover,
    source: new KeptSource(new IndexerSource(location.origin), new IndexedDbStore("shadowpool-chain")),
    onProgress,
  });
}
