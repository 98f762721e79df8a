/**
 * An institution's wallet: notes, orders, and every action on them (protocol §4, §5).
 *
 * All that it knows comes from its key and the chain, so restoring it is opening it again. The randomness of a
 * transaction is PRFs of the key over one fresh nonce.
 */

import * as calls from "../calls";
import { prove } from "../claims";
import { asWord, checkRange } from "../crypto/field";
import { AMOUNT_LIMIT, orderCommitment } from "../crypto/notes";
import { ENDED, type EpochState, FORFEITS, STATES } from "../epochs";
import { Diverged, InsufficientFunds, OrderRefused, OutOfRange, QuotaUsed } from "../errors";
import { Chain } from "../ledger/chain";
import { CONFIRMATIONS, Ledger } from "../ledger/ledger";
import { type OrderRecord, epochAt, windowsOf } from "../ledger/records";
import { epochKey } from "../ledger/state";
import type { Address, Assembly, Call, Hex, OwnedNote, Proof, Prover, Terms } from "../types";
import * as admission from "./admission";
import { Builder, type Output, type Public } from "./builder";
import { byAmount, choose } from "./coins";
import { orderOf } from "./holdings";
import { Reading } from "./reading";
import { type Carrier, feeTo, reach } from "./send";
import type {
  ActOptions,
  CommitOptions,
  Committed,
  DepositOptions,
  Issued,
  Lock,
  PaidOptions,
  PlacedOrder,
  Receipt,
  WalletOptions,
} from "./types";

type Told = Pick<WalletOptions, "onProgress" | "onScan">;

/**
 * The wallet of a key. Reading is of what the last `sync` saw; every action syncs first. Actions throw `Refused`,
 * `InsufficientFunds` or `OutOfRange` before anything is sent, `Reverted` if a contract refuses, and what the
 * signal was aborted with. What is private names the `sender` that sends it: an account whose deposits everyone
 * has seen would show whose it is.
 */
export class Wallet extends Reading {
  readonly #chain: Chain;
  readonly #prover: Prover;
  readonly #builder: Builder;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor({ deployment, provider, source, depth = CONFIRMATIONS, pollMs, prover, key }: WalletOptions) {
    const chain = new Chain(provider, deployment, pollMs);
    super(key, new Ledger(chain, source, depth));
    this.#chain = chain;
    this.#builder = new Builder(key, this.ledger, this.holdings);
    this.#prover = prover;
  }

  /** The wallet of a key, restored from the chain. Diverged if what the source tells is not what the contracts hold. */
  static async open(options: WalletOptions): Promise<Wallet> {
    const made = new Wallet(options);
    await made.#chain.check();
    await made.sync(options);
    return made;
  }

  // --- Asking the chain ---

  /** Follow the chain; the block that this wallet now stands at. */
  sync(told: Told = {}): Promise<number> {
    return this.#exclusively(() => this.#sync(told));
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
    await this.#checked(() => admission.checkSpent(this.#chain, this.ledger, this.holdings.notes));
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
    for (let at = 0; at + 1 < usable.length; at += 2) {
      const pair = usable.slice(at, at + 2).map((own) => own.nullifier);
      const pick = () => {
        const left = this.notes().filter((own) => pair.includes(own.nullifier));
        if (left.length < 2) throw new InsufficientFunds("another action took a note of the pair");
        return left;
      };
      try {
        receipts.push(await this.#transact(word, pick, [], paid, carrier, options));
      } catch (error) {
        // A single note is not worth a fee.
        if (!(error instanceof InsufficientFunds)) throw error;
      }
    }
    return receipts;
  }

  // --- Orders ---

  /** Commit a sealed order to an epoch whose window is open. */
  async commit(market: number, terms: Terms, issued: Issued | null, options: CommitOptions): Promise<Committed> {
    const carrier = await this.#reach(options);
    const { assembly, placed, holds } = await this.#exclusively(async () => {
      await this.#sync();
      const { epoch, time, credential } = await this.#admit(market, terms, issued, options.epoch);
      const index = this.#freePlace(market, epoch);
      const { asset, lock } = this.worstCase(market, terms);
      const inputs = this.#pick(BigInt(asset), lock);
      const claimed = this.#builder.commit({ market, epoch, index, time }, terms, credential, inputs);
      const words = [...inputs.map((own) => own.nullifier), claimed.placed.quotaNullifier];
      return { ...claimed, holds: this.#hold(words) };
    });
    return await this.#holding(holds, async () => {
      const { proof, seconds } = await this.#prove(assembly, options);
      const receipt = await this.#send(calls.commit(this.deployment, assembly, proof), carrier, options, seconds);
      return { done: { placed, receipt }, block: receipt.block };
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
    const record = this.#record(placed);
    const assembly = this.#builder.reclaim(placed, await this.#forfeits(record));
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

  /** What `check` gives; where it finds that the chain contradicts the ledger, the next sync begins again. */
  async #checked<T>(check: () => Promise<T>): Promise<T> {
    try {
      return await check();
    } catch (error) {
      if (error instanceof Diverged)
        await this.#exclusively(async () => {
          await this.ledger.forget();
          await this.holdings.refresh();
        });
      throw error;
    }
  }

  async #sync({ onProgress, onScan }: Told = {}): Promise<number> {
    const block = await this.ledger.sync(onProgress);
    await this.holdings.refresh(onScan);
    for (const [word, at] of this.held) if (at <= block) this.held.delete(word);
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
    this.states = new Map(await Promise.all(found));
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

  async #send(call: Call, carrier: Carrier, options: ActOptions, proofSeconds = 0): Promise<Receipt> {
    const { onStage, onReceipt, signal } = options;
    onStage?.("send", 0);
    const began = performance.now();
    const { hash, block, gas } = await carrier.send(call, signal);
    onStage?.("send", 1);
    const seconds = (performance.now() - began) / 1_000;
    const receipt = { name: call.name, hash, block, gas, seconds, proofSeconds };
    onReceipt?.(receipt);
    return receipt;
  }

  /** Hold words back while something that uses them is proven and sent, and until the ledger has seen it. */
  async #holding<T>(words: bigint[], action: () => Promise<{ done: T; block: number }>): Promise<T> {
    try {
      const { done, block } = await action();
      words.forEach((word) => this.held.set(word, block));
      return done;
    } catch (error) {
      words.forEach((word) => this.held.delete(word));
      throw error;
    }
  }

  #hold(words: bigint[]): bigint[] {
    words.forEach((word) => this.held.set(word, Infinity));
    return words;
  }

  async #approve(token: Hex, amount: bigint, options: DepositOptions): Promise<void> {
    const owner = options.sender.address;
    const view = "allowance(address,address)->(uint256)";
    const [allowed] = await this.#chain.call(token, view, [owner, this.deployment.contracts.Pool!]);
    if ((allowed as bigint) < amount)
      await this.#send(calls.approve(this.deployment, token, amount), await this.#reach(options), options);
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
      const inputs = pick();
      const claimed = this.#builder.transact(asset, inputs, outputs, open);
      return { assembly: claimed, holds: this.#hold(inputs.map((own) => own.nullifier)) };
    });
    return await this.#holding(holds, async () => {
      const { proof, seconds } = await this.#prove(assembly, options);
      const receipt = await this.#send(calls.transact(this.deployment, assembly, proof), carrier, options, seconds);
      return { done: receipt, block: receipt.block };
    });
  }

  /** Epoch, time (s) and credential of a commit that nothing speaks against. */
  async #admit(market: number, terms: Terms, issued: Issued | null, asked?: number) {
    const found = admission.marketTerms(this.ledger, market);
    const head = await this.#chain.head();
    // A transaction sent now is mined in the next block at the earliest.
    const epoch = asked ?? epochAt(found, head + 1);
    const windows = windowsOf(found, epoch);
    const time = (await this.#chain.timestamp(head)) + admission.TIME_AHEAD;
    admission.checkWindow(head, windows.open, windows.freeze, "commit");
    admission.checkCredential(this.ledger, found, issued, this.key.owner, time);
    admission.checkOrder(found, terms);
    await admission.checkNotPaused(this.#chain);
    await admission.checkRoot(this.#chain, this.ledger);
    await admission.checkPlace(this.#chain, market, epoch, found.capacity);
    return { epoch, time, credential: issued };
  }

  #freePlace(market: number, epoch: number): number {
    const taken = (nullifier: bigint) => this.ledger.state.orders.has(nullifier) || this.held.has(nullifier);
    const index = this.holdings.quotaNullifiers(market, epoch).findIndex((nullifier) => !taken(nullifier));
    if (index < 0)
      throw new QuotaUsed(`all orders that a credential has in epoch ${epoch} are used: try the next epoch`);
    return index;
  }

  async #revealCall(placed: PlacedOrder): Promise<Call> {
    const record = this.#record(placed);
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
    const leaderKey = await this.#checked(() => admission.checkReader(this.#chain, this.ledger, market, epoch));
    return this.#builder.reveal(placed, record, leaderKey);
  }

  /** Whether a reclaim forfeits the bond; OrderRefused if none is due now. */
  async #forfeits(record: OrderRecord): Promise<boolean> {
    const { market, epoch, quotaNullifier, reclaim } = record;
    const windows = this.windows(market, epoch);
    if (reclaim) throw new OrderRefused("the order was reclaimed already");
    if (this.holdings.fills.has(quotaNullifier))
      throw new OrderRefused("the order was settled: its notes are in the wallet");
    const state = this.states.get(epochKey(market, epoch))!;
    if (state === "commit") admission.checkWindow(await this.#chain.head(), windows.open, windows.freeze, "cancel");
    else if (!ENDED.includes(state))
      throw new OrderRefused(
        `the epoch is ${state} at block ${this.ledger.block}; it ends by block ${windows.deadline}`,
      );
    return FORFEITS.includes(state);
  }

  /** An order's record; what opens another commitment than its own would be shown invalid, and cost the bond. */
  #record(placed: PlacedOrder): OrderRecord {
    const found = this.ledger.state.orders.get(placed.quotaNullifier);
    if (!found)
      throw new OrderRefused(`the order is not on the chain up to block ${this.ledger.block}; wait and try again`);
    if (orderCommitment(orderOf(placed, this.key.owner)) !== found.oc)
      throw new OrderRefused("this is not the order that was committed: take it from the wallet's own orders");
    return found;
  }

  // --- Notes ---

  #pick(asset: bigint, amount: bigint): OwnedNote[] {
    return choose(
      this.notes().filter((own) => own.note.asset === asset),
      amount,
    );
  }
}

function checkAmount(amount: bigint): void {
  checkRange(amount, 1n, AMOUNT_LIMIT, "amount");
}
