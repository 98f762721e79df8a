/** Where a deployment lives on its chain: the JSON that `deploy` writes and an indexer serves. */

import { asAddress, asWord } from "./crypto/field";
import { DeploymentError } from "./errors";
import type { Deployment, Hex, Token, Verifier } from "./types";

const CONTRACTS = ["Pool", "Market", "Relayers", "Keys", "Credentials", "Oracle", "Governor", "StakeToken"];

/** The deployment in `document` (parsed JSON); DeploymentError unless every number, address and id is one. */
export function readDeployment(document: unknown): Deployment {
  const found = record(document, "the document");
  const contracts = each(found.contracts, "contracts", address);
  const missing = CONTRACTS.filter((name) => !contracts[name]);
  if (missing.length) throw new DeploymentError(`the deployment lacks the contracts ${missing.join(", ")}`);
  return {
    chainId: BigInt(natural(found.chain_id, "chain_id")),
    startBlock: natural(found.start_block, "start_block"),
    contracts,
    verifiers: each(found.verifiers, "verifiers", verifier),
    tokens: each(found.tokens, "tokens", token),
  };
}

/** The pool's address as a word: every statement binds it. */
export function poolWord(deployment: Deployment): bigint {
  return asWord(contract(deployment, "Pool"));
}

/** The address of a contract that the deployment names. */
export function contract(deployment: Deployment, name: string): Hex {
  const found = deployment.contracts[name];
  if (!found) throw new DeploymentError(`the deployment has no contract ${name}`);
  return found;
}

function verifier(value: unknown, what: string): Verifier {
  const entry = record(value, what);
  if (typeof entry.circuit_id !== "string" || !/^0x[0-9a-f]{64}$/.test(entry.circuit_id))
    throw new DeploymentError(`${what} has no circuit id`);
  return { address: address(entry.address, what), circuitId: entry.circuit_id as Hex };
}

function token(value: unknown, what: string): Token {
  const entry = record(value, what);
  return { address: address(entry.address, what), decimals: natural(entry.decimals, what) };
}

function address(value: unknown, what: string): Hex {
  if (typeof value !== "string" || !/^0x[0-9a-fA-F]{40}$/.test(value) || asAddress(BigInt(value)) !== value)
    throw new DeploymentError(`${what} has no checksummed address`);
  return value as Hex;
}

/** A natural number, or its decimal string, as our APIs write numbers. */
function natural(value: unknown, what: string): number {
  const number = typeof value === "string" && /^(0|[1-9][0-9]*)$/.test(value) ? Number(value) : value;
  if (typeof number !== "number" || !Number.isSafeInteger(number) || number < 0)
    throw new DeploymentError(`${what} has no natural number`);
  return number;
}

function each<T>(value: unknown, what: string, read: (value: unknown, what: string) => T): Record<string, T> {
  const entries = Object.entries(record(value, what));
  return Object.fromEntries(entries.map(([name, entry]) => [name, read(entry, `${what}.${name}`)]));
}

function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new DeploymentError(`${what} is no object: this is not a deployment`);
  return value as Record<string, unknown>;
}
