/** States are counted as the contract counts them, in one place. */

import { expect, test } from "vitest";

import record from "../../../contracts/modules/epoch_record.vy?raw";
import * as shapes from "../../src/api/types";
import { ENDED, FORFEITS, STATES } from "./epochs";
import source from "./epochs.ts?raw";

test("they are the contract's", () => {
  const found = STATES.map((state) => new RegExp(`^${state.toUpperCase()}: constant\\(uint256\\) = (\\d+)$`, "m"));
  expect(found.map((line) => Number(line.exec(record)?.[1]))).toEqual(STATES.map((_, i) => i));
  expect([...FORFEITS, ...ENDED].every((state) => STATES.includes(state))).toBe(true);
});

test("the explorer has the same list, which brings nothing with it", () => {
  expect(shapes.STATES).toBe(STATES);
  expect(source).not.toMatch(/\bimport\b|\bfrom "/);
});
