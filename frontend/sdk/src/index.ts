/** Shadowpool's SDK: what a wallet in Node or a browser is built of. */

export * from "./deployment";
export * from "./epochs";
export * from "./errors";
export * from "./types";
export * as calls from "./calls";
export * as claims from "./claims";
export * as babyjubjub from "./crypto/babyjubjub";
export * as field from "./crypto/field";
export { ShieldedKey } from "./crypto/keys";
export * as keys from "./crypto/keys";
export * as merkle from "./crypto/merkle";
export * as notes from "./crypto/notes";
export * as poseidon from "./crypto/poseidon";
export * as statement from "./crypto/statement";
export * as streams from "./crypto/streams";
export * from "./agent";
export * from "./wallet";
export { CarrierClient } from "./carrier/client";
export { Chain, HttpProvider } from "./ledger/chain";
export { KeptSource } from "./ledger/journal";
export { Ledger } from "./ledger/ledger";
export { IndexerSource, RpcSource, type Source } from "./ledger/source";
export type { Store } from "./store";
