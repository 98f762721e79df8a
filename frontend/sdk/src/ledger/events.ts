/** The events that a ledger follows, from a node's logs or an indexer's rows. A Python test holds them to the contracts. */

import { fromHex } from "../crypto/field";
import type { Hex } from "../types";
import { ABIError, type Declaration, type Value, decode, declare, fromJson, topic } from "../abi";

/** The struct of `Market.terms`, as ABI types. */
export const TERMS =
  "(address base,address quote,uint256 lot,uint256 min_quantity,uint256 fee_bps,uint256 bond_bps," +
  "uint256 jurisdictions,uint256 tier,uint256 start_block,uint256 commit_blocks,uint256 freeze_blocks," +
  "uint256 reveal_blocks,uint256 settle_blocks,uint256 capacity,uint256 quota,uint256 split_bps," +
  "uint256 deferral,address source,uint256 max_age,uint256 collar_bps)";
const EPOCH = "uint256 indexed market,uint256 indexed epoch";

/** By contract, as the ABI declares them. */
export const EVENTS: Record<string, readonly string[]> = {
  Pool: [
    "Spent(uint256[2] nullifiers)",
    "Appended(uint256 indexed position,uint256[] leaves)",
    "Advanced(uint256 indexed tree,uint256 indexed chunk,uint256 count,uint256 root)",
    "Transacted(uint256 indexed position,address indexed asset,uint256 deposit,uint256 withdrawal,uint256 fee," +
      "address account,address carrier,uint256[8] memo0,uint256[8] memo1)",
  ],
  Market: [
    `MarketOpened(uint256 indexed market,${TERMS} terms)`,
    `EpochOpened(${EPOCH},address leader,uint256 reveal_version,uint256 auditor_version,uint256 treasury_version)`,
    `Committed(${EPOCH},uint256 quota_nullifier,uint256 oc,address rk,uint256 position,uint256[8] memo)`,
    `Revealed(${EPOCH},uint256 slot,uint256 quota_nullifier,uint256 oc,uint256[2] point,uint256[4] ciphertext)`,
    `ReferenceFixed(${EPOCH},uint256 price,bool void)`,
    `Settled(${EPOCH},uint256 count,uint256 invalid_mask,uint256 print_commitment,uint256[2] audit_point,` +
      "uint256[2] audit,uint256 treasury_pad,uint256 leader_cm,uint256 treasury_cm,uint256 position," +
      "uint256[2][] slots,uint256[8] memo)",
    `Reclaimed(${EPOCH},uint256 quota_nullifier,uint256 oc,bool forfeit,uint256 position,uint256[2] point,` +
      "uint256 treasury_pad,uint256[8] memo)",
    `Failed(${EPOCH},address leader,uint256 slashed,uint256 bounty)`,
    `Printed(${EPOCH},uint256 price,uint256 volume)`,
  ],
  Relayers: ["KeyRegistered(address indexed relayer,uint256 version,uint256 x,uint256 y)"],
  Keys: ["TreasurySet(uint256 indexed version,address account,uint256 owner_word,uint256 x,uint256 y)"],
  Credentials: ["LeavesSet(uint256 index,uint256[] leaves,uint256 root,bool additive)"],
};

/** One log of one of our contracts; `args` by name. */
export interface PoolEvent {
  contract: string;
  name: string;
  args: Record<string, Value>;
  block: number;
  blockHash: Hex;
  index: number;
  transaction: Hex;
}

/** A log as a node gives it. */
export interface Log {
  address: string;
  topics: string[];
  data: string;
  blockNumber: string;
  blockHash: string;
  logIndex: string;
  transactionHash: string;
  removed?: boolean;
}

/** A row of an indexer's `/v1/events`. */
export interface Row {
  block: number;
  hash: string;
  log_index: number;
  tx: string;
  contract: string;
  name: string;
  args: Record<string, unknown>;
}

interface EventType {
  contract: string;
  declared: Declaration;
}

const byTopic = new Map<string, EventType>();
const byName = new Map<string, EventType>();
for (const [contract, declarations] of Object.entries(EVENTS))
  for (const text of declarations) {
    const type = { contract, declared: declare(text) };
    byTopic.set(`${contract} ${topic(type.declared)}`, type);
    byName.set(`${contract} ${type.declared.name}`, type);
  }

/** Every topic that a ledger asks a node for. */
export const TOPICS: Hex[] = [...new Set([...byTopic.keys()].map((key) => key.split(" ")[1] as Hex))];

/** The event of a log that `contract` emitted; null for one that says nothing here. ABIError if malformed. */
export function readLog(contract: string, log: Log): PoolEvent | null {
  const type = byTopic.get(`${contract} ${log.topics[0]}`);
  if (!type) return null;
  const { parameters, name } = type.declared;
  const indexed = parameters.filter((part) => part.indexed);
  const plain = parameters.filter((part) => !part.indexed);
  if (log.topics.length !== 1 + indexed.length) throw new ABIError(`a log of ${contract}.${name} lacks topics`);
  const values = decode(
    plain.map((part) => part.type),
    fromHex(log.data),
  );
  const args: Record<string, Value> = {};
  plain.forEach((part, i) => (args[part.name] = values[i]!));
  indexed.forEach((part, i) => (args[part.name] = decode([part.type], fromHex(log.topics[i + 1]!))[0]!));
  return {
    contract,
    name,
    args,
    block: Number(log.blockNumber),
    blockHash: log.blockHash.toLowerCase() as Hex,
    index: Number(log.logIndex),
    transaction: log.transactionHash.toLowerCase() as Hex,
  };
}

/** The event of an indexer's row; null for one that says nothing here. ABIError if malformed. */
export function readRow(row: Row): PoolEvent | null {
  const type = byName.get(`${row.contract} ${row.name}`);
  if (!type) return null;
  const hash = /^0x[0-9a-f]{64}$/;
  if (
    !Number.isSafeInteger(row.block) ||
    !Number.isSafeInteger(row.log_index) ||
    !hash.test(row.hash) ||
    !hash.test(row.tx)
  )
    throw new ABIError("a row has no place on the chain");
  const args = Object.fromEntries(
    type.declared.parameters.map((part) => [part.name, fromJson(part.type, Object(row.args)[part.name])]),
  );
  const place = { block: row.block, blockHash: row.hash as Hex, index: row.log_index, transaction: row.tx as Hex };
  return { contract: row.contract, name: row.name, args, ...place };
}

/** The row of an event, as an indexer writes it. */
export function rowOf({ contract, name, args, block, blockHash, index, transaction }: PoolEvent): Row {
  const plain = (value: Value): unknown => {
    if (typeof value === "bigint") return String(value);
    if (Array.isArray(value)) return value.map(plain);
    return typeof value === "object" ? mapped(value, plain) : value;
  };
  return { block, hash: blockHash, log_index: index, tx: transaction, contract, name, args: mapped(args, plain) };
}

function mapped(values: Record<string, Value>, change: (value: Value) => unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));
}
