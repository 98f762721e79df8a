/** Statement compression (protocol §3): a list of words becomes three public inputs. */

import { R, keccakWords } from "./field";
import { sponge } from "./poseidon";

export interface Statement {
  digest: bigint;
  challenge: bigint;
  evaluation: bigint;
}

/** keccak256 of the 22 words of a verification key, as a Verifier is deployed with. */
export function circuitId(key: bigint[]): bigint {
  if (key.length !== 22) throw new Error(`a verification key has 22 words, not ${key.length}`);
  return keccakWords(key);
}

export function statement(words: bigint[], circuit: bigint, chainId: bigint, pool: bigint): Statement {
  const digest = sponge(words);
  const challenge = keccakWords([chainId, pool, circuit, digest, keccakWords(words)]) % R;
  const evaluation = words.reduce((value, word) => (value * challenge + word) % R, 0n);
  return { digest, challenge, evaluation };
}
