/** The wallet: what it holds, and every action on it. */

export { readCredential } from "./credential";
export { exportRows, toCsv } from "./history";
export { type Committed, Wallet, type WalletOptions } from "./wallet";
export type * from "./types";
