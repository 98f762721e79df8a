/** The made-up pool of chain.json behind an EIP-1193 provider and an indexer's answers; for tests only. */

import { ShieldedKey } from "../src/crypto/keys";
import { readDeployment } from "../src/deployment";
import { declare, selector } from "../src/abi";
import { keccakWords } from "../src/crypto/field";
import { commitLink, revealLink } from "../src/crypto/streams";
import { type Log, readLog } from "../src/ledger/events";
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
const hashes = new Map(script.logs.map((log) => [Number(log.blockNumber), log.blockHash]));

function words(data: string): bigint[] {
  return data.match(/[0-9a-f]{64}/g)!.map((word) => BigInt(`0x${word}`));
}

/** The events of the market up to a block. */
function told(block: number) {
  const market = deployment.contracts.Market!.toLowerCase();
  const logs = script.logs.filter((log) => log.address.toLowerCase() === market && Number(log.blockNumber) <= block);
  return logs
    .map((log) => readLog("Market", log)!)
    .map((event) => ({ ...event, args: event.args as Record<string, any> }));
}

/** The words of `Market.epochs` after a block: leader, version of its key, its key, …, commit chain, reveal chain, …. */
export function epochWords(epoch: number, block: number): bigint[] {
  const registered = script.logs.find(({ topics: [topic] }) => topic === topics["Relayers.KeyRegistered"])!;
  const [, x, y] = words(registered.data) as [bigint, bigint, bigint];
  const found = Array<bigint>(21).fill(0n);
  const [{ args: opened }] = told(Infinity) as [ReturnType<typeof told>[0]];
  const frozen = Number(opened.terms.start_block) + (epoch + 1) * Number(opened.terms.commit_blocks);
  for (const { name, args, block: at } of told(block).filter((event) => event.args.epoch === BigInt(epoch))) {
    if (name === "EpochOpened")
      found.splice(0, 6, BigInt(args.leader), args.reveal_version, x, y, args.auditor_version, args.treasury_version);
    if (name === "Committed") [found[6], found[8]] = [found[6]! + 1n, commitLink(found[8]!, args.oc, BigInt(args.rk))];
    if (name === "Reclaimed" && at < frozen)
      [found[6], found[8]] = [found[6]! - 1n, commitLink(found[8]!, args.oc, 0n)];
    if (name === "ReferenceFixed") found.splice(10, 3, args.price, 1n, BigInt(args.void));
    if (name === "Revealed") {
      found[9] = revealLink(found[7] ? found[9]! : found[8]!, {
        oc: args.oc,
        point: args.point,
        ciphertext: args.ciphertext,
      });
      found[7]! += 1n;
    }
    if (name === "Settled") {
      found[8] = 0n;
      found.splice(15, 3, BigInt(at), args.invalid_mask, args.print_commitment);
    }
    if (name === "Printed") found.splice(18, 3, 1n, args.price, args.volume);
  }
  return found;
}

/** The word of `Market.order_record` after a block. */
function orderWord(quotaNullifier: bigint, block: number): bigint {
  let [found, committed] = [0n, {} as Record<string, any>];
  for (const { name, args } of told(block).filter((event) => event.args.quota_nullifier === quotaNullifier)) {
    if (name === "Committed") committed = args;
    const slot = name === "Revealed" ? (args.slot as bigint) + 1n : 0n;
    const { oc, rk, market, epoch } = committed;
    found = name === "Reclaimed" ? 1n : keccakWords([oc, BigInt(rk), market, epoch, slot]);
  }
  return found;
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
    "epochs(uint256,uint256)": ([, epoch], block) => epochWords(Number(epoch), this.held(block)),
    "order_record(uint256)": ([quotaNullifier], block) => [orderWord(quotaNullifier!, this.held(block))],
    "market_count()": (_, block) => [
      BigInt(told(this.held(block)).filter(({ name }) => name === "MarketOpened").length),
    ],
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

  /** The last block of the script whose events the contracts have seen at `block`. */
  private held(block: number): number {
    return Math.min(block, this.forked - 1);
  }

  /** What the contracts held after a block. */
  roots(block: number) {
    const at = this.held(block);
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
