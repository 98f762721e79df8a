/** What each word of a statement is, by circuit (docs/protocol.md §7). */

const RANGE = (name: string, count: number) => Array.from({ length: count }, (_, i) => `${name} ${i}`);
const POINT = (name: string) => [`${name} x`, `${name} y`];
const SPENT = ["tree 0", "root 0", "tree 1", "root 1", "nullifier 0", "nullifier 1"];

const FIXED: Record<string, string[]> = {
  transact: [
    ...SPENT,
    "note 0",
    "note 1",
    "asset",
    "deposit",
    "withdrawal",
    "fee",
    "account",
    "carrier",
    "memo hash 0",
    "memo hash 1",
  ],
  commit: [
    ...SPENT,
    "change note",
    "quota nullifier",
    "order commitment",
    "reveal account",
    "market",
    "epoch",
    "credential root",
    "time",
    "base",
    "quote",
    "lot",
    "minimum quantity",
    "fee, bps",
    "jurisdictions",
    "tier",
    "quota",
    "memo hash",
  ],
  reclaim: [
    "order commitment",
    "market",
    "epoch",
    "base",
    "quote",
    "lot",
    "fee, bps",
    "bond, bps",
    "forfeit",
    "refund note",
    "treasury’s note",
    "treasury owner",
    ...POINT("treasury key"),
    ...POINT("ephemeral"),
    "treasury’s amount, sealed",
    "memo hash",
  ],
  advance: ["old root", "new root", "chunk", ...RANGE("leaf", 64)],
  print: ["print commitment", "price", "volume"],
  key: [...POINT("key"), "account"],
};

const SETTLE = [
  "chain id",
  "pool",
  "market",
  "epoch",
  "reveal chain",
  "reference",
  "reveal-key version",
  "auditor-key version",
  "treasury-key version",
  ...POINT("reveal key"),
  ...POINT("auditor key"),
  ...POINT("treasury key"),
  "treasury owner",
  "leader owner",
  "base",
  "quote",
  "lot",
  "fee, bps",
  "leader’s split, bps",
  "collar, bps",
  "count",
  "invalid mask",
  "print commitment",
  ...POINT("audit point"),
  "audit word 0",
  "audit word 1",
  "treasury’s amount, sealed",
  "leader’s note",
  "treasury’s note",
  "memo hash",
];
const SLOT = [
  "order commitment",
  ...POINT("ephemeral"),
  "ciphertext 0",
  "ciphertext 1",
  "ciphertext 2",
  "ciphertext 3",
  "base note",
  "quote note",
  "receipt",
  "audit word",
];

/** Names of a circuit's words; as many as it has, empty for a circuit that we do not know. */
export function wordNames(circuit: string, words: number): string[] {
  if (!circuit.startsWith("settle_")) return FIXED[circuit] ?? [];
  const slots = (words - SETTLE.length) / SLOT.length;
  return [
    ...SETTLE,
    ...Array.from({ length: slots }, (_, slot) => SLOT.map((name) => `slot ${slot} · ${name}`)).flat(),
  ];
}
