/** Statement compression (protocol §3): a list of words becomes three public inputs. */

import { OutOfRange } from "../errors";
import type { Statement } from "../types";
import { R, keccakWords } from "./field";
import { sponge } from "./poseidon";

export type { Statement };

/** keccak256 of the 22 words of a verification key, as a Verifier is deployed with. */
export function circuitId(key: readonly bigint[]): bigint {
  if (key.length !== 22) throw new OutOfRange(`a verification key has 22 words, not ${key.length}`);
  return keccakWords(key);
}

export function statement(words: readonly bigint[], circuit: bigint, chainId: bigint, pool: bigint): Statement {
  const digest = sponge(words);
  const challenge = keccakWords([chainId, pool, circuit, digest, keccakWords(words)]) % R;
  const evaluation = words.reduce((value, word) => (value * challenge + word) % R, 0n);
  return { digest, challenge, evaluation };
}
