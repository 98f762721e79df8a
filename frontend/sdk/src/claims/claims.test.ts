/** Claims, statements and calldata, held to Python's word by word. */

import { expect, test } from "vitest";

import { deployment as document, each, inputs, vectors } from "../../vectors/read";
import * as calls from "../calls";
import { asAddress } from "../crypto/field";
import { readDeployment } from "../deployment";
import { DeploymentError, MaterialError, OutOfRange, ProverError } from "../errors";
import type { Assembly, Proof, Prover } from "../types";
import * as claims from ".";

const deployment = readDeployment(document);
const recorded = { quotaNullifier: 4711n, rk: asAddress(0xf00dn), slot: 3 };

function assemble(circuit: string, claim: any): Assembly {
  return { transact: claims.transact, commit: claims.commit, reclaim: claims.reclaim }[circuit]!(claim);
}

function call(assembly: Assembly, proof: Proof) {
  if (assembly.circuit === "reclaim") return calls.reclaim(deployment, assembly, recorded, proof);
  return calls[assembly.circuit](deployment, assembly, proof);
}

/** Whoever gives the proof that the vectors have, and keeps what it was asked. */
function prover(proof: Proof, asked: unknown[] = []): Prover {
  return { prove: async (...what) => (asked.push(what), proof), warm: async () => {} };
}

test.each(each(vectors.claims, (one) => one.circuit))("%s (%i)", async (circuit, i, one: any) => {
  const assembly = assemble(circuit, one.claim);
  expect(assembly.statement).toEqual(one.statement);
  expect(assembly.inputs).toEqual(inputs[i]);
  const asked: unknown[] = [];
  const proof = { words: one.proof, publicSignals: one.publics };
  expect(await claims.prove(deployment, assembly, prover(proof, asked))).toBe(proof);
  const [digest, challenge, evaluation] = one.publics;
  const { circuitId } = deployment.verifiers[circuit]!;
  expect(asked).toEqual([[circuit, circuitId, { ...inputs[i], digest, challenge, evaluation }, {}]]);
  expect(call(assembly, proof)).toEqual({ ...one.call, value: 0n });
});

test.each(each(vectors.refused, (one) => one.says))("refused: %s (%i)", (says, _, one) => {
  const { circuit, claim } = vectors.claims[one.of];
  const kind = one.error === "MaterialError" ? MaterialError : OutOfRange;
  const attempt = () => assemble(circuit, { ...claim, ...one.change });
  expect(attempt).toThrow(kind);
  if (kind === MaterialError) expect(attempt).toThrow(says);
});

test("a note that is not under its root is refused", () => {
  const { claim } = vectors.claims[0];
  const spent = [{ ...claim.spent[0], position: claim.spent[0].position + 1 }, claim.spent[1]];
  expect(() => claims.transact({ ...claim, spent })).toThrow("not at its position");
  const short = [{ ...claim.spent[0], siblings: claim.spent[0].siblings.slice(1) }, claim.spent[1]];
  expect(() => claims.transact({ ...claim, spent: short })).toThrow("32 siblings");
});

test("a dummy is Python's", () => {
  const { claim } = vectors.claims[1];
  const [first] = claim.spent;
  expect(claims.dummy(claim.key, first.note.asset, first.note.blinding, 0, first.root)).toEqual(first);
});

test("a proof of anything else is refused", async () => {
  const { circuit, claim, proof, publics } = vectors.claims[0];
  const assembly = assemble(circuit, claim);
  const other = { words: proof, publicSignals: [publics[0], publics[1], publics[2] + 1n] };
  await expect(claims.prove(deployment, assembly, prover(other))).rejects.toThrow(ProverError);
  const short = { words: proof.slice(1), publicSignals: publics };
  await expect(claims.prove(deployment, assembly, prover(short))).rejects.toThrow(ProverError);
  expect(() => calls.commit(deployment, assembly, { words: proof, publicSignals: publics })).toThrow(MaterialError);
});

test("a deployment is read whole or not at all", () => {
  const good = structuredClone(document) as any;
  expect(deployment.chainId).toBe(31337n);
  expect(deployment.tokens.USD).toEqual({ address: good.tokens.USD.address, decimals: 6 });
  const bend = (alter: (deployment: any) => void) => {
    const copy = structuredClone(good);
    alter(copy);
    expect(() => readDeployment(copy)).toThrow(DeploymentError);
  };
  bend((d) => delete d.contracts.Market);
  bend((d) => (d.contracts.Pool = d.contracts.Pool.toLowerCase()));
  bend((d) => (d.chain_id = -1));
  bend((d) => (d.tokens.USD.decimals = "six"));
  bend((d) => (d.verifiers.transact.circuit_id = "0x12"));
  bend((d) => delete d.verifiers);
  expect(() => readDeployment(null)).toThrow(DeploymentError);
});
