/** What the wallet takes and gives. Assets are checksummed addresses, amounts base units. */

import type { ShieldedKey } from "../crypto/keys";
import type { EpochState } from "../epochs";
import type { Progress } from "../ledger/ledger";
import type { Windows } from "../ledger/records";
import type { Source } from "../ledger/source";
import type { Credential, Deployment, Eip1193, Hex, Prover, Signer, Stage, Terms } from "../types";

/** The base URL of a carrier's service: https, or http to this machine or an onion service. */
export type CarrierUrl = string;

/** Who sends what is private: an account of one's own, or a carrier's service. */
export type Sender = Signer | CarrierUrl;

export interface WalletOptions {
  deployment: Deployment;
  key: ShieldedKey;
  source: Source;
  prover: Prover;
  provider: Eip1193;
  /** Blocks between the head and what is acted on. */
  depth?: number;
  /** How often the node is asked for a transaction. */
  pollMs?: number;
  onProgress?: Progress;
  /** Told how many memos were tried, of how many new ones. */
  onScan?: (done: number, of: number) => void;
}

/** An order on chain, and what brought it there. */
export interface Committed {
  placed: PlacedOrder;
  receipt: Receipt;
}

export interface ActOptions {
  sender: Sender;
  /** Told where the action stands; `part` is from 0 to 1, of the stage. */
  onStage?: (stage: Stage, part?: number) => void;
  /** Told of each transaction that a block took in, an approval's too: also where the action then fails or is ended. */
  onReceipt?: (receipt: Receipt) => void;
  signal?: AbortSignal;
}

export interface DepositOptions extends ActOptions {
  /** A deposit shows whose it is, so that an account sends it. */
  sender: Signer;
  /** One note, or two halves, which can pay for two orders at once. */
  notes?: 1 | 2;
}

export interface PaidOptions extends ActOptions {
  /** What the sender is paid, of the same asset; nothing by default, so that what a carrier asks (`feeOf`) is agreed to. */
  fee?: bigint;
}

export interface CommitOptions extends ActOptions {
  /** By default the one whose window is open. */
  epoch?: number;
}

/** A credential as its holder keeps it; `readCredential` makes one of the issuer's file. */
export interface Issued {
  id: number;
  credential: Credential;
}

/** A transaction that a block holds; seconds from sending to inclusion. */
export interface Receipt {
  name: string;
  hash: Hex;
  block: number;
  gas: bigint;
  seconds: number;
  proofSeconds: number;
}

/** An order that its owner made: `index` is its place in the owner's quota, `rk` who alone may reveal it. */
export interface PlacedOrder {
  market: number;
  epoch: number;
  terms: Terms;
  credentialId: number;
  salt: bigint;
  index: number;
  quotaNullifier: bigint;
  rk: Hex;
}

/**
 * committed, cancelled; revealed; filled: settled, even if with no lots; invalid: settled, but shown not to open
 * its commitment; unrevealed: the epoch ended without it; refundable: the epoch failed or is void; reclaimed.
 */
export type Fate =
  "committed" | "cancelled" | "revealed" | "filled" | "invalid" | "unrevealed" | "refundable" | "reclaimed";

export interface OrderStatus {
  placed: PlacedOrder;
  epochState: EpochState;
  fate: Fate;
  /** Lots, and quote units a lot; null unless filled. */
  fill: bigint | null;
  price: bigint | null;
  /** Fixed at the freeze; null before. */
  reference: bigint | null;
  /** In units of the asset locked; null unless cancelled or reclaimed. */
  forfeited: bigint | null;
  /** A cancel before the freeze, a reclaim after the end. */
  reclaimable: boolean;
  /** What it locks, or locked. */
  lock: Lock;
  /** Blocks of the commit, the reveal and the reclaim. */
  blocks: { commit: number; reveal: number | null; reclaim: number | null };
}

/** The worst case of an order: `fee` is within `lock`, `bond` is what of it would be forfeited. */
export interface Lock {
  asset: Hex;
  lock: bigint;
  fee: bigint;
  bond: bigint;
}

export type MovementKind = "deposit" | "withdrawal" | "sent" | "received" | "joined" | "fill" | "forfeit";

/** A change of what the key holds; amounts in base units, signed as they change the balance. */
export interface Movement {
  kind: MovementKind;
  block: number;
  transaction: Hex;
  asset: Hex;
  amount: bigint;
  /** To a carrier, or for a trade; within `amount` for the former, in quote units for the latter. */
  fee: bigint;
  /** The account that paid or was paid. */
  account: Hex | null;
  trade: Trade | null;
}

/** A fill's terms. Improvements are quote units over the whole fill, positive where the trader did better. */
export interface Trade {
  market: number;
  epoch: number;
  terms: Terms;
  fill: bigint;
  price: bigint;
  reference: bigint;
  againstReference: bigint;
  againstLimit: bigint;
  base: bigint;
  quote: bigint;
}

/** A market, and where it stands at the chain's head. */
export interface MarketView {
  id: number;
  base: Hex;
  quote: Hex;
  lot: bigint;
  minQuantity: bigint;
  feeBps: bigint;
  bondBps: bigint;
  quota: number;
  capacity: number;
  head: number;
  /** The epoch whose commit window holds the head; null before the first. */
  epoch: number | null;
  windows: Windows | null;
  /** The last reference fixed in any epoch, and the last print. */
  reference: bigint | null;
  printed: { epoch: number; price: bigint; volume: bigint } | null;
}

export type { EpochState, Windows };
