/** What the ledger takes an epoch for, where no contract was asked. */

import { expect, test } from "vitest";

import type { Ledger } from "../ledger/ledger";
import type { EpochRecord, MarketTerms } from "../ledger/records";
import { seenState } from "./orders";

const TERMS = { startBlock: 10, commitBlocks: 10, freezeBlocks: 2, revealBlocks: 5, settleBlocks: 3 } as MarketTerms;
const EPOCH = { market: 0, epoch: 0, reveals: [{}] } as unknown as EpochRecord;

test("an epoch passes from state to state at the block that the contract names", () => {
  const at = (block: number) => seenState({ block, state: { markets: new Map([[0, TERMS]]) } } as Ledger, EPOCH);
  const states = {
    19: "commit",
    20: "frozen",
    21: "frozen",
    22: "reveal",
    27: "settling",
    29: "settling",
    30: "failed",
  };
  for (const [block, state] of Object.entries(states)) expect([block, at(Number(block))]).toEqual([block, state]);
});
