/** States of an epoch (protocol §5). It needs no other module, so that a page that shows one loads nothing else. */

/** As `Market.state` counts them. */
export const STATES = [
  "unopened",
  "commit",
  "frozen",
  "reveal",
  "settling",
  "settled",
  "empty",
  "failed",
  "void",
] as const;
export type EpochState = (typeof STATES)[number];

/** Ends of an epoch in which an order that it did not take in forfeits its bond. */
export const FORFEITS: readonly EpochState[] = ["settled", "empty"];
export const ENDED: readonly EpochState[] = [...FORFEITS, "failed", "void"];
