/** What is checked before an order is proven, so that a refusal costs nothing (protocol P3). */

import { credentialLeaf } from "../claims";
import { equal } from "../crypto/babyjubjub";
import { AMOUNT_LIMIT, checkTerms, lockOf } from "../crypto/notes";
import {
  CredentialExpired,
  Diverged,
  EpochFull,
  IssuerFault,
  NoCredential,
  NotAdmitted,
  Paused,
  UnknownMarket,
  WindowClosed,
} from "../errors";
import type { Chain } from "../ledger/chain";
import { epochOnChain } from "../ledger/held";
import type { Ledger } from "../ledger/ledger";
import type { MarketTerms } from "../ledger/records";
import { revealKeyOf } from "../ledger/state";
import type { OwnedNote, Point, Terms } from "../types";
import type { Issued } from "./types";

/** Seconds past the head at which a commit shows its credential still valid (an hour at most). */
export const TIME_AHEAD = 600n;

export function marketTerms(ledger: Ledger, market: number): MarketTerms {
  const found = ledger.state.markets.get(market);
  const known = [...ledger.state.markets.keys()].join(", ") || "none";
  if (!found) throw new UnknownMarket(`no market ${market} up to block ${ledger.block}; known: ${known}`);
  return found;
}

export async function checkNotPaused(chain: Chain): Promise<void> {
  if ((await chain.call("Pool", "paused()->(bool)"))[0])
    throw new Paused("deposits and commits are paused; withdrawals and reclaims are not");
}

/** A transaction sent now is mined in block head + 1 at the earliest: [first, end) must hold it. */
export function checkWindow(head: number, first: number, end: number, what: string): void {
  if (head < first) throw new WindowClosed(`the ${what} window opens at block ${first}; the chain is at ${head}`);
  if (head + 1 >= end) throw new WindowClosed(`the ${what} window closed before block ${end}; the chain is at ${head}`);
}

/** The credential is the owner's, in the issuer's tree, and admitted by the market at `time` (s). */
export function checkCredential(
  ledger: Ledger,
  market: MarketTerms,
  issued: Issued | null,
  owner: bigint,
  time: bigint,
): asserts issued is Issued {
  if (!issued) throw new NoCredential("an order needs a credential: ask the issuer for one");
  const { id, credential } = issued;
  if (credential.owner !== owner) throw new NoCredential(`credential ${id} is another owner's`);
  if (ledger.state.credentials.leaf(id) !== credentialLeaf(credential))
    throw new NoCredential(`credential ${id} is not in the issuer's tree: revoked, renewed or too new`);
  if (credential.expiry <= time)
    throw new CredentialExpired(
      `credential ${id} expires at ${credential.expiry} s, and must outlast ${time} s: renew it`,
    );
  if (!((market.jurisdictions >> credential.jurisdiction) & 1n))
    throw new NotAdmitted(`the market does not admit jurisdiction ${credential.jurisdiction}`);
  if (credential.tier < market.tier)
    throw new NotAdmitted(`the market admits tier ${market.tier} and above; the credential has ${credential.tier}`);
}

export function checkOrder(market: MarketTerms, terms: Terms): void {
  checkTerms(terms);
  if (terms.quantity < market.minQuantity)
    throw new NotAdmitted(`the market's smallest order is ${market.minQuantity} lots, not ${terms.quantity}`);
  if (lockOf(terms, market.lot, market.feeBps) >= AMOUNT_LIMIT)
    throw new NotAdmitted("the order locks more than a note can hold: ask for less");
}

/**
 * The key that an epoch's orders are revealed to, if leader, key and frozen set are the contract's own: an indexer
 * that told of another leader would have the orders opened to itself.
 */
export async function checkReader(chain: Chain, ledger: Ledger, market: number, epoch: number): Promise<Point> {
  const of = ledger.state.epoch(market, epoch);
  const { leader, reveal_key_version, reveal_key, commit_chain } = await epochOnChain(
    chain,
    market,
    epoch,
    ledger.block,
  );
  const key = ledger.state.revealKeys.get(revealKeyOf(of.leader, of.revealVersion));
  const held: [string, boolean][] = [
    ["leader", leader === of.leader],
    ["leader's key version", reveal_key_version === BigInt(of.revealVersion)],
    ["leader's reveal key", key !== undefined && equal(key, reveal_key)],
    ["set of orders", BigInt(commit_chain) === of.commitChain],
  ];
  const wrong = held.find(([, same]) => !same);
  if (wrong)
    throw new Diverged(
      `epoch ${epoch} of market ${market} has another ${wrong[0]} on the chain than the events tell: ` +
        "nothing was revealed; sync without the indexer",
    );
  return key!;
}

/** Each note is spent as the ledger has it. */
export async function checkSpent(chain: Chain, ledger: Ledger, notes: OwnedNote[]): Promise<void> {
  for (const { nullifier, spent, position } of notes) {
    const [there] = await chain.call("Pool", "nullified(uint256)->(bool)", [nullifier], ledger.block);
    if (there !== spent)
      throw new Diverged(`the note at ${position} is ${spent ? "un" : ""}spent on the chain: sync without the indexer`);
  }
}

export async function checkPlace(chain: Chain, market: number, epoch: number, capacity: number): Promise<void> {
  const { live } = await epochOnChain(chain, market, epoch);
  if (live >= BigInt(capacity))
    throw new EpochFull(`epoch ${epoch} of market ${market} holds ${live} orders, its capacity: try the next epoch`);
}

/** The credential root that the ledger holds is one that a commit may name now. */
export async function checkRoot(chain: Chain, ledger: Ledger): Promise<void> {
  const { credentials, credentialsFit } = ledger.state;
  if (!credentialsFit)
    throw new IssuerFault(
      "the issuer's credential root is not that of its leaves, so that no order can be proven: it must publish " +
        "the right one; withdrawals, reveals, reclaims and settlements go on",
    );
  if (!(await chain.call("Credentials", "accepts(uint256)->(bool)", [credentials.root]))[0])
    throw new NoCredential("the issuer has just changed its tree: try again when the ledger has followed");
}
