import { expect, test } from "vitest";

import type { Terms } from "./api/types";
import { away, boundaries, decimal, grouped, phaseAt, price, quantity, windowsOf } from "./format";

const pair = {
  base: { address: "0x1", symbol: "BTC", decimals: 8 },
  quote: { address: "0x2", symbol: "USD", decimals: 6 },
  lot: 1000n,
};
const terms = { start_block: 100, commit_blocks: 30, freeze_blocks: 6, reveal_blocks: 20, settle_blocks: 30 } as Terms;

test("numbers keep every digit", () => {
  expect(grouped(2n ** 128n)).toBe("340,282,366,920,938,463,463,374,607,431,768,211,456");
  expect(decimal(123456789n, 8)).toBe("1.23456789");
  expect(decimal(100000000n, 8, 2)).toBe("1.00");
  expect(decimal(-5n, 1)).toBe("−0.5");
  expect(decimal(7n, 0)).toBe("7");
});

test("prices and quantities are in whole tokens", () => {
  expect(price(625_000n, pair)).toBe("62,500.00");
  expect(price(1n, { ...pair, lot: 3n })).toBe("33.333333");
  expect(quantity(70_000n, pair)).toBe("0.7");
  expect(price(5n, { ...pair, base: { ...pair.base, decimals: null } })).toBe("5");
});

test("windows are half-open", () => {
  const windows = windowsOf(terms, 2);
  expect(windows).toEqual({ open: 160, freeze: 190, reveal: 196, settle: 216, deadline: 246 });
  expect([159, 160, 189, 190, 196, 216, 245, 246].map((block) => phaseAt(windows, block))).toEqual([
    "before",
    "commit",
    "commit",
    "frozen",
    "reveal",
    "settling",
    "settling",
    "past",
  ]);
});

test("the boundaries passed change exactly where a state may", () => {
  for (let block = 101; block < 400; block++) {
    const changes = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].some(
      (epoch) => phaseAt(windowsOf(terms, epoch), block) !== phaseAt(windowsOf(terms, epoch), block - 1),
    );
    expect(boundaries(terms, block) > boundaries(terms, block - 1)).toBe(changes);
  }
});

test("distances say their direction", () => {
  expect(away(12, 10, 1.5)).toBe("in 2 blocks (≈ 3 s)");
  expect(away(9, 10, null)).toBe("1 block ago");
  expect(away(10, 10, 1)).toBe("now");
});
