/** From proofs to calldata: what any account can carry (as `offchain/calls.py`). */

import { encodeCall } from "./abi";
import type { Signature } from "./crypto/keys";
import { asWord, checkRange } from "./crypto/field";
import { contract } from "./deployment";
import { MaterialError } from "./errors";
import type { Assembly, Call, Circuit, Deployment, Hex, Proof, Reveal } from "./types";

const WORDS = (count: number) => Array<string>(count).fill("uint256").join(",");

/** `Words` of the Pool's transact, `Commit`, `Reclaim` and `Reveal` of the Market, in the contracts' order. */
const SIGNATURES = {
  transact: `transact(uint256[8],uint256,(${WORDS(8)},address,${WORDS(3)},address,address),uint256[8],uint256[8])`,
  commit: `commit(uint256[8],uint256,(${WORDS(11)},address,${WORDS(2)}),uint256[8])`,
  reclaim: `reclaim(uint256[8],uint256,(${WORDS(4)},address,${WORDS(3)},uint256[2],uint256),uint256[8])`,
  reveal: `reveal((${WORDS(4)},uint256[2],uint256[4]),${WORDS(3)})`,
};

export function transact(deployment: Deployment, assembly: Assembly, proof: Proof): Call {
  const d = words(assembly, "transact");
  return call("Pool", deployment, "transact", [...proven(proof), ...d.slice(0, 14), ...assembly.memos.flat()]);
}

export function commit(deployment: Deployment, assembly: Assembly, proof: Proof): Call {
  const d = words(assembly, "commit");
  // tree0 … nf1, change_cm, quota_nullifier, oc, rk | market, epoch | credential_root, time
  const struct = [...d.slice(10, 12), ...d.slice(0, 10), ...d.slice(12, 14)];
  return call("Market", deployment, "commit", [...proven(proof), ...struct, ...assembly.memos.flat()]);
}

/** Where an order stands on chain: `slot` is 0 for one never revealed, else 1 + its place. */
export interface Recorded {
  quotaNullifier: bigint;
  rk: Hex;
  slot: number;
}

export function reclaim(deployment: Deployment, assembly: Assembly, recorded: Recorded, proof: Proof): Call {
  const d = words(assembly, "reclaim");
  const slot = checkRange(BigInt(recorded.slot), 0n, 1n << 32n, "slot");
  const struct = [d[1]!, d[2]!, recorded.quotaNullifier, d[0]!, asWord(recorded.rk), slot, d[9]!, d[10]!];
  const rest = [...d.slice(14, 17), ...assembly.memos.flat()];
  return call("Market", deployment, "reclaim", [...proven(proof), ...struct, ...rest]);
}

export function reveal(
  deployment: Deployment,
  at: { market: bigint; epoch: bigint; quotaNullifier: bigint },
  { oc, point, ciphertext }: Reveal,
  { v, r, s }: Signature,
): Call {
  const struct = [at.market, at.epoch, at.quotaNullifier, oc, ...point, ...ciphertext];
  return call("Market", deployment, "reveal", [...struct, v, r, s]);
}

/** Let the pool take `amount` of a token from the sender. */
export function approve(deployment: Deployment, token: Hex, amount: bigint): Call {
  const data = encodeCall("approve(address,uint256)", [asWord(contract(deployment, "Pool")), amount]);
  return { to: token, data, value: 0n, name: "approve" };
}

function call(to: "Pool" | "Market", deployment: Deployment, name: keyof typeof SIGNATURES, args: bigint[]): Call {
  return { to: contract(deployment, to), data: encodeCall(SIGNATURES[name], args), value: 0n, name };
}

function proven(proof: Proof): bigint[] {
  return [...proof.words, proof.publicSignals[0]!];
}

function words(assembly: Assembly, circuit: Circuit): readonly bigint[] {
  if (assembly.circuit !== circuit)
    throw new MaterialError(`this is an assembly of ${assembly.circuit}, not of ${circuit}`);
  return assembly.statement;
}
