/** The wallet: what it holds, and every action on it. */

export { readCredential } from "./credential";
export { exportRows, toCsv } from "./history";
export { Wallet } from "./wallet";
export type * from "./types";
