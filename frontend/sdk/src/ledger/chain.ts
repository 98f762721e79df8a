/** A chain behind an EIP-1193 provider: blocks, views at named blocks, logs, and transactions that are waited for. */

import { fromHex } from "../crypto/field";
import { ChainError, DeploymentError, Reverted } from "../errors";
import type { Call, Circuit, Deployment, Eip1193, Hex, Signer } from "../types";
import { type Value, decode, declare, encodeCall } from "../abi";
import { type PoolEvent, TOPICS, EVENTS, type Log, readLog } from "./events";
import { pause, within } from "./pause";

const POLL_MS = 500;
const RECEIPT_SECONDS = 180;
/** A node that is silent for longer never answers: its wallet was restarted, or its connection is lost. */
const ANSWER_MS = 60_000;
/** What a person is asked about, who may take as long as it needs. */
const PROMPTS = ["eth_sendTransaction", "eth_signTypedData_v4"];
const GAS_MARGIN = 250_000n;
/** Beyond it a node that nobody could pay is at work. */
const GAS_CAP = 15_000_000n;
const TIP_WEI = 10n ** 9n;

/** Which contract has a wallet's proofs verified, by circuit. */
const VERIFIED: Record<Circuit, string> = { transact: "Pool", commit: "Market", reclaim: "Market" };

/** A transaction that a block holds. */
export interface Inclusion {
  hash: Hex;
  block: number;
  gas: bigint;
}

interface TransactionReceipt {
  blockNumber: Hex;
  gasUsed: Hex;
  status: Hex;
  to: Hex | null;
}

export class Chain {
  constructor(
    readonly provider: Eip1193,
    readonly deployment: Deployment,
    readonly pollMs = POLL_MS,
  ) {}

  /**
   * ChainError unless the provider is on the deployment's chain, DeploymentError unless the contracts there take
   * proofs of the very keys that the deployment names.
   */
  async check(): Promise<void> {
    await this.checkChain(this.provider);
    await Promise.all(Object.entries(VERIFIED).map(([circuit, by]) => this.checkVerifier(circuit, by)));
  }

  async head(): Promise<number> {
    return Number(await this.ask<Hex>("eth_blockNumber"));
  }

  /** The block's hash on the present branch; null if there is no such block. */
  async blockHash(block: number): Promise<Hex | null> {
    const found = await this.ask<{ hash: Hex } | null>("eth_getBlockByNumber", [hex(block), false]);
    return found ? (found.hash.toLowerCase() as Hex) : null;
  }

  /** Seconds of a block. */
  async timestamp(block: number): Promise<bigint> {
    const found = await this.ask<{ timestamp: Hex } | null>("eth_getBlockByNumber", [hex(block), false]);
    if (!found) throw new ChainError(`the node has no block ${block}: try again`);
    return BigInt(found.timestamp);
  }

  /** What a view answers: `view` declares it, as `name(inputs)->(outputs)`; `to` is a contract's name or an address. */
  async call(to: string, view: string, args: (bigint | number | string)[] = [], block?: number): Promise<Value[]> {
    const [inputs, outputs] = view.split("->") as [string, string];
    const declared = declare(inputs);
    const asked = { to: this.deployment.contracts[to] ?? to, data: encodeCall(declared, ...args) };
    const at = block === undefined ? "latest" : hex(block);
    const answer = await refusable(declared.name, () => this.ask<Hex>("eth_call", [asked, at]));
    return decode(
      declare(outputs).parameters.map((part) => part.type),
      fromHex(answer),
    );
  }

  /** Every event that a ledger follows in [first, last], in chain order. */
  async events(first: number, last: number): Promise<PoolEvent[]> {
    const contracts = new Map(
      Object.keys(EVENTS).map((name) => [this.deployment.contracts[name]!.toLowerCase(), name]),
    );
    const span = { fromBlock: hex(first), toBlock: hex(last), address: [...contracts.keys()], topics: [TOPICS] };
    const found: PoolEvent[] = [];
    for (const log of await this.ask<Log[]>("eth_getLogs", [span])) {
      const contract = contracts.get(log.address.toLowerCase());
      const event = contract === undefined ? null : readLog(contract, log);
      if (event && !(event.block >= first && event.block <= last))
        throw new ChainError(`the node gave a log of block ${event.block}, which was not asked for`);
      if (event) found.push(event);
    }
    return found.sort((a, b) => a.block - b.block || a.index - b.index);
  }

  // --- Sending ---

  /** Send a call from an account and wait until a block holds it. Reverted with the contract's reason. */
  async send(signer: Signer, call: Call, signal?: AbortSignal): Promise<Inclusion> {
    const asked = { from: signer.address, to: call.to, data: call.data, value: hex(call.value) };
    const estimate = await refusable(call.name, () => this.ask<Hex>("eth_estimateGas", [asked]));
    const gas = (BigInt(estimate) * 5n) / 4n + GAS_MARGIN;
    if (gas > GAS_CAP) throw new ChainError(`${call.name} needs ${gas} gas, more than the cap of ${GAS_CAP}`);
    const offer = await this.fees();
    await this.checkChain(signer);
    signal?.throwIfAborted();
    const sent = await asking(signer, "eth_sendTransaction", [{ ...asked, gas: hex(gas), ...offer }]);
    return await this.wait(call.name, sent as Hex);
  }

  private async checkChain(provider: Eip1193): Promise<void> {
    const found = BigInt((await asking(provider, "eth_chainId", [])) as Hex);
    if (found !== this.deployment.chainId)
      throw new ChainError(
        `the deployment is for chain ${this.deployment.chainId}, but the wallet is on ${found}: switch it there`,
      );
  }

  private async checkVerifier(circuit: string, by: string): Promise<void> {
    const named = this.deployment.verifiers[circuit];
    const [address] = await this.call(by, `${circuit}_verifier()->(address)`);
    const known = named !== undefined && address === named.address;
    if (!known || (await this.call(named.address, "circuit_id()->(bytes32)"))[0] !== named.circuitId)
      throw new DeploymentError(
        `the ${by} on the chain verifies ${circuit} by another key than the deployment names: get the right deployment`,
      );
  }

  /** What every client of ours offers for gas: four times the base fee, so that it holds while that rises. */
  private async fees(): Promise<{ maxFeePerGas: Hex; maxPriorityFeePerGas: Hex }> {
    const { baseFeePerGas } = await this.ask<{ baseFeePerGas: Hex }>("eth_getBlockByNumber", ["latest", false]);
    return { maxFeePerGas: hex(4n * BigInt(baseFeePerGas) + TIP_WEI), maxPriorityFeePerGas: hex(TIP_WEI) };
  }

  /** Wait for a transaction that was sent. Reverted if it failed, ChainError after three minutes. */
  async wait(name: string, hash: Hex): Promise<Inclusion> {
    const deadline = Date.now() + RECEIPT_SECONDS * 1_000;
    for (;;) {
      const found = await this.receipt(hash);
      if (found?.ok) return found;
      if (found) throw new Reverted(name, `failed in block ${found.block}, where the state had changed`);
      if (Date.now() > deadline)
        throw new ChainError(`${name}: no block took ${hash} in ${RECEIPT_SECONDS} s; look before you try again`);
      await pause(this.pollMs);
    }
  }

  /** Where a transaction stands on the present branch; null if in no block. */
  async receipt(hash: Hex): Promise<(Inclusion & { ok: boolean; to: Hex | null }) | null> {
    const found = await this.ask<TransactionReceipt | null>("eth_getTransactionReceipt", [hash]);
    if (!found?.blockNumber) return null;
    const { blockNumber, gasUsed, status, to } = found;
    return { hash, block: Number(blockNumber), gas: BigInt(gasUsed), ok: BigInt(status) === 1n, to };
  }

  /** The calldata of a transaction; null if the node has none such. */
  async calldata(hash: Hex): Promise<Hex | null> {
    const found = await this.ask<{ input: Hex } | null>("eth_getTransactionByHash", [hash]);
    return found ? (found.input.toLowerCase() as Hex) : null;
  }

  private async ask<T>(method: string, params: unknown[] = []): Promise<T> {
    return (await asking(this.provider, method, params)) as T;
  }
}

/** A node over HTTP as an EIP-1193 provider: for Node, and for pages whose policy allows it. */
export class HttpProvider implements Eip1193 {
  private next = 1;

  constructor(readonly url: string) {}

  async request({ method, params = [] }: { method: string; params?: unknown[] }): Promise<unknown> {
    const body = JSON.stringify({ jsonrpc: "2.0", id: this.next++, method, params });
    const headers = { "Content-Type": "application/json" };
    const signal = PROMPTS.includes(method) ? null : AbortSignal.timeout(ANSWER_MS);
    let answer: { result?: unknown; error?: { code: number; message: string; data?: unknown } };
    try {
      answer = await (await fetch(this.url, { method: "POST", headers, body, signal })).json();
    } catch {
      throw new ChainError(`no chain answers at ${new URL(this.url).origin}: is the node running?`);
    }
    if (answer.error) {
      const { message, code, data } = answer.error;
      throw Object.assign(new Error(message), { code, data });
    }
    return answer.result;
  }
}

function hex(value: number | bigint): Hex {
  return `0x${value.toString(16)}`;
}

/** A request, whose refusal or silence is a ChainError, with the node's words; `data` and `code` are kept. */
async function asking(provider: Eip1193, method: string, params: unknown[]): Promise<unknown> {
  try {
    const asked = provider.request({ method, params });
    if (PROMPTS.includes(method)) return await asked;
    const late = `the node has not answered ${method} for ${ANSWER_MS / 1_000} s: try again, or reload the wallet`;
    return await within(ANSWER_MS, asked, () => new ChainError(late));
  } catch (error) {
    if (error instanceof ChainError) throw error;
    const {
      message = String(error),
      code,
      data,
    } = Object(error) as { message?: string; code?: number; data?: unknown };
    throw Object.assign(new ChainError(message), { code, data });
  }
}

/** An action that a contract may refuse, as Reverted; another failure as ChainError. */
async function refusable<T>(name: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    const reason = revertReason(error);
    if (reason === null) throw error instanceof Error ? new ChainError(`${name}: ${error.message}`) : error;
    throw new Reverted(name, reason);
  }
}

/** The reason of a revert, wherever a provider puts it; null if this is none. */
function revertReason(error: unknown): string | null {
  const { message = "", data, code } = Object(error) as { message?: string; data?: unknown; code?: number };
  const spread = JSON.stringify(data ?? "") ?? "";
  const encoded = /0x08c379a0([0-9a-f]{128,})/i.exec(spread)?.[1];
  if (encoded) return reasonOf(encoded);
  const said = /execution reverted:? ?(.*)$/s.exec(message) ?? /reverted with reason string '(.*)'/.exec(message);
  if (said) return said[1]?.trim().replace(/^revert: /, "") || "refused without a reason";
  return code === 3 ? message || "refused without a reason" : null;
}

/** The text of `Error(string)`. */
function reasonOf(encoded: string): string {
  const bytes = fromHex(encoded);
  const length = Number(BigInt(`0x${encoded.slice(64, 128)}`));
  return new TextDecoder().decode(bytes.slice(64, 64 + length)) || "refused without a reason";
}
