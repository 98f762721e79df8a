import { expect, test } from "vitest";

import { type Live, step } from "./api/live";
import { match } from "./router";
import { wordNames } from "./statements";

test("routes give their parts", () => {
  expect(match("/epochs/:market/:epoch", "/epochs/0/12")).toEqual({ market: "0", epoch: "12" });
  expect(match("/epochs", "/epochs/")).toEqual({});
  expect(match("/epochs/:market/:epoch", "/epochs/0")).toBeNull();
  expect(match("/tx/:hash", "/proofs/0xab")).toBeNull();
});

test("every circuit's statement has a name for each word", () => {
  const lengths = {
    transact: 16,
    commit: 23,
    reclaim: 18,
    advance: 67,
    print: 3,
    key: 3,
    settle_8: 34 + 88,
    settle_64: 34 + 704,
  };
  for (const [circuit, words] of Object.entries(lengths)) {
    const names = wordNames(circuit, words);
    expect([circuit, names.length]).toEqual([circuit, words]);
    expect(new Set(names).size).toBe(words);
  }
  expect(wordNames("settle_8", 122).at(-1)).toBe("slot 7 · audit word");
  expect(wordNames("other", 5)).toEqual([]);
});

test("the stream moves the head, and asks again only where something happened", () => {
  const start: Live = { block: 5, timestamp: 5, head: 6, status: null, connection: "polling", revision: 3 };
  const frame = { type: "block", cursor: "c", block: 6, block_hash: "0x", timestamp: 6, head: 7 } as const;
  expect(step(start, { ...frame, events: [] })).toMatchObject({ block: 6, head: 7, connection: "live", revision: 3 });
  const event = { contract: "Market", name: "Committed", tx: "0x", market: 0, epoch: 1 };
  expect(step(start, { ...frame, events: [event] }).revision).toBe(4);
  expect(step(start, { type: "rollback", cursor: "c", block: 4 })).toMatchObject({ block: 4, revision: 4 });
  expect(step(start, { type: "ping" })).toBe(start);
});
