/** Runs what takes long off the page's thread; an auditor's key lives in here and nowhere else. */

import { type Point, mulBase } from "@shadowpool/sdk/crypto/babyjubjub";
import { circuitId, statement } from "@shadowpool/sdk/crypto/statement";

import { type AuditView, type SettledEpoch, openEpoch } from "./auditor";
import { verify } from "@shadowpool/sdk/crypto/groth16";
import { openKeystore } from "./keystore";

export interface ProofClaim {
  words: bigint[];
  proof: bigint[];
  publics: bigint[];
  key: bigint[];
  circuitId: bigint;
  chainId: bigint;
  pool: bigint;
}

/** Each step of a verification, and how long the pairing took. */
export interface Verdict {
  key: boolean;
  digest: boolean;
  challenge: boolean;
  evaluation: boolean;
  pairing: boolean;
  milliseconds: number;
}

/** What the worker does, by name: argument and result. */
export interface Tasks {
  verify: [ProofClaim, Verdict];
  unlock: [{ text: string; password: string }, Point];
  open: [SettledEpoch, AuditView];
}

export type Request = { [Name in keyof Tasks]: { id: number; name: Name; argument: Tasks[Name][0] } }[keyof Tasks];
export type Reply = { id: number; result: unknown } | { id: number; error: string } | { id: number; progress: number };

let scalar: bigint | null = null;

async function run(request: Request): Promise<unknown> {
  switch (request.name) {
    case "verify":
      return check(request.argument);
    case "unlock":
      scalar = await openKeystore(request.argument.text, request.argument.password, (progress) =>
        postMessage({ id: request.id, progress } satisfies Reply),
      );
      return mulBase(scalar);
    case "open":
      if (scalar === null) throw new Error("no key is loaded");
      return openEpoch(scalar, request.argument);
  }
}

function check(claim: ProofClaim): Verdict {
  const begun = performance.now();
  const stated = statement(claim.words, claim.circuitId, claim.chainId, claim.pool);
  const [digest, challenge, evaluation] = claim.publics;
  const pairing = verify(claim.key, claim.proof, [stated.digest, stated.challenge, stated.evaluation]);
  return {
    key: circuitId(claim.key) === claim.circuitId,
    digest: stated.digest === digest,
    challenge: stated.challenge === challenge,
    evaluation: stated.evaluation === evaluation,
    pairing,
    milliseconds: performance.now() - begun,
  };
}

self.onmessage = async ({ data }: MessageEvent<Request>) => {
  try {
    postMessage({ id: data.id, result: await run(data) } satisfies Reply);
  } catch (error) {
    postMessage({ id: data.id, error: error instanceof Error ? error.message : String(error) } satisfies Reply);
  }
};
