import { expect, test, vi } from "vitest";

import type { Market } from "../api/types";
import { pairOf } from "../format";
import { checkOrder, epochNow, type Facts, funding, passes, revealable, stranger, works } from "./checks";
import { improvement } from "./pages/improvement";
import type { AgentStatus, OrderStatus, OwnedNote } from "./sdk";
import { checked, urlProblem } from "./settings";
import { exactPrice, parseAmount, parsePrice, parseQuantity } from "./units";

vi.mock("./sdk", async () => ({
  ...(await vi.importActual<object>("../../sdk/src/wallet/admission")),
  ...(await vi.importActual<object>("../../sdk/src/wallet/coins")),
  ...(await vi.importActual<object>("../../sdk/src/wallet/history")),
}));

const BTC = { address: `0x${"b".repeat(40)}`, symbol: "BTC", decimals: 8 };
const USD = { address: `0x${"d".repeat(40)}`, symbol: "USD", decimals: 6 };
const MARKET = {
  market: 0,
  base: BTC,
  quote: USD,
  terms: {
    lot: "1000",
    min_quantity: "2",
    fee_bps: 10,
    bond_bps: 500,
    jurisdictions: String(1n << 57n),
    tier: 2,
    start_block: 100,
    commit_blocks: 60,
    freeze_blocks: 3,
    reveal_blocks: 20,
    settle_blocks: 20,
    capacity: 8,
    quota: 2,
    collar_bps: 5000,
  },
} as unknown as Market;
const PAIR = pairOf(MARKET);

test("what people type becomes exact integers, or says why not", () => {
  expect(parseAmount("1,234.5", USD)).toEqual({ value: 1_234_500_000n });
  expect(parseAmount("0.0000001", USD)).toHaveProperty("problem");
  expect(parseAmount("0", USD)).toHaveProperty("problem");
  expect(parseAmount("-1", USD)).toHaveProperty("problem");
  expect(parseAmount("1e3", USD)).toHaveProperty("problem");
  expect(parseAmount("9".repeat(39), USD)).toHaveProperty("problem");
  expect(parseQuantity("0.00006", PAIR)).toEqual({ value: 6n });
  expect(parseQuantity("0.000065", PAIR)).toMatchObject({ problem: expect.stringContaining("0.00001 BTC") });
  expect(parsePrice("52.00", PAIR)).toEqual({ value: 520n });
  expect(parsePrice("52.04", PAIR)).toMatchObject({ problem: expect.stringContaining("52.00 and 52.10") });
  expect(parsePrice("", PAIR)).toEqual({ problem: "" });
  expect(parsePrice("9".repeat(30), PAIR)).toHaveProperty("problem");
});

test.each(["0,5", "1,500", "1,50.5", "1,5000.0", "0,500.0", "1.500,25", ",5"])(
  "the comma of %s is not guessed at",
  (text) => {
    expect(parseAmount(text, USD)).toEqual({ problem: "Use a point before the decimals." });
  },
);

test("a reveal is due by the head, once the ledger holds the frozen set", () => {
  const windows = { freeze: 160, reveal: 163, settle: 183 };
  expect(revealable(windows, 160, 165)).toBe(true);
  expect(revealable(windows, 159, 164)).toBe(false);
  expect(revealable(windows, 161, 162)).toBe(false);
  expect(revealable(windows, 161, 163)).toBe(true);
  expect(revealable(windows, 176, 181)).toBe(true);
  expect(revealable(windows, 177, 182)).toBe(false);
});

test("an agent is of this very key, pool and chain", () => {
  const own = { chainId: 1, pool: "0xAb", address: "1.2.3" };
  const status = { ...own, pool: "0xab" } as unknown as AgentStatus;
  expect(stranger(status, own)).toBeNull();
  expect(stranger({ ...status, chainId: 2 }, own)).toContain("chain 2");
  expect(stranger({ ...status, pool: "0xac" }, own)).toContain("pool");
  expect(stranger({ ...status, address: "1.2.4" }, own)).toContain("another key");
});

test("a price as text is what it came from", () => {
  for (const ticks of [1n, 520n, 123_456_789_123n])
    expect(parsePrice(exactPrice(ticks, PAIR), PAIR)).toEqual({ value: ticks });
  const odd = { ...PAIR, lot: 3n };
  expect(exactPrice(1n, { ...odd, base: { ...BTC, decimals: 0 } })).toMatch(/^0\.\d+$/);
});

const note = (amount: bigint, advanced = true, spent = false): OwnedNote => ({
  note: { asset: BigInt(USD.address), amount, owner: 1n, blinding: 0n },
  position: 0,
  nullifier: amount,
  spent,
  advanced,
});

test("two notes pay at most: else they are joined, waited for, or missed", () => {
  const held = [note(5n), note(4n), note(3n), note(100n, true, true)];
  expect(funding(held, USD.address, 9n).state).toBe("covered");
  expect(funding(held, USD.address, 10n).state).toBe("join");
  expect(funding([...held, note(50n, false)], USD.address, 60n).state).toBe("waits");
  expect(funding(held, USD.address, 13n).state).toBe("short");
  expect(funding(held, BTC.address, 1n).state).toBe("short");
});

const FACTS: Facts = {
  market: MARKET,
  terms: { side: 0, quantity: 6n, price: 520n },
  lock: { asset: USD.address as `0x${string}`, lock: 3123n, fee: 3n, bond: 156n },
  block: 110,
  time: 1_000,
  blockSeconds: 2,
  owner: 1n,
  issued: { id: 4, credential: { owner: 1n, jurisdiction: 57n, tier: 2n, expiry: 10_000n } },
  notes: [note(4000n)],
  orders: [],
  live: 3,
  reference: 500n,
  agent: "running",
};

test("an order that nothing speaks against passes", () => {
  expect(checkOrder(FACTS).map(({ state }) => state)).toEqual(Array(7).fill("good"));
  expect(passes(checkOrder({ ...FACTS, agent: "none" }))).toBe(true);
  expect(passes(checkOrder({ ...FACTS, terms: null, lock: null }))).toBe(false);
});

const mine = { placed: { market: 0, epoch: 0 } } as OrderStatus;
const issued = FACTS.issued!;
test.each<[string, Partial<Facts>]>([
  ["Credential", { issued: null }],
  ["Credential", { owner: 2n }],
  ["Credential", { time: 9_500 }],
  ["Credential", { issued: { ...issued, credential: { ...issued.credential, jurisdiction: 58n } } }],
  ["Credential", { issued: { ...issued, credential: { ...issued.credential, tier: 1n } } }],
  ["Size", { terms: { side: 0, quantity: 1n, price: 520n } }],
  ["Window", { block: 50 }],
  ["Window", { block: 158 }],
  ["Place", { live: 8 }],
  ["Place", { orders: [mine, mine] }],
  ["Funds", { notes: [] }],
  ["Funds", { notes: [note(4000n, false)] }],
])("%s is refused before anything is proven", (name, change) => {
  const bad = checkOrder({ ...FACTS, ...change }).filter(({ state }) => state === "bad");
  expect(bad.map((check) => check.name)).toEqual([name]);
  expect(bad[0]!.text).toMatch(/[.:]/);
});

test("a limit far from the reference is pointed out, and not refused", () => {
  const far = checkOrder({ ...FACTS, terms: { side: 0, quantity: 6n, price: 800n } })[2]!;
  expect(far).toMatchObject({ state: "warn", text: expect.stringContaining("collar") });
});

test("the epoch is the one whose window holds the next block", () => {
  expect(epochNow(MARKET, 98)).toBeNull();
  expect(epochNow(MARKET, 99)).toBe(0);
  expect(epochNow(MARKET, 158)).toBe(0);
  expect(epochNow(MARKET, 159)).toBe(1);
});

test("improvement is against the reference, for the side taken", () => {
  const order = { placed: { terms: { side: 0 } }, fill: 4n, price: 490n, reference: 500n } as OrderStatus;
  expect(improvement(order)).toBe(40n);
  expect(improvement({ ...order, placed: { ...order.placed, terms: { side: 1, quantity: 1n, price: 1n } } })).toBe(
    -40n,
  );
  expect(improvement({ ...order, fill: 0n })).toBeNull();
});

test("an agent that only answers is not relied on", () => {
  const status = { killed: false, lastRound: 1_000, block: 100 } as AgentStatus;
  expect(works(status, 130, 20_000)).toBe(true);
  expect(works(status, 105, 900_000)).toBe(true);
  expect(works(status, 130, 900_000)).toBe(false);
  expect(works({ ...status, killed: true }, 100, 2_000)).toBe(false);
});

test("settings are taken as far as they are of their kind", () => {
  expect(checked({ lockAfter: 60, notify: "yes", sender: "nobody" })).toMatchObject({
    lockAfter: 60,
    notify: false,
    sender: "agent",
  });
  expect(checked({ lockAfter: 7 }).lockAfter).toBe(15);
});

test("a service is where the page's policy lets it be reached", () => {
  const own = "https://desk.example";
  expect(urlProblem("https://desk.example/carrier", own)).toBeNull();
  expect(urlProblem("http://127.0.0.1:8700", own)).toBeNull();
  for (const far of ["https://carrier.example", "http://desk.example", "https://127.0.0.1", "http://127.0.0.1.example"])
    expect(urlProblem(far, own)).toContain("reaches only");
  expect(urlProblem("https://me:secret@desk.example", own)).toContain("Leave out");
  expect(urlProblem("carrier", own)).toContain("no address");
});
