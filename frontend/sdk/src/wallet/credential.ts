/** The file in which an issuer gives a credential to its holder. */

import { R, checkRange, decimal } from "../crypto/field";
import { NoCredential } from "../errors";
import type { Issued } from "./types";

/** The credential of a file's text; NoCredential if it is none. */
export function readCredential(text: string): Issued {
  try {
    const found = JSON.parse(text) as Record<string, unknown>;
    const id = Number(natural(found.id, 1n << 20n, "credential id"));
    const credential = {
      owner: decimal(found.owner, R, "owner"),
      jurisdiction: natural(found.jurisdiction, 250n, "jurisdiction"),
      tier: natural(found.tier, 1n << 8n, "tier"),
      expiry: natural(found.expiry, 1n << 53n, "expiry"),
    };
    return { id, credential };
  } catch (error) {
    throw new NoCredential(`this is no credential file (${(error as Error).message}): ask the issuer for one`);
  }
}

function natural(value: unknown, below: bigint, what: string): bigint {
  if (!Number.isSafeInteger(value)) throw new NoCredential(`it has no ${what}`);
  return checkRange(BigInt(value as number), 0n, below, what);
}
