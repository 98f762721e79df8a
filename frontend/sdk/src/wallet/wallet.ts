/**
 * An institution's wallet: notes, orders, and every action on them (protocol §4, §5).
 *
 * All that it knows comes from its key and the chain, so restoring it is opening it again. The randomness of a
 * transaction is PRFs of the key over one fresh nonce.
 */

import * as calls from "../calls";
import { type Spent, dummy, prove } from "../claims";
import * as claims from "../claims";
import { ecdh, equal } from "../crypto/babyjubjub";
import { asAddress, asWord, checkRange, toBigInt } from "../crypto/field";
import type { ShieldedKey } from "../crypto/keys";
import { AMOUNT_LIMIT, opening, splitPosition } from "../crypto/notes";
import { revealMessage, sealMemo, sealReveal, slotSeed } from "../crypto/streams";
import { Diverged, OrderRefused, OutOfRange, QuotaUsed } from "../errors";
import { Chain } from "../ledger/chain";
import { CONFIRMATIONS, Ledger, type Progress } from "../ledger/ledger";
import { type OrderRecord, type Windows, epochAt, rulesOf, windowsOf } from "../ledger/records";
import type { Source } from "../ledger/source";
import { epochKey, revealKeyOf } from "../ledger/state";
import type {
  Address, Assembly, Call, Deployment, Eip1193, Hex, Note, OwnedNote, Proof, Prover, Spendable, Terms,
} from "../types"; // prettier-ignore
import * as admission from "./admission";
import { byAmount, choose } from "./coins";
import { movements } from "./history";
import { Holdings, orderOf, revealEphemeral } from "./holdings";
import { ENDED, FORFEITS, STATES, lockOfOrder, orderStatus, seenState } from "./orders";
import { type Carrier, reach } from "./send";
import type {
  ActOptions, CommitOptions, DepositOptions, EpochState, Issued, Lock, MarketView, Movement, OrderStatus, PaidOptions,
  PlacedOrder, Receipt,
} from "./types"; // prettier-ignore

/** Seconds past the head at which a commit shows its credential still valid (an hour at most). */
const TIME_AHEAD = 600n;
const NONCE_BYTES = 31;

export interface WalletOptions {
  deployment: Deployment;
  key: ShieldedKey;
  source: Source;
  prover: Prover;
  provider: Eip1193;
  /** Blocks between the head and what is acted on. */
  depth?: number;
  /** How often the node is asked for a transaction. */
  pollMs?: number;
  onProgress?: Progress;
}

/** An order on chain, and what brought it there. */
export interface Committed {
  order: PlacedOrder;
  receipt: Receipt;
}

/** What a transact pays in public; addresses are words, 0 for nobody. */
interface Public {
  deposit?: bigint;
  withdrawal?: bigint;
  fee?: bigint;
  account?: bigint;
  carrier?: bigint;
}

/**
 * The wallet of a key. Reading is of what the last `sync` saw; every action syncs first. Actions throw `Refused`,
 * `InsufficientFunds` or `OutOfRange` before anything is sent, `Reverted` if a contract refuses, and what the
 * signal was aborted with. What is private names the `sender` that sends it: an account whose deposits everyone
 * has seen would show whose it is.
 */
export class Wallet {
  readonly ledger: Ledger;
  readonly holdings: Holdings;
  readonly #chain: Chain;
  readonly #prover: Prover;
  /** Notes and quota places of what is being proven or under way: the block of it, Infinity while there is none. */
  readonly #held = new Map<bigint, number>();
  /** Of the epochs of orders that have not ended. */
  #states = new Map<string, EpochState>();
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(
    readonly key: ShieldedKey,
    options: WalletOptions,
  ) {
    const { deployment, provider, source, depth = CONFIRMATIONS } = options;
    this.#chain = new Chain(provider, deployment, options.pollMs);
    this.ledger = new Ledger(this.#chain, source, depth);
    this.holdings = new Holdings(this.ledger, key);
    this.#prover = options.prover;
  }

  /** The wallet of a key, restored from the chain. Diverged if what the source tells is not what the contracts hold. */
  static async open(options: WalletOptions): Promise<Wallet> {
    const made = new Wallet(options.key, options);
    await made.#chain.check();
    await made.sync(options.onProgress);
    return made;
  }

  get deployment(): Deployment {
    return this.#chain.deployment;
  }

  /** Where others send notes to. */
  get address(): Address {
    return this.key.address;
  }

  // --- Reading ---

  /** Follow the chain; the block that this wallet now stands at. */
  sync(onProgress?: Progress): Promise<number> {
    return this.#exclusively(() => this.#sync(onProgress));
  }

  /** Unspent notes, those not yet in an advanced root included. */
  notes(): OwnedNote[] {
    return this.holdings.notes.filter((own) => !own.spent && !this.#held.has(own.nullifier));
  }

  /** Units by asset. */
  balances(): Map<Hex, bigint> {
    const totals = new Map<Hex, bigint>();
    for (const { note } of this.notes()) add(totals, asAddress(note.asset), note.amount);
    return totals;
  }

  /** Units by asset that orders on chain lock. */
  locked(): Map<Hex, bigint> {
    const totals = new Map<Hex, bigint>();
    for (const { fate, lock } of this.orders())
      if (!["filled", "cancelled", "reclaimed"].includes(fate)) add(totals, lock.asset, lock.lock);
    return totals;
  }

  /** Every order of this key with its fate, by epoch and place in the quota. */
  orders(): OrderStatus[] {
    const { state } = this.ledger;
    return this.holdings.orders.map((placed) => {
      const { market, epoch, terms, quotaNullifier } = placed;
      const [record, of] = [state.orders.get(quotaNullifier)!, state.epoch(market, epoch)];
      const known = this.#states.get(epochKey(market, epoch)) ?? seenState(this.ledger, of);
      const lock = lockOfOrder(market, state.markets.get(market)!, terms);
      return orderStatus(placed, record, of, known, this.holdings.fills.get(quotaNullifier), lock);
    });
  }

  /** How the key's holdings came about, the oldest first. */
  history(): Movement[] {
    return movements(this.ledger, this.holdings);
  }

  markets(): MarketView[] {
    return [...this.ledger.state.markets.keys()].map((id) => this.market(id));
  }

  /** A market, and where it stood at the head that the last sync saw. */
  market(id: number): MarketView {
    const terms = admission.marketTerms(this.ledger, id);
    const { head } = this.ledger;
    const epoch = head < terms.startBlock ? null : epochAt(terms, head);
    const past = [...this.ledger.state.epochs.values()].filter((one) => one.market === id);
    const printed = past.findLast((one) => one.printed);
    return {
      id,
      base: terms.base,
      quote: terms.quote,
      lot: terms.lot,
      minQuantity: terms.minQuantity,
      feeBps: terms.feeBps,
      bondBps: terms.bondBps,
      quota: terms.quota,
      capacity: terms.capacity,
      head,
      epoch,
      windows: epoch === null ? null : windowsOf(terms, epoch),
      reference: past.findLast((one) => one.reference)?.reference ?? null,
      printed: printed ? { epoch: printed.epoch, ...printed.printed! } : null,
    };
  }

  windows(market: number, epoch: number): Windows {
    return windowsOf(admission.marketTerms(this.ledger, market), epoch);
  }

  /** What an order would lock, and of it pay and forfeit at most. */
  worstCase(market: number, terms: Terms): Lock {
    return lockOfOrder(market, admission.marketTerms(this.ledger, market), terms);
  }

  /** What a sender asks for a transact of `asset`: a carrier its least fee, an account nothing. */
  async feeOf(asset: Hex, { sender, signal }: Pick<PaidOptions, "sender" | "signal">): Promise<bigint> {
    return (await reach(this.#chain, sender, signal)).fee(asset);
  }

  /**
   * Everything that can be said against an order before it is proven: throws as `commit` would. Gives the epoch
   * and what it locks.
   */
  async check(market: number, terms: Terms, issued: Issued | null, epoch?: number): Promise<Lock & { epoch: number }> {
    await this.sync();
    const found = await this.#admit(market, terms, issued, epoch);
    this.#freePlace(market, found.epoch);
    const lock = this.worstCase(market, terms);
    this.#pick(BigInt(lock.asset), lock.lock);
    return { ...lock, epoch: found.epoch };
  }

  /**
   * Ask the chain whether each note is spent as the ledger has it, which an indexer could lie about; Diverged if one
   * is not. The node learns whose nullifiers these are: ask one's own.
   */
  async checkSpent(): Promise<void> {
    for (const { nullifier, spent, position } of this.holdings.notes) {
      const [there] = await this.#chain.call("Pool", "nullified(uint256)->(bool)", [nullifier], this.ledger.block);
      if (there !== spent)
        throw new Diverged(`the note at ${position} is ${spent ? "un" : ""}spent on the chain: sync without the indexer`);
    }
  }

  // --- Moving value ---

  /** Bring an account's tokens into one or two notes of this key; approves the pool first if needed. */
  async deposit(asset: Hex, amount: bigint, options: DepositOptions): Promise<Receipt> {
    checkAmount(amount);
    const { sender, notes = 1 } = options;
    if (notes !== 1 && notes !== 2) throw new OutOfRange("a deposit makes one note or two");
    await admission.checkNotPaused(this.#chain);
    await this.#approve(asset, amount, options);
    const half = amount / 2n;
    const parts = notes === 1 ? [amount] : [amount - half, half];
    const outputs = parts.map((part): Output => [part, this.address]);
    const open = { deposit: amount, account: asWord(sender.address) };
    return await this.#transact(asWord(asset), () => [], outputs, open, await this.#reach(options), options);
  }

  /** Pay tokens to an EVM address. */
  async withdraw(asset: Hex, amount: bigint, recipient: Hex, options: PaidOptions): Promise<Receipt> {
    checkAmount(amount);
    return await this.#pay(asset, amount, [], { withdrawal: amount, account: asWord(recipient) }, options);
  }

  /** Send a note to another owner, unseen. */
  async transfer(asset: Hex, amount: bigint, to: Address, options: PaidOptions): Promise<Receipt> {
    checkAmount(amount);
    return await this.#pay(asset, amount, [[amount, to]], {}, options);
  }

  /** Join the spendable notes of an asset two by two: half as many are left. Each pair pays the fee. */
  async consolidate(asset: Hex, options: PaidOptions): Promise<Receipt[]> {
    await this.sync();
    const word = asWord(asset);
    const usable = byAmount(this.notes().filter((own) => own.advanced && own.note.asset === word));
    const carrier = await this.#reach(options);
    const paid = feeTo(carrier, asset, options);
    const receipts: Receipt[] = [];
    for (let at = 0; at + 1 < usable.length; at += 2)
      receipts.push(await this.#transact(word, () => usable.slice(at, at + 2), [], paid, carrier, options));
    return receipts;
  }

  // --- Orders ---

  /** Commit a sealed order to an epoch whose window is open. */
  async commit(market: number, terms: Terms, issued: Issued | null, options: CommitOptions): Promise<Committed> {
    const carrier = await this.#reach(options);
    const { assembly, order, holds } = await this.#exclusively(async () => {
      await this.#sync();
      return await this.#commitClaim(market, terms, issued, options.epoch);
    });
    return await this.#holding(holds, async () => {
      const { proof, seconds } = await this.#prove(assembly, options);
      const receipt = await this.#send(calls.commit(this.deployment, assembly, proof), carrier, options, seconds);
      return { done: { order, receipt }, block: receipt.block };
    });
  }

  /** Open an order to its epoch's leader, once the frozen set is as deep as the ledger stays. */
  async reveal(placed: PlacedOrder, options: ActOptions): Promise<Receipt> {
    const carrier = await this.#reach(options);
    await this.sync();
    const call = await this.#revealCall(placed);
    return await this.#send(call, carrier, options);
  }

  /** Cancel an order before its freeze, or take back one whose epoch ended without it. */
  async reclaim(placed: PlacedOrder, options: ActOptions): Promise<Receipt> {
    const carrier = await this.#reach(options);
    await this.sync();
    const { assembly, record } = await this.#reclaimClaim(placed);
    const { proof, seconds } = await this.#prove(assembly, options);
    const recorded = { ...placed, slot: record.reveal ? record.reveal.slot + 1 : 0 };
    return await this.#send(calls.reclaim(this.deployment, assembly, recorded, proof), carrier, options, seconds);
  }

  // --- Within ---

  /** One after the other: what reads the ledger meets it between two syncs. */
  #exclusively<T>(action: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(action, action);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #sync(onProgress?: Progress): Promise<number> {
    const block = await this.ledger.sync(onProgress);
    await this.holdings.refresh();
    for (const [word, at] of this.#held) if (at <= block) this.#held.delete(word);
    await this.#readStates(block);
    return block;
  }

  /** Ask for the state of each epoch in which an order has not ended. */
  async #readStates(block: number): Promise<void> {
    const { fills, orders } = this.holdings;
    const open = orders.filter(({ quotaNullifier }) => {
      return !fills.has(quotaNullifier) && !this.ledger.state.orders.get(quotaNullifier)!.reclaim;
    });
    const epochs = new Map(open.map(({ market, epoch }) => [epochKey(market, epoch), [market, epoch] as const]));
    const found = [...epochs].map(async ([at, place]): Promise<[string, EpochState]> => {
      const [state] = await this.#chain.call("Market", "state(uint256,uint256)->(uint256)", [...place], block);
      return [at, STATES[Number(state)]!];
    });
    this.#states = new Map(await Promise.all(found));
  }

  async #reach({ sender, signal }: ActOptions): Promise<Carrier> {
    return await reach(this.#chain, sender, signal);
  }

  async #prove(assembly: Assembly, { onStage, signal }: ActOptions): Promise<{ proof: Proof; seconds: number }> {
    const began = performance.now();
    const proof = await prove(this.deployment, assembly, this.#prover, { onStage, signal });
    signal?.throwIfAborted();
    return { proof, seconds: (performance.now() - began) / 1_000 };
  }

  async #send(call: Call, carrier: Carrier, { onStage, signal }: ActOptions, proofSeconds = 0): Promise<Receipt> {
    onStage?.("send", 0);
    const began = performance.now();
    const { hash, block, gas } = await carrier.send(call, signal);
    onStage?.("send", 1);
    return { name: call.name, hash, block, gas, seconds: (performance.now() - began) / 1_000, proofSeconds };
  }

  /** Hold words back while something that uses them is proven and sent, and until the ledger has seen it. */
  async #holding<T>(words: bigint[], action: () => Promise<{ done: T; block: number }>): Promise<T> {
    try {
      const { done, block } = await action();
      words.forEach((word) => this.#held.set(word, block));
      return done;
    } catch (error) {
      words.forEach((word) => this.#held.delete(word));
      throw error;
    }
  }

  #hold(words: bigint[]): bigint[] {
    words.forEach((word) => this.#held.set(word, Infinity));
    return words;
  }

  async #approve(token: Hex, amount: bigint, options: DepositOptions): Promise<void> {
    const owner = options.sender.address;
    const view = "allowance(address,address)->(uint256)";
    const [allowed] = await this.#chain.call(token, view, [owner, this.deployment.contracts.Pool!]);
    if ((allowed as bigint) < amount)
      await this.#chain.send(options.sender, calls.approve(this.deployment, token, amount), options.signal);
  }

  // --- Transacts ---

  /** Pay `amount` and the sender's fee of the key's own notes. */
  async #pay(asset: Hex, amount: bigint, outputs: Output[], open: Public, options: PaidOptions): Promise<Receipt> {
    const carrier = await this.#reach(options);
    const paid = feeTo(carrier, asset, options);
    const pick = () => this.#pick(asWord(asset), amount + paid.fee);
    return await this.#transact(asWord(asset), pick, outputs, { ...open, ...paid }, carrier, options);
  }

  /** Prove and send a join-split; `outputs` are (amount, address), and what is left over returns to this key. */
  async #transact(
    asset: bigint,
    pick: () => OwnedNote[],
    outputs: Output[],
    open: Public,
    carrier: Carrier,
    options: ActOptions,
  ): Promise<Receipt> {
    const { assembly, holds } = await this.#exclusively(async () => {
      await this.#sync();
      return this.#transactClaim(asset, pick(), outputs, open);
    });
    return await this.#holding(holds, async () => {
      const { proof, seconds } = await this.#prove(assembly, options);
      const receipt = await this.#send(calls.transact(this.deployment, assembly, proof), carrier, options, seconds);
      return { done: receipt, block: receipt.block };
    });
  }

  #transactClaim(asset: bigint, inputs: OwnedNote[], outputs: Output[], open: Public) {
    const nonce = freshNonce();
    const { deposit = 0n, withdrawal = 0n, fee = 0n } = open;
    const held = inputs.reduce((sum, own) => sum + own.note.amount, deposit);
    const left = outputs.reduce((rest, [amount]) => rest - amount, held - withdrawal - fee);
    const all: Output[] = outputs.length < 2 ? [...outputs, [left, this.address]] : [...outputs];
    while (all.length < 2) all.push([0n, this.address]);
    // So that a place says nothing about which one is the change.
    if (nonce & 1n) all.reverse();
    const notes = all.map(([amount, to], i): Note => {
      return { asset, amount, owner: to.owner, blinding: this.key.prf("note", nonce, BigInt(i)) };
    });
    const memos = notes.map((note, i) => this.#noteMemo(note, all[i]![1], nonce, BigInt(i)));
    const assembly = claims.transact({
      key: this.key,
      spent: this.#spendables(asset, inputs, nonce),
      outputs: [notes[0]!, notes[1]!],
      memos: [memos[0]!, memos[1]!],
      ...open,
    });
    return { assembly, holds: this.#hold(inputs.map((own) => own.nullifier)) };
  }

  // --- Claims of orders ---

  async #commitClaim(market: number, terms: Terms, issued: Issued | null, asked?: number) {
    const { epoch, time, credential: admitted } = await this.#admit(market, terms, issued, asked);
    const { id, credential } = admitted;
    const index = this.#freePlace(market, epoch);
    const lock = this.worstCase(market, terms);
    const [asset, nonce] = [BigInt(lock.asset), freshNonce()];
    const inputs = this.#pick(asset, lock.lock);
    const [salt, blinding] = [this.key.prf("salt", nonce), this.key.prf("note", nonce)];
    const rk = this.key.orderAccount(BigInt(market), BigInt(epoch), index).address;
    const quotaNullifier = this.holdings.quotaNullifiers(market, epoch)[index]!;
    const placed: PlacedOrder = { market, epoch, terms, credentialId: id, salt, index, quotaNullifier, rk };
    const order = orderOf(placed, this.key.owner);
    const change = inputs.reduce((sum, own) => sum + own.note.amount, -lock.lock);
    const [word] = opening(order);
    const plain = [word, order.credentialId, salt, change, blinding];
    const tree = this.ledger.state.credentials;
    const assembly = claims.commit({
      key: this.key,
      rules: rulesOf(market, admission.marketTerms(this.ledger, market)),
      order,
      spent: this.#spendables(asset, inputs, nonce),
      changeBlinding: blinding,
      credential,
      credentialRoot: tree.root,
      credentialSiblings: tree.path(id),
      quotaIndex: index,
      rk: asWord(rk),
      time,
      memo: sealMemo(plain, this.key.viewing.public, this.key.ephemeral("memo", nonce)),
    });
    return { assembly, order: placed, holds: this.#hold([...inputs.map((own) => own.nullifier), quotaNullifier]) };
  }

  /** Epoch, time (s) and credential of a commit that nothing speaks against. */
  async #admit(market: number, terms: Terms, issued: Issued | null, asked?: number) {
    const found = admission.marketTerms(this.ledger, market);
    const head = await this.#chain.head();
    // A transaction sent now is mined in the next block at the earliest.
    const epoch = asked ?? epochAt(found, head + 1);
    const windows = windowsOf(found, epoch);
    const time = (await this.#chain.timestamp(head)) + TIME_AHEAD;
    admission.checkWindow(head, windows.open, windows.freeze, "commit");
    admission.checkCredential(this.ledger, found, issued, this.key.owner, time);
    admission.checkOrder(found, terms);
    await admission.checkNotPaused(this.#chain);
    await admission.checkRoot(this.#chain, this.ledger);
    await admission.checkPlace(this.#chain, market, epoch, found.capacity);
    return { epoch, time, credential: issued };
  }

  #freePlace(market: number, epoch: number): number {
    const taken = (nullifier: bigint) => this.ledger.state.orders.has(nullifier) || this.#held.has(nullifier);
    const index = this.holdings.quotaNullifiers(market, epoch).findIndex((nullifier) => !taken(nullifier));
    if (index < 0)
      throw new QuotaUsed(`all orders that a credential has in epoch ${epoch} are used: try the next epoch`);
    return index;
  }

  async #revealCall(placed: PlacedOrder): Promise<Call> {
    const [record, order] = [this.#record(placed), orderOf(placed, this.key.owner)];
    const { market, epoch } = placed;
    if (record.reveal || record.reclaim)
      throw new OrderRefused(record.reveal ? "the order was revealed already" : "the order was reclaimed");
    const windows = this.windows(market, epoch);
    if (this.ledger.block < windows.freeze)
      throw new OrderRefused(
        `a reveal waits until block ${windows.freeze}, where the set froze, is ${this.ledger.depth} deep; ` +
          `the ledger stands at ${this.ledger.block}`,
      );
    admission.checkWindow(await this.#chain.head(), windows.reveal, windows.settle, "reveal");
    const of = this.ledger.state.epoch(market, epoch);
    const leaderKey = this.ledger.state.revealKeys.get(revealKeyOf(of.leader, of.revealVersion));
    const view = "reveal_key(address,uint256)->(uint256,uint256,uint256)";
    const [x, y] = await this.#chain.call("Relayers", view, [of.leader, of.revealVersion], this.ledger.block);
    // Whoever told another key could read the order.
    if (!leaderKey || !equal(leaderKey, [x as bigint, y as bigint]))
      throw new Diverged("the leader's reveal key is not the contract's: sync without the indexer");
    const scalar = revealEphemeral(this.key, record.oc, of);
    const { chainId, contracts } = this.deployment;
    const at = { chainId, pool: asWord(contracts.Pool!), market: order.market, epoch: order.epoch };
    const reveal = sealReveal(opening(order), record.oc, scalar, slotSeed(ecdh(scalar, leaderKey), at, record.oc));
    const message = revealMessage(at, of.commitChain, asWord(of.leader), BigInt(of.revealVersion), reveal);
    const signature = this.key.orderAccount(order.market, order.epoch, placed.index).sign(message);
    return calls.reveal(this.deployment, { ...at, quotaNullifier: placed.quotaNullifier }, reveal, signature);
  }

  async #reclaimClaim(placed: PlacedOrder): Promise<{ assembly: Assembly; record: OrderRecord }> {
    const [record, nonce] = [this.#record(placed), freshNonce()];
    const { market, epoch } = placed;
    const { state } = this.ledger;
    const treasury = state.treasuries.get(state.epoch(market, epoch).treasuryVersion);
    if (!treasury) throw new Diverged("the epoch's treasury key is unknown: sync without the indexer");
    const material = {
      key: this.key,
      rules: rulesOf(market, admission.marketTerms(this.ledger, market)),
      order: orderOf(placed, this.key.owner),
      forfeit: await this.#forfeits(record),
      blinding: this.key.prf("note", nonce),
    };
    const memo = this.#noteMemo(claims.refundOf(material), this.address, nonce, 0n);
    const ephemeral = this.key.ephemeral("treasury", nonce);
    const to = { treasuryOwner: treasury.owner, treasuryKey: treasury.key };
    return { assembly: claims.reclaim({ ...material, ...to, ephemeral, memo }), record };
  }

  /** Whether a reclaim forfeits the bond; OrderRefused if none is due now. */
  async #forfeits(record: OrderRecord): Promise<boolean> {
    const { market, epoch, quotaNullifier, reclaim } = record;
    const windows = this.windows(market, epoch);
    if (reclaim) throw new OrderRefused("the order was reclaimed already");
    if (this.holdings.fills.has(quotaNullifier))
      throw new OrderRefused("the order was settled: its notes are in the wallet");
    const state = this.#states.get(epochKey(market, epoch))!;
    if (state === "commit") admission.checkWindow(await this.#chain.head(), windows.open, windows.freeze, "cancel");
    else if (!ENDED.includes(state))
      throw new OrderRefused(`the epoch is ${state} at block ${this.ledger.block}; it ends by block ${windows.deadline}`);
    return FORFEITS.includes(state);
  }

  #record({ quotaNullifier }: PlacedOrder): OrderRecord {
    const found = this.ledger.state.orders.get(quotaNullifier);
    if (!found)
      throw new OrderRefused(`the order is not on the chain up to block ${this.ledger.block}; wait and try again`);
    return found;
  }

  // --- Notes ---

  #pick(asset: bigint, amount: bigint): OwnedNote[] {
    return choose(this.notes().filter((own) => own.note.asset === asset), amount); // prettier-ignore
  }

  /** The inputs with their paths, filled up with dummies under a root that holds any. */
  #spendables(asset: bigint, inputs: OwnedNote[], nonce: bigint): Spent {
    const found = inputs.map((own) => this.#spendable(own));
    const [first] = found;
    const [tree, root] = first ? [splitPosition(first.position)[0], first.root] : [0, this.ledger.state.trees[0]!.root];
    while (found.length < 2)
      found.push(dummy(this.key, asset, this.key.prf("dummy", nonce, BigInt(found.length)), tree, root));
    return [found[0]!, found[1]!];
  }

  #spendable({ note, position }: OwnedNote): Spendable {
    const [number, leaf] = splitPosition(position);
    const tree = this.ledger.state.trees[number]!;
    return { note, position, root: tree.root, siblings: tree.path(leaf) };
  }

  #noteMemo(note: Note, to: Address, nonce: bigint, index: bigint): bigint[] {
    const plain = [note.asset, note.amount, note.blinding, 0n, 0n];
    return sealMemo(plain, to.viewing, this.key.ephemeral("memo", nonce, index));
  }
}

type Output = [amount: bigint, to: Address];

/** What a transact pays its sender. */
function feeTo(carrier: Carrier, asset: Hex, { fee }: PaidOptions): { fee: bigint; carrier: bigint } {
  const paid = checkRange(fee ?? carrier.fee(asset), 0n, AMOUNT_LIMIT, "fee");
  return { fee: paid, carrier: paid ? asWord(carrier.address) : 0n };
}

function checkAmount(amount: bigint): void {
  checkRange(amount, 1n, AMOUNT_LIMIT, "amount");
}

/** 31 random bytes, whose PRFs are all of one transaction's randomness. */
function freshNonce(): bigint {
  return toBigInt(crypto.getRandomValues(new Uint8Array(NONCE_BYTES)));
}

function add(totals: Map<Hex, bigint>, asset: Hex, amount: bigint): void {
  totals.set(asset, (totals.get(asset) ?? 0n) + amount);
}
