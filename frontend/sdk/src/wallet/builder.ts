/** From a wallet's intentions to claims and calls: everything about an action but whether it is allowed, and sending it. */

import * as calls from "../calls";
import { type Spent, dummy } from "../claims";
import * as claims from "../claims";
import { ecdh } from "../crypto/babyjubjub";
import { asWord, toBigInt } from "../crypto/field";
import type { ShieldedKey } from "../crypto/keys";
import { opening, splitPosition, termsWord } from "../crypto/notes";
import { revealMessage, sealMemo, sealReveal, slotSeed } from "../crypto/streams";
import { Diverged } from "../errors";
import type { Ledger } from "../ledger/ledger";
import { type OrderRecord, rulesOf } from "../ledger/records";
import type { Address, Assembly, Call, Note, OwnedNote, Point, Spendable, Terms } from "../types";
import { marketTerms } from "./admission";
import { worth } from "./coins";
import { type Holdings, orderOf, revealEphemeral } from "./holdings";
import { lockOfOrder } from "./orders";
import type { Issued, PlacedOrder } from "./types";

const NONCE_BYTES = 31;

export type Output = [amount: bigint, to: Address];

/** What a transact pays in public; addresses are words, 0 or left out for nobody. */
export interface Public {
  deposit?: bigint;
  withdrawal?: bigint;
  fee?: bigint;
  account?: bigint;
  carrier?: bigint;
}

export class Builder {
  constructor(
    readonly key: ShieldedKey,
    readonly ledger: Ledger,
    readonly holdings: Holdings,
  ) {}

  /** A join-split of up to two inputs and, the change included, two outputs; what is left over returns to this key. */
  transact(asset: bigint, inputs: OwnedNote[], outputs: Output[], open: Public): Assembly {
    const nonce = freshNonce();
    const { deposit = 0n, withdrawal = 0n, fee = 0n } = open;
    const held = worth(inputs) + deposit - withdrawal - fee;
    const left = outputs.reduce((rest, [amount]) => rest - amount, held);
    const all: Output[] = outputs.length < 2 ? [...outputs, [left, this.key.address]] : [...outputs];
    while (all.length < 2) all.push([0n, this.key.address]);
    // So that a place says nothing about which one is the change.
    if (nonce & 1n) all.reverse();
    const [first, second] = all.map(([amount, to], i): [Note, bigint[]] => {
      const note = { asset, amount, owner: to.owner, blinding: this.key.prf("note", nonce, BigInt(i)) };
      return [note, this.noteMemo(note, to, nonce, BigInt(i))];
    });
    return claims.transact({
      key: this.key,
      spent: this.spendables(asset, inputs, nonce),
      outputs: [first![0], second![0]],
      memos: [first![1], second![1]],
      ...open,
    });
  }

  /** An order in place `index` of the quota, paid for by `inputs`; `time` (s) is when its credential still holds. */
  commit(
    at: { market: number; epoch: number; index: number; time: bigint },
    terms: Terms,
    { id, credential }: Issued,
    inputs: OwnedNote[],
  ): { assembly: Assembly; placed: PlacedOrder } {
    const { market, epoch, index, time } = at;
    const found = marketTerms(this.ledger, market);
    const { asset, lock } = lockOfOrder(market, found, terms);
    const nonce = freshNonce();
    const [salt, blinding] = [this.key.prf("salt", nonce), this.key.prf("note", nonce)];
    const rk = this.key.orderAccount(BigInt(market), BigInt(epoch), index).address;
    const quotaNullifier = this.holdings.quotaNullifiers(market, epoch)[index]!;
    const placed: PlacedOrder = { market, epoch, terms, credentialId: id, salt, index, quotaNullifier, rk };
    const plain = [termsWord(terms), BigInt(id), salt, worth(inputs) - lock, blinding];
    const tree = this.ledger.state.credentials;
    const assembly = claims.commit({
      key: this.key,
      rules: rulesOf(market, found),
      order: orderOf(placed, this.key.owner),
      spent: this.spendables(BigInt(asset), inputs, nonce),
      changeBlinding: blinding,
      credential,
      credentialRoot: tree.root,
      credentialSiblings: tree.path(id),
      quotaIndex: index,
      rk: asWord(rk),
      time,
      memo: sealMemo(plain, this.key.viewing.public, this.key.ephemeral("memo", nonce)),
    });
    return { assembly, placed };
  }

  /** The signed reveal of an order to its epoch's leader, whose key is `leaderKey`. */
  reveal(placed: PlacedOrder, { oc, market, epoch }: OrderRecord, leaderKey: Point): Call {
    const order = orderOf(placed, this.key.owner);
    const of = this.ledger.state.epoch(market, epoch);
    const { deployment } = this.ledger.chain;
    const { chainId, contracts } = deployment;
    const at = { chainId, pool: asWord(contracts.Pool!), market: order.market, epoch: order.epoch };
    const scalar = revealEphemeral(this.key, oc, of);
    const reveal = sealReveal(opening(order), oc, scalar, slotSeed(ecdh(scalar, leaderKey), at, oc));
    const message = revealMessage(at, of.commitChain, asWord(of.leader), BigInt(of.revealVersion), reveal);
    const signature = this.key.orderAccount(order.market, order.epoch, placed.index).sign(message);
    return calls.reveal(deployment, { ...at, quotaNullifier: placed.quotaNullifier }, reveal, signature);
  }

  /** The refund of an order, less its bond if that is forfeited. */
  reclaim(placed: PlacedOrder, forfeit: boolean): Assembly {
    const { market, epoch } = placed;
    const nonce = freshNonce();
    const treasury = this.ledger.state.treasuries.get(this.ledger.state.epoch(market, epoch).treasuryVersion);
    if (!treasury) throw new Diverged("the epoch's treasury key is unknown: sync without the indexer");
    const material = {
      key: this.key,
      rules: rulesOf(market, marketTerms(this.ledger, market)),
      order: orderOf(placed, this.key.owner),
      forfeit,
      blinding: this.key.prf("note", nonce),
    };
    return claims.reclaim({
      ...material,
      ephemeral: this.key.ephemeral("treasury", nonce),
      treasuryOwner: treasury.owner,
      treasuryKey: treasury.key,
      memo: this.noteMemo(claims.refundOf(material), this.key.address, nonce, 0n),
    });
  }

  // --- Within ---

  /** The inputs with their paths, filled up with dummies under a root that holds any. */
  private spendables(asset: bigint, inputs: OwnedNote[], nonce: bigint): Spent {
    const found = inputs.map((own) => this.spendable(own));
    const [first] = found;
    const [tree, root] = first ? [splitPosition(first.position)[0], first.root] : [0, this.ledger.state.trees[0]!.root];
    while (found.length < 2)
      found.push(dummy(this.key, asset, this.key.prf("dummy", nonce, BigInt(found.length)), tree, root));
    return [found[0]!, found[1]!];
  }

  private spendable({ note, position }: OwnedNote): Spendable {
    const [number, leaf] = splitPosition(position);
    const tree = this.ledger.state.trees[number]!;
    return { note, position, root: tree.root, siblings: tree.path(leaf) };
  }

  private noteMemo(note: Note, to: Address, nonce: bigint, index: bigint): bigint[] {
    const plain = [note.asset, note.amount, note.blinding, 0n, 0n];
    return sealMemo(plain, to.viewing, this.key.ephemeral("memo", nonce, index));
  }
}

/** 31 random bytes, whose PRFs are all of one transaction's randomness. */
function freshNonce(): bigint {
  return toBigInt(crypto.getRandomValues(new Uint8Array(NONCE_BYTES)));
}
