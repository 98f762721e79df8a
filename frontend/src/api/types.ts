/** Shapes of /v1, as the server writes them: big numbers are decimal text, small ones are numbers. */

import type { EpochState } from "../../sdk/src/epochs";

export { type EpochState as State, STATES } from "../../sdk/src/epochs";

export type Word = string;
export type PointWords = [Word, Word];

export interface List<T> {
  items: T[];
  next: string | null;
  block: number;
}

export interface Status {
  chain_id: number;
  pool: string;
  start_block: number;
  block: number;
  block_hash: string;
  block_timestamp: number;
  head: number;
  confirmations: number;
  sync: "backfill" | "live" | "stopped";
  divergence: string | null;
  block_seconds: number | null;
  counts: Record<
    | "markets"
    | "epochs"
    | "settled"
    | "orders"
    | "reveals"
    | "transactions"
    | "proofs"
    | "notes"
    | "nullifiers"
    | "relayers"
    | "credentials"
    | "prints",
    number
  >;
}

export interface Token {
  address: string;
  symbol: string | null;
  decimals: number | null;
}

export interface Terms {
  lot: Word;
  min_quantity: Word;
  fee_bps: number;
  bond_bps: number;
  jurisdictions: Word;
  tier: number;
  start_block: number;
  commit_blocks: number;
  freeze_blocks: number;
  reveal_blocks: number;
  settle_blocks: number;
  capacity: number;
  quota: number;
  split_bps: number;
  deferral: number;
  source: string;
  max_age: number;
  collar_bps: number;
}

export interface Print {
  market: number;
  epoch: number;
  price: Word;
  volume: Word;
  block: number;
  tx: string;
  timestamp: number;
}

export interface Market {
  market: number;
  base: Token;
  quote: Token;
  block: number;
  tx: string;
  terms: Terms;
  epoch: number | null;
  epochs: number;
  settled: number;
  failed: number;
  void: number;
  last_print: Omit<Print, "market" | "tx"> | null;
}

export interface Windows {
  open: number;
  freeze: number;
  reveal: number;
  settle: number;
  deadline: number;
}

export interface EpochSummary {
  market: number;
  epoch: number;
  state: EpochState;
  windows: Windows;
  leader: string | null;
  commits: number;
  live: number;
  reveals: number;
  capacity: number;
  invalid: number | null;
  reference: Word | null;
  void: boolean;
  settled_block: number | null;
  failed_block: number | null;
  slashed: Word | null;
  print_from: number | null;
  print: Omit<Print, "market" | "epoch"> | null;
}

export interface OrderRow {
  index: number;
  quota_nullifier: Word;
  oc: Word;
  rk: string;
  position: Word;
  block: number;
  tx: string;
  slot: number | null;
  reclaimed: { block: number; tx: string; cancelled: boolean; forfeit: boolean } | null;
}

export interface RevealRow {
  slot: number;
  quota_nullifier: Word;
  oc: Word;
  point: PointWords;
  ciphertext: Word[];
  block: number;
  tx: string;
}

export interface Settlement {
  block: number;
  tx: string;
  count: number;
  invalid_mask: Word;
  print_commitment: Word;
  audit_point: PointWords;
  audit: Word[];
  treasury_pad: Word;
  leader_cm: Word;
  treasury_cm: Word;
  position: Word;
  slots: [Word, Word][];
}

export interface Epoch extends EpochSummary {
  opened: { block: number; tx: string } | null;
  reveal_version: number | null;
  auditor_version: number | null;
  treasury_version: number | null;
  commit_chain: string;
  reveal_chain: string;
  orders: OrderRow[];
  reveal_list: RevealRow[];
  settlement: Settlement | null;
  transactions: { hash: string; block: number; timestamp: number; method: string | null }[];
}

export interface Transaction {
  hash: string;
  block: number;
  timestamp: number;
  index: number;
  from: string;
  to: string | null;
  contract: string | null;
  method: string | null;
  gas_used: number;
  status: number;
  circuit: string | null;
  market: number | null;
  epoch: number | null;
}

export type Argument = string | number | boolean | null | Argument[] | { [name: string]: Argument };

export interface TransactionDetail extends Transaction {
  block_hash: string;
  nonce: number;
  gas_price: Word;
  input_bytes: number;
  selector: string;
  events: { index: number; contract: string; name: string; args: Record<string, Argument> }[];
  proof: Proof | null;
  arguments: Record<string, Argument> | null;
}

interface ProofHead {
  tx: string;
  block: number;
  timestamp: number;
  circuit: string;
  digest: Word;
  verified: boolean;
  market: number | null;
  epoch: number | null;
}

export interface ProofSummary extends ProofHead {
  words: number;
}

export interface Proof extends ProofHead {
  words: Word[];
  proof: Word[];
  publics: Word[];
  circuit_id: string;
  verifier: string;
  chain_id: number;
  pool: string;
}

export interface Circuit {
  circuit: string;
  circuit_id: string;
  verifier: string;
  verification_key: Word[];
  proofs: number;
  words: number;
}

export interface Relayer {
  relayer: string;
  seat: number;
  bonded: Word;
  unbonding: Word;
  reserved: Word;
  withdraw_from: number | null;
  owner_word: Word;
  keys: number;
  last_key_block: number | null;
  led: number;
  settled: number;
  empty: number;
  failed: number;
  void: number;
  open: number;
  slashed: Word;
  registered_block: number;
}

export interface RelayerDetail extends Relayer {
  history: {
    block: number;
    tx: string;
    timestamp: number;
    event: string;
    amount: Word | null;
    market: number | null;
    epoch: number | null;
  }[];
  faults: { market: number; epoch: number; block: number; tx: string; amount: Word; caller: string }[];
}

export interface RelayerParameters {
  epoch_stake: Word;
  bounty: Word;
  unbonding_blocks: number;
  snapshot_lag: number;
  key_max_age: number;
  stake_token: Token;
}

export interface Credentials {
  ids: number;
  active: number;
  depth: number;
  root: Word;
  previous_root: Word | null;
  root_block: number;
  wallets: number;
  wallets_ever: number;
  successors: number;
  issuer: string;
  changes: { block: number; tx: string; timestamp: number; leaves: number; additive: boolean; root: Word }[];
}

export interface Keys {
  auditor: { version: number; account: string; point: PointWords; block: number; tx: string }[];
  treasury: {
    version: number;
    account: string;
    owner_word: Word;
    point: PointWords;
    block: number;
    tx: string;
  }[];
  reveal: { relayer: string; version: number; point: PointWords; block: number; tx: string }[];
}

export interface Contract {
  name: string;
  kind: "contract" | "verifier" | "token";
  address: string;
  code_hash: string;
  code_bytes: number;
  circuit: string | null;
  circuit_id: string | null;
}

export interface Governance {
  admin: string | null;
  delay: number | null;
  proposals: {
    id: number;
    target: string;
    target_name: string | null;
    method: string | null;
    state: "proposed" | "executed" | "cancelled";
    ready_block: number;
    block: number;
    tx: string;
    ended_block: number | null;
  }[];
}

export interface NotesSummary {
  leaves: Word;
  tree: number;
  root: Word;
  root_block: number | null;
  nullifiers: number;
  memos: number;
  totals: { token: Token; total: Word }[];
}

export interface Block {
  number: number;
  hash: string;
  parent: string;
  timestamp: number;
  transactions: Transaction[];
}

export interface SearchHit {
  kind: string;
  label: string;
  path: string;
}

export type Frame =
  | { type: "hello"; cursor: string; block: number; block_hash: string; timestamp: number; head: number }
  | {
      type: "block";
      cursor: string;
      block: number;
      block_hash: string;
      timestamp: number;
      head: number;
      events: { contract: string; name: string; tx: string; market: number | null; epoch: number | null }[];
    }
  | { type: "rollback"; cursor: string; block: number }
  | { type: "reset"; cursor: string }
  | { type: "status"; cursor: string; sync: Status["sync"]; divergence: string | null }
  | { type: "ping" };
