/** The choice of notes: the smallest sum of one or two that suffices. */

import { expect, test } from "vitest";

import { InsufficientFunds, NeedsConsolidation, NotSpendableYet } from "../errors";
import type { OwnedNote } from "../types";
import { choose, largestPair, worth } from "./coins";

function notes(...amounts: number[]): OwnedNote[] {
  return amounts.map((amount, position) => {
    const note = { asset: 1n, amount: BigInt(Math.abs(amount)), owner: 2n, blinding: 3n };
    return { note, position, nullifier: BigInt(position), spent: false, advanced: amount > 0 };
  });
}

test.each([
  [[5, 9, 3], 4, [5]],
  [[5, 9, 3], 8, [3, 5]],
  [[5, 9, 3], 9, [9]],
  [[5, 9, 3], 13, [5, 9]],
  [[5, 9, -8], 14, [5, 9]],
])("%j for %i", (amounts, amount, chosen) => {
  expect(choose(notes(...amounts), BigInt(amount)).map((own) => Number(own.note.amount))).toEqual(chosen);
});

test("no other one or two do with less", () => {
  for (let seed = 1; seed < 60; seed++) {
    const amounts = Array.from({ length: 6 }, (_, i) => 1 + ((seed * 7919 * (i + 3)) % 40));
    const wanted = 1 + ((seed * 31) % 60);
    const sums = amounts.flatMap((one, i) => [one, ...amounts.slice(i + 1).map((other) => one + other)]);
    const best = Math.min(...sums.filter((sum) => sum >= wanted));
    if (best === Infinity) expect(() => choose(notes(...amounts), BigInt(wanted))).toThrow(InsufficientFunds);
    else expect(Number(worth(choose(notes(...amounts), BigInt(wanted))))).toBe(best);
  }
});

test.each([
  [[4, 4, 4], NeedsConsolidation],
  [[4, -8], NotSpendableYet],
  [[4, -4], InsufficientFunds],
])("%j do not cover 10", (amounts, kind) => {
  expect(() => choose(notes(...amounts), 10n)).toThrow(kind);
});

test("a proof spends the two largest notes of an advanced root at most", () => {
  const held = notes(3, 9, 4);
  expect(largestPair(held)).toBe(13n);
  expect(largestPair(held.map((own) => ({ ...own, advanced: own.note.amount < 9n })))).toBe(7n);
  expect([largestPair([]), worth(held)]).toEqual([0n, 16n]);
});
