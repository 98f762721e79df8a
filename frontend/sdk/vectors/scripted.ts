/** The made-up pool of chain.json behind an EIP-1193 provider and an indexer's answers; for tests only. */

import { ShieldedKey } from "../src/crypto/keys";
import { readDeployment } from "../src/deployment";
import { declare, selector } from "../src/abi";
import type { Log } from "../src/ledger/events";
import type { Eip1193, Hex } from "../src/types";
import { readCredential } from "../src/wallet/credential";
import script from "./chain.json";
import { deployment as document } from "./read";

export const deployment = readDeployment(document);
export const key = new ShieldedKey(BigInt(script.key));
const { id, owner, jurisdiction, tier, expiry } = script.credential;
const numbers = { id: Number(id), jurisdiction: Number(jurisdiction), tier: Number(tier), expiry: Number(expiry) };
export const issued = readCredential(JSON.stringify({ owner, ...numbers }));
export const expected = script.expected;
export const HEAD = Number(script.head);
export const ROWS: string[] = script.rows;

const { topics } = script;
const OPEN_EPOCH = Array<string>(21).fill("0");
const hashes = new Map(script.logs.map((log) => [Number(log.blockNumber), log.blockHash]));

function words(data: string): bigint[] {
  return data.match(/[0-9a-f]{64}/g)!.map((word) => BigInt(`0x${word}`));
}

/** The words of `Market.epochs` for an epoch with orders: leader, version of its key, its key, …, commit chain, …. */
export function epochWords(epoch: number): bigint[] {
  const log = (name: keyof typeof topics) =>
    script.logs.find(({ topics: [topic, , at] }) => topic === topics[name] && (!at || Number(at) === epoch))!;
  const [leader, version, auditor, treasury] = words(log("Market.EpochOpened").data);
  const [, x, y] = words(log("Relayers.KeyRegistered").data);
  const chain = BigInt(expected.commit_chains[String(epoch) as keyof typeof expected.commit_chains]);
  return [leader, version, x, y, auditor, treasury, 1n, 0n, chain, ...Array(12).fill(0n)] as bigint[];
}

/** A node that is at block `head`. Whatever is public may be changed by a test. */
export class ScriptedNode implements Eip1193 {
  head = HEAD;
  logs: Log[] = script.logs;
  /** From this block on it is on another branch. */
  forked = Infinity;
  /** Seconds of block 0. */
  began = 1_700_000_000;
  asked: string[] = [];
  /** Answers of views by signature, in words. */
  answers: Record<string, (args: bigint[], block: number, to: Hex) => (bigint | string)[]> = {
    "transact_verifier()": () => [deployment.verifiers.transact!.address],
    "commit_verifier()": () => [deployment.verifiers.commit!.address],
    "reclaim_verifier()": () => [deployment.verifiers.reclaim!.address],
    "circuit_id()": (_, __, to) => [
      Object.values(deployment.verifiers).find(({ address }) => BigInt(address) === BigInt(to))!.circuitId,
    ],
    "terms(uint256)": ([market]) => {
      if (market !== 0n) throw Object.assign(new Error("execution reverted: market: unknown market"), { code: 3 });
      return words(script.logs.find((log) => log.topics[0] === topics["Market.MarketOpened"])!.data);
    },
    "paused()": () => [0n],
    "accepts(uint256)": () => [1n],
    "nullified(uint256)": ([word]) => [
      expected.notes.some((own) => own.nullifier === String(word) && own.spent) ? 1n : 0n,
    ],
    "epochs(uint256,uint256)": () => OPEN_EPOCH,
    "state(uint256,uint256)": () => [1n],
    "allowance(address,address)": () => [0n],
    "Pool.root()": (_, block) => [this.roots(block).note_root],
    "next_leaf()": (_, block) => [this.roots(block).next_leaf],
    "Credentials.root()": (_, block) => [this.roots(block).credential_root],
  };

  hash(block: number): string {
    if (block >= this.forked) return `0x${(2n ** 200n + BigInt(block)).toString(16).padStart(64, "0")}`;
    return hashes.get(block) ?? `0x${block.toString(16).padStart(64, "0")}`;
  }

  /** What the contracts held after a block. */
  roots(block: number) {
    const at = Math.min(block, this.forked - 1);
    return script.roots.find((one) => Number(one.block) >= at) ?? script.roots.at(-1)!;
  }

  async request({ method, params = [] }: { method: string; params?: any[] }): Promise<unknown> {
    this.asked.push(method);
    switch (method) {
      case "eth_chainId":
        return `0x${deployment.chainId.toString(16)}`;
      case "eth_blockNumber":
        return `0x${this.head.toString(16)}`;
      case "eth_getBlockByNumber": {
        const block = params[0] === "latest" ? this.head : Number(params[0]);
        return block > this.head
          ? null
          : { hash: this.hash(block), timestamp: `0x${(this.began + block).toString(16)}`, baseFeePerGas: "0x7" };
      }
      case "eth_getLogs": {
        const { fromBlock, toBlock } = params[0];
        return this.logs.filter(
          ({ blockNumber: at }) => Number(at) >= Number(fromBlock) && Number(at) <= Number(toBlock),
        );
      }
      case "eth_call":
        return this.view(params[0], Number(params[1] === "latest" ? this.head : params[1]));
      case "eth_estimateGas":
        return "0x5208";
      case "eth_sendTransaction":
        return `0x${"77".repeat(32)}`;
      case "eth_getTransactionReceipt":
        return { blockNumber: `0x${this.head.toString(16)}`, gasUsed: "0x5208", status: "0x1", to: null };
      default:
        throw new Error(`nobody asks ${method}`);
    }
  }

  private view({ to, data }: { to: Hex; data: Hex }, block: number): Hex {
    const contract = Object.entries(deployment.contracts).find(([, at]) => at.toLowerCase() === to.toLowerCase())?.[0];
    const found = Object.entries(this.answers).find(([signature]) => {
      const [name, owner] = signature.split(".").reverse() as [string, string?];
      return (!owner || owner === contract) && data.startsWith(selector(declare(name)));
    });
    if (!found) throw Object.assign(new Error("execution reverted: no such view"), { code: 3 });
    const args = (data.slice(10).match(/.{64}/g) ?? []).map((word) => BigInt(`0x${word}`));
    return `0x${found[1](args, block, to)
      .map((word) => BigInt(word).toString(16).padStart(64, "0"))
      .join("")}`;
  }
}

/** What an indexer at block `last` answers to `fetch`. */
export function indexer(last: number, rows = ROWS, hash = new ScriptedNode().hash(last)): typeof fetch {
  return async (input) => {
    const asked = new URL(String(input)).searchParams;
    const [from, to] = [Number(asked.get("from")), Number(asked.get("to"))];
    const told = rows.filter((row) => {
      const { block } = JSON.parse(row) as { block: number };
      return block >= from && block < to && block <= last;
    });
    const headers = { "X-Indexed-Block": String(last), "X-Indexed-Hash": hash };
    return new Response(told.map((row) => `${row}\n`).join(""), { headers });
  };
}
