/** From a claim's assembly to a proof that the contracts take. */

import { statement } from "../crypto/statement";
import { poolWord } from "../deployment";
import { DeploymentError, ProverError } from "../errors";
import type { Assembly, Circuit, Deployment, Inputs, Proof, ProveOptions, Prover, Statement, Verifier } from "../types";

/** The three public inputs of an assembly's proof for one deployment. */
export function stated(deployment: Deployment, assembly: Assembly): Statement {
  const { circuitId } = verifierOf(deployment, assembly.circuit);
  return statement(assembly.statement, BigInt(circuitId), deployment.chainId, poolWord(deployment));
}

/** All signals of an assembly, as a witness calculator takes them. */
export function signals(assembly: Assembly, { digest, challenge, evaluation }: Statement): Inputs {
  return { ...assembly.inputs, digest, challenge, evaluation };
}

/**
 * Prove an assembly for a deployment. ArtifactError if the prover's key is not the verifier's, ProverError if the
 * proof states anything else.
 */
export async function prove(
  deployment: Deployment,
  assembly: Assembly,
  prover: Prover,
  options: ProveOptions = {},
): Promise<Proof> {
  const public_ = stated(deployment, assembly);
  const { circuitId } = verifierOf(deployment, assembly.circuit);
  const proof = await prover.prove(assembly.circuit, circuitId, signals(assembly, public_), options);
  const expected = [public_.digest, public_.challenge, public_.evaluation];
  if (proof.words.length !== 8 || proof.publicSignals.length !== 3)
    throw new ProverError("the prover gave no proof of 8 words and three public inputs");
  if (expected.some((word, i) => word !== proof.publicSignals[i]))
    throw new ProverError(`the proof of ${assembly.circuit} states other public inputs: load its artefacts again`);
  return proof;
}

function verifierOf(deployment: Deployment, circuit: Circuit): Verifier {
  const found = deployment.verifiers[circuit];
  if (!found) throw new DeploymentError(`the deployment has no verifier of ${circuit}`);
  return found;
}
