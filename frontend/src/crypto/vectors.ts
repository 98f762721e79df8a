/** The vectors shared with Python, typed; for tests only. */

import type { SettledEpoch } from "./auditor";
import document from "./vectors.json";

export const vectors = document;

type Audit = (typeof document.audit)[number];

export function words(text: string[]): bigint[] {
  return text.map(BigInt);
}

export function settledEpoch({ epoch }: Audit): SettledEpoch {
  const at = epoch.context;
  return {
    context: {
      chainId: BigInt(at.chain_id),
      pool: BigInt(at.pool),
      market: BigInt(at.market),
      epoch: BigInt(at.epoch),
      revealChain: BigInt(at.reveal_chain),
      reference: BigInt(at.reference),
      revealVersion: BigInt(at.reveal_version),
      auditorVersion: BigInt(at.auditor_version),
      treasuryVersion: BigInt(at.treasury_version),
    },
    auditorKey: pair(epoch.auditor_key),
    reveals: epoch.reveals.map((reveal) => ({
      oc: BigInt(reveal.oc),
      point: pair(reveal.point),
      ciphertext: words(reveal.ciphertext),
    })),
    invalidMask: BigInt(epoch.invalid_mask),
    printCommitment: BigInt(epoch.print_commitment),
    auditPoint: pair(epoch.audit_point),
    audit: words(epoch.audit),
    slots: epoch.slots.map((slot) => ({ receipt: BigInt(slot.receipt), audit: BigInt(slot.audit) })),
    collarBps: BigInt(epoch.collar_bps),
    print: null,
  };
}

function pair(text: string[]): [bigint, bigint] {
  return words(text) as [bigint, bigint];
}
