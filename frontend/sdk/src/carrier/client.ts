/**
 * The client of a carrier: who sends a wallet's private transactions, so that the wallet never appears.
 *
 * A carrier learns the calldata, which the chain shows everyone, and the network address that it came from. Nothing
 * that it says is trusted: its chain and pool are held to the deployment, and a transaction counts once this side's
 * own node has it, with this very calldata.
 */

import { keccak_256 } from "@noble/hashes/sha3.js";

import { asAddress, decimal, fromHex, toHex } from "../crypto/field";
import { CarrierError, OutOfRange, Reverted } from "../errors";
import type { Chain, Inclusion } from "../ledger/chain";
import { pause } from "../ledger/pause";
import type { Call, Deployment, Hex } from "../types";

/** Seconds in which a submission should be in a block; nothing is lost after them. */
const PATIENCE = 180;
const REQUEST_MS = 20_000;
const RETRY_MS = 500;
const POLL_MS = 1_000;
const MOST = 65_536;
const TEXT = 300;
const HASH = /^0x[0-9a-f]{64}$/;
const LOOPBACK = ["127.0.0.1", "localhost", "[::1]"];
/** Answers after which the same request may well succeed. */
const AGAIN = [0, 429, 502, 503, 504];

type Answer = Record<string, unknown>;

/** What names a submission: keccak256 of the target's 20 bytes and the calldata. */
export function carriedId(to: Hex, data: Hex): Hex {
  return `0x${toHex(keccak_256(fromHex(to.slice(2) + data.slice(2))))}`;
}

/** A carrier of a deployment: https, or http to this machine or an onion service. */
export class CarrierClient {
  private constructor(
    readonly url: string,
    /** Whom a fee must name. */
    readonly address: Hex,
    /** The least fees, in base units by asset. */
    readonly fees: ReadonlyMap<Hex, bigint>,
  ) {}

  /** CarrierError if nothing answers there, or for another deployment. */
  static async open(url: string, deployment: Deployment, signal?: AbortSignal): Promise<CarrierClient> {
    const base = checkUrl(url);
    const info = await ask(base, "GET", "/info", null, 0, signal);
    const nobody = new CarrierError(`what answers at ${base} is no carrier: check the address`);
    if (typeof info.carrier !== "string" || typeof info.fees !== "object" || info.fees === null) throw nobody;
    if (String(info.chain_id) !== String(deployment.chainId) || info.pool !== deployment.contracts.Pool)
      throw new CarrierError(`the carrier at ${base} serves another pool or chain: use one of this deployment`);
    try {
      const fees = Object.entries(info.fees).map(
        ([asset, least]) => [known(asset), decimal(least, 1n << 128n, "fee")] as const,
      );
      return new CarrierClient(base, known(info.carrier), new Map(fees));
    } catch (error) {
      throw error instanceof OutOfRange ? nobody : error;
    }
  }

  /** The least fee, in base units, for a transact of `asset`; CarrierError if it carries none of it. */
  fee(asset: Hex): bigint {
    const least = this.fees.get(asset);
    if (least === undefined)
      throw new CarrierError(`the carrier at ${this.url} names no fee in ${asset}: use another carrier`);
    return least;
  }

  /**
   * Have `call` sent, and wait until a block of `chain` holds it. Lost connections are tried again, which never
   * sends twice. Reverted with the contract's reason if it would fail or did.
   */
  async carry(chain: Chain, call: Call, signal?: AbortSignal): Promise<Inclusion> {
    const deadline = Date.now() + PATIENCE * 1_000;
    const body = { to: call.to, data: call.data };
    const post = () => ask(this.url, "POST", "/carry", body, deadline, signal, call.name);
    let said = await post();
    for (;;) {
      const landed = await this.landed(chain, call, said);
      if (landed) return landed;
      if (Date.now() > deadline)
        throw new CarrierError(
          `${call.name}: no block took it in ${PATIENCE} s. Nothing is lost: it may still land; ` +
            "look before you try again, here or with another carrier",
        );
      await pause(Math.min(POLL_MS, chain.pollMs));
      said = await ask(this.url, "GET", `/carried/${carriedId(call.to, call.data)}`, null, deadline, signal);
      // A carrier that knows it no more has lost its memory: the same words again do no harm.
      if (!Object.keys(said).length) said = await post();
    }
  }

  /** The transaction that the carrier names, once our own node has it. */
  private async landed(chain: Chain, call: Call, said: Answer): Promise<Inclusion | null> {
    if (said.state === "failed") throw new Reverted(call.name, text(said.reason));
    const { transaction } = said;
    if (transaction === null || transaction === undefined) return null;
    if (typeof transaction !== "string" || !HASH.test(transaction))
      throw new CarrierError(`the carrier at ${this.url} names no transaction: use another one`);
    const [found, data] = await Promise.all([chain.receipt(transaction as Hex), chain.calldata(transaction as Hex)]);
    if (!found || data === null) return null;
    if (found.to?.toLowerCase() !== call.to.toLowerCase() || data !== call.data)
      throw new CarrierError(`the carrier at ${this.url} names another transaction, ${transaction}: use another one`);
    // If it failed, the carrier says why, or sends it again.
    return found.ok ? found : null;
  }
}

/** The JSON object of an answer, {} for what the carrier does not know; tried until `deadline`. */
async function ask(
  url: string,
  method: "GET" | "POST",
  path: string,
  body: object | null,
  deadline: number,
  signal?: AbortSignal,
  name = "",
): Promise<Answer> {
  for (;;) {
    signal?.throwIfAborted();
    const { status, answer, wait } = await once(url, method, path, body);
    if (status === 200 || status === 202) return answer;
    if (status === 404 && method === "GET" && path.startsWith("/carried")) return {};
    if (!AGAIN.includes(status) || Date.now() + wait > deadline) throw refusal(url, status, answer, name);
    await pause(wait);
  }
}

async function once(url: string, method: string, path: string, body: object | null) {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (body) headers["Content-Type"] = "application/json";
  try {
    const response = await fetch(`${url}/v1${path}`, {
      method,
      headers,
      body: body && JSON.stringify(body),
      credentials: "omit",
      referrerPolicy: "no-referrer",
      redirect: "error",
      signal: AbortSignal.timeout(REQUEST_MS),
    });
    const found = await response.text();
    const after = Number(response.headers.get("Retry-After") ?? 1);
    const wait = 1_000 * Math.max(1, Math.min(60, Number.isInteger(after) ? after : 1));
    const answer: unknown = found.length > MOST ? null : parsed(found);
    if (typeof answer !== "object" || answer === null || Array.isArray(answer)) {
      const status = response.status >= 300 ? response.status : 500;
      return { status, answer: { detail: "its answer is not a JSON object" } as Answer, wait };
    }
    return { status: response.status, answer: answer as Answer, wait };
  } catch {
    return { status: 0, answer: { detail: "it does not answer" } as Answer, wait: RETRY_MS };
  }
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}

function refusal(url: string, status: number, answer: Answer, name: string): Error {
  if (answer.reason !== null && answer.reason !== undefined && name) return new Reverted(name, text(answer.reason));
  const what = name ? `${name}: ` : "";
  const remedy = status === 0 ? "is its address right, and is it running?" : "mend that, or use another carrier";
  return new CarrierError(`${what}the carrier at ${url} says: ${text(answer.detail)}; ${remedy}`);
}

/** A carrier's address; CarrierError where somebody on the way could read who asks for what. */
function checkUrl(url: string): string {
  let parts: URL | null = null;
  try {
    parts = new URL(url);
  } catch {
    // Said below.
  }
  const { protocol = "", hostname = "", search = "", username = "", password = "" } = parts ?? {};
  const near = LOOPBACK.includes(hostname) || hostname.endsWith(".onion");
  if ((protocol !== "https:" && !(protocol === "http:" && near)) || search || username || password)
    throw new CarrierError(
      `${JSON.stringify(url)} is no carrier's address: give https://HOST, or http:// for this machine or an .onion service`,
    );
  return url.replace(/\/+$/, "");
}

function known(address: string): Hex {
  if (!/^0x[0-9a-fA-F]{40}$/.test(address) || asAddress(BigInt(address)) !== address)
    throw new OutOfRange("not a checksummed address");
  return address as Hex;
}

/** What a carrier wrote, fit for a page. */
function text(value: unknown): string {
  return (
    String(value ?? "nothing")
      .replace(/\p{C}/gu, "")
      .slice(0, TEXT) || "nothing"
  );
}
