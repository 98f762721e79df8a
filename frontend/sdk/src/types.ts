/**
 * What the SDK's parts share. Amounts are base units, quantities lots, prices quote units a lot; assets and
 * accounts inside proofs are words (an address as a number), and addresses elsewhere.
 */

export type Hex = `0x${string}`;

/** A point of Baby Jubjub: x, y. */
export type Point = readonly [bigint, bigint];

/** 8 words: point, five sealed words, MAC. */
export type Memo = readonly bigint[];

/** A call that any account can send; `data` begins with the function's selector. */
export interface Call {
  to: Hex;
  data: Hex;
  value: bigint;
  name: string;
}

/** EIP-1193. */
export interface Eip1193 {
  request(args: { method: string; params?: unknown[] }): Promise<unknown>;
}

/** A provider with the account that it signs and sends for. */
export interface Signer extends Eip1193 {
  address: Hex;
}

/** 0 buys, 1 sells. */
export type Side = 0 | 1;

export interface Terms {
  side: Side;
  quantity: bigint;
  price: bigint;
}

/** A claim of `amount` of `asset` in the pool. */
export interface Note {
  asset: bigint;
  amount: bigint;
  owner: bigint;
  blinding: bigint;
}

/** A note of the wallet's key with its place: it can be spent once it is `advanced`, unless `spent`. */
export interface OwnedNote {
  note: Note;
  position: number;
  nullifier: bigint;
  spent: boolean;
  advanced: boolean;
}

/** An order as its commitment fixes it; `market` and `epoch` are words. */
export interface Order {
  market: bigint;
  epoch: bigint;
  terms: Terms;
  owner: bigint;
  credentialId: bigint;
  salt: bigint;
}

/** What a reveal encrypts: terms word, owner, credential id, salt. */
export type Opening = readonly [bigint, bigint, bigint, bigint];

/** What a reveal puts on chain. */
export interface Reveal {
  oc: bigint;
  point: Point;
  ciphertext: bigint[];
}

/** What the issuer says of an owner; `expiry` in Unix seconds. */
export interface Credential {
  owner: bigint;
  jurisdiction: bigint;
  tier: bigint;
  expiry: bigint;
}

/** A market's terms as circuits see them; `jurisdictions` has bit i set where i is admitted. */
export interface Rules {
  market: bigint;
  base: bigint;
  quote: bigint;
  lot: bigint;
  minQuantity: bigint;
  feeBps: bigint;
  bondBps: bigint;
  jurisdictions: bigint;
  tier: bigint;
  quota: bigint;
}

/** A note with its path: the input of a proof that spends. `root` is one of its tree's. */
export interface Spendable {
  note: Note;
  position: number;
  root: bigint;
  siblings: bigint[];
}

/** Where a note can be sent: the owner word and the viewing public key. */
export interface Address {
  owner: bigint;
  viewing: Point;
}

export interface Verifier {
  address: Hex;
  circuitId: Hex;
}

export interface Token {
  address: Hex;
  decimals: number;
}

/** Contracts by name, verifiers by circuit, tokens by symbol (`readDeployment` makes one from its JSON). */
export interface Deployment {
  chainId: bigint;
  startBlock: number;
  contracts: Record<string, Hex>;
  verifiers: Record<string, Verifier>;
  tokens: Record<string, Token>;
}

export type Circuit = "transact" | "commit" | "reclaim";

/** Signal values by name, as circom's witness calculator takes them. */
export type Inputs = Record<string, bigint | readonly bigint[] | readonly (readonly bigint[])[]>;

/**
 * What a claim proves: the statement's words in the order of protocol §7, the signals but the three public
 * ones, and the memos that go with it.
 */
export interface Assembly {
  circuit: Circuit;
  inputs: Inputs;
  statement: bigint[];
  memos: Memo[];
}

/** The three public inputs of a proof. */
export interface Statement {
  digest: bigint;
  challenge: bigint;
  evaluation: bigint;
}

/** `words` are the 8 that a verifier takes, `publicSignals` digest, challenge and evaluation. */
export interface Proof {
  words: bigint[];
  publicSignals: bigint[];
}

export type Stage = "key" | "witness" | "proof" | "send";

export interface ProveOptions {
  /** `part` is from 0 to 1, of the stage. */
  onStage?(stage: Stage, part?: number): void;
  signal?: AbortSignal;
}

/**
 * `inputs` name all signals, the three public ones included (`prove` in claims adds them). Its files are anybody's:
 * it MUST refuse, before it reads the inputs, to prove with a key of another id than `circuitId`.
 */
export interface Prover {
  prove(circuit: Circuit, circuitId: Hex, inputs: Inputs, options?: ProveOptions): Promise<Proof>;
  warm(circuit: Circuit): Promise<void>;
}
