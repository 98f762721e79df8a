/** From proofs to calldata: what any account can carry (as `offchain/calls.py`). */

import { declare, encodeCall } from "./abi";
import type { Signature } from "./crypto/keys";
import { asWord, checkRange } from "./crypto/field";
import { contract } from "./deployment";
import { MaterialError } from "./errors";
import type { Assembly, Call, Circuit, Deployment, Hex, Proof, Reveal } from "./types";

const PROVEN = "uint256[8] proof, uint256 digest";
const PLACES = ["tree0", "root0", "tree1", "root1", "nf0", "nf1"].map((name) => `uint256 ${name}`).join(", ");

const FUNCTIONS = {
  transact: declare(
    `transact(${PROVEN}, (${PLACES}, uint256 cm0, uint256 cm1, address asset, uint256 deposit, uint256 withdrawal, ` +
      "uint256 fee, address account, address carrier) w, uint256[8] memo0, uint256[8] memo1)",
  ),
  commit: declare(
    `commit(${PROVEN}, (uint256 market, uint256 epoch, ${PLACES}, uint256 change_cm, uint256 quota_nullifier, ` +
      "uint256 oc, address rk, uint256 credential_root, uint256 time) c, uint256[8] memo)",
  ),
  reclaim: declare(
    `reclaim(${PROVEN}, (uint256 market, uint256 epoch, uint256 quota_nullifier, uint256 oc, address rk, ` +
      "uint256 slot, uint256 refund_cm, uint256 treasury_cm, uint256[2] point, uint256 treasury_pad) c, " +
      "uint256[8] memo)",
  ),
  reveal: declare(
    "reveal((uint256 market, uint256 epoch, uint256 quota_nullifier, uint256 oc, uint256[2] point, " +
      "uint256[4] ciphertext) r, uint256 v, uint256 sig_r, uint256 sig_s)",
  ),
  approve: declare("approve(address spender, uint256 amount)"),
};

export function transact(deployment: Deployment, assembly: Assembly, proof: Proof): Call {
  const d = words(assembly, "transact");
  return call(contract(deployment, "Pool"), "transact", [
    ...proven(proof),
    ...d.slice(0, 14),
    ...assembly.memos.flat(),
  ]);
}

export function commit(deployment: Deployment, assembly: Assembly, proof: Proof): Call {
  const d = words(assembly, "commit");
  // tree0 … nf1, change_cm, quota_nullifier, oc, rk | market, epoch | credential_root, time
  const struct = [...d.slice(10, 12), ...d.slice(0, 10), ...d.slice(12, 14)];
  return call(contract(deployment, "Market"), "commit", [...proven(proof), ...struct, ...assembly.memos.flat()]);
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
  return call(contract(deployment, "Market"), "reclaim", [...proven(proof), ...struct, ...rest]);
}

export function reveal(
  deployment: Deployment,
  at: { market: bigint; epoch: bigint; quotaNullifier: bigint },
  { oc, point, ciphertext }: Reveal,
  { v, r, s }: Signature,
): Call {
  const struct = [at.market, at.epoch, at.quotaNullifier, oc, ...point, ...ciphertext];
  return call(contract(deployment, "Market"), "reveal", [...struct, v, r, s]);
}

/** Let the pool take `amount` of a token from the sender. */
export function approve(deployment: Deployment, token: Hex, amount: bigint): Call {
  return call(token, "approve", [asWord(contract(deployment, "Pool")), amount]);
}

function call(to: Hex, name: keyof typeof FUNCTIONS, args: readonly bigint[]): Call {
  return { to, data: encodeCall(FUNCTIONS[name], ...args), value: 0n, name };
}

function proven(proof: Proof): bigint[] {
  return [...proof.words, proof.publicSignals[0]!];
}

function words(assembly: Assembly, circuit: Circuit): readonly bigint[] {
  if (assembly.circuit !== circuit)
    throw new MaterialError(`this is an assembly of ${assembly.circuit}, not of ${circuit}`);
  return assembly.statement;
}
