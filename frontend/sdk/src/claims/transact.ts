/** Circuit `transact`: two notes in, two out, and what comes in or goes out in public. */

import { checkRange } from "../crypto/field";
import type { ShieldedKey } from "../crypto/keys";
import { ADDRESS_LIMIT, AMOUNT_LIMIT, noteCommitment } from "../crypto/notes";
import { memoWord } from "../crypto/streams";
import { MaterialError } from "../errors";
import type { Assembly, Memo, Note } from "../types";
import { type Spent, spendInputs, spendWords, total } from "./material";

/**
 * `account` is the depositor or the recipient, `carrier` who is paid `fee`; addresses are words, 0 (or left
 * out) for nobody. `memos` are the outputs'.
 */
export interface Transact {
  key: ShieldedKey;
  spent: Spent;
  outputs: readonly [Note, Note];
  memos: readonly [Memo, Memo];
  deposit?: bigint;
  withdrawal?: bigint;
  fee?: bigint;
  account?: bigint;
  carrier?: bigint;
}

export function transact(claim: Transact): Assembly {
  const { key, spent, outputs } = claim;
  const { deposit = 0n, withdrawal = 0n, fee = 0n, account = 0n, carrier = 0n } = claim;
  const [amounts, addresses] = [
    { deposit, withdrawal, fee },
    { account, carrier },
  ];
  const commitments = outputs.map(noteCommitment);
  checkFlows(claim, amounts, addresses);
  const asset = outputs[0].asset;
  const inputs = spendInputs(key, spent, asset);
  const memos = claim.memos.map(memoWord);
  const open = deposit || withdrawal || fee;
  return {
    circuit: "transact",
    memos: [...claim.memos],
    statement: [
      ...spendWords(key, spent),
      ...commitments,
      open ? asset : 0n,
      ...Object.values(amounts),
      ...Object.values(addresses),
      ...memos,
    ],
    inputs: {
      ...inputs,
      ...amounts,
      ...addresses,
      memo: memos,
      asset,
      out_amount: outputs.map((note) => note.amount),
      out_owner: outputs.map((note) => note.owner),
      out_blinding: outputs.map((note) => note.blinding),
    },
  };
}

type Amounts = { deposit: bigint; withdrawal: bigint; fee: bigint };
type Addresses = { account: bigint; carrier: bigint };

/** Refuse what the circuit or the contract would, in words that say what to do. */
function checkFlows({ spent, outputs }: Transact, amounts: Amounts, addresses: Addresses): void {
  for (const [what, amount] of Object.entries(amounts)) checkRange(amount, 0n, AMOUNT_LIMIT, what);
  for (const [what, address] of Object.entries(addresses)) checkRange(address, 0n, ADDRESS_LIMIT, what);
  const { deposit, withdrawal, fee } = amounts;
  if (outputs[0].asset !== outputs[1].asset) throw new MaterialError("the outputs are of two assets");
  const held = total(spent.map((one) => one.note.amount)) + deposit;
  if (held !== total(outputs.map((note) => note.amount)) + withdrawal + fee)
    throw new MaterialError("inputs and deposit differ from outputs, withdrawal and fee");
  if (Boolean(deposit || withdrawal) !== Boolean(addresses.account) || Boolean(fee) !== Boolean(addresses.carrier))
    throw new MaterialError("a deposit or withdrawal names an account and a fee a carrier; nothing else does");
  if (deposit && withdrawal) throw new MaterialError("a proof deposits or withdraws, not both");
  if (!held) throw new MaterialError("a proof spends a note or makes a deposit; this one does neither");
}
