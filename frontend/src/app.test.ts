import { expect, test, vi } from "vitest";

import { type Live, cursorAfter, step } from "./api/live";
import { change, settings } from "./desk/settings";
import { recall } from "./kept";
import { match } from "./router";
import { wordNames } from "./statements";
import { shortcuts, turnShortcuts } from "./ui/keyboard";

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

test("a stream taken up again goes on from what was told, not from where its greeting says it is", () => {
  const hello = { type: "hello", cursor: "9", block: 9, block_hash: "0x", timestamp: 9, head: 9 } as const;
  expect(cursorAfter(null, hello)).toBe("9");
  expect(cursorAfter("5", hello)).toBe("5");
  expect(cursorAfter("5", { type: "rollback", cursor: "6", block: 4 })).toBe("6");
  expect(cursorAfter("6", { type: "ping" })).toBe("6");
});

test("what a browser does not keep holds for the page", () => {
  const refuse = () => {
    throw new DOMException("no", "SecurityError");
  };
  vi.stubGlobal("localStorage", { getItem: refuse, setItem: refuse, removeItem: refuse });
  change({ lockAfter: 60 });
  turnShortcuts(false);
  expect([settings.get().lockAfter, shortcuts.get().on, recall("theme")]).toEqual([60, false, null]);
  vi.unstubAllGlobals();
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
