/** Keys, notes, orders, memos, reveals and paths, held to Python's. */

import { secp256k1 } from "@noble/curves/secp256k1.js";
import { describe, expect, test } from "vitest";

import { deployment as document, each, vectors } from "../../vectors/read";
import { reveal as revealCall } from "../calls";
import { worstCase } from "../claims";
import { readDeployment } from "../deployment";
import { DecryptionError, KeyMaterialError, OutOfRange } from "../errors";
import type { Hex } from "../types";
import { IDENTITY, ecdh } from "./babyjubjub";
import { R, bytes32, concat, fromHex, toHex } from "./field";
import {
  ShieldedKey,
  addressText,
  derive,
  fromSignature,
  fromWallet,
  keyDigest,
  keyTypedData,
  readAddress,
} from "./keys";
import { fold, zeros } from "./merkle";
import * as notes from "./notes";
import * as streams from "./streams";

const deployment = readDeployment(document);
const { chainId } = deployment;
const pool = deployment.contracts.Pool!;
const place = { chainId, pool: BigInt(pool), market: 7n, epoch: 12n };

describe("keys", () => {
  const { account, signature, sk, ...expected } = vectors.keys;
  const key = new ShieldedKey(sk);

  test("the signature of a wallet gives Python's key", () => {
    expect(keyDigest(chainId, pool)).toBe(BigInt(expected.digest));
    expect(fromSignature(fromHex(signature), chainId, pool).sk).toBe(sk);
    expect([key.owner, key.viewing.scalar, key.viewing.public]).toEqual([
      expected.owner,
      expected.viewing,
      expected.viewingPublic,
    ]);
    expect(key.address).toEqual({ owner: key.owner, viewing: key.viewing.public });
  });

  test("an address as text", () => {
    const { text } = expected;
    expect(addressText(key.address)).toBe(text);
    expect(readAddress(text)).toEqual(key.address);
    const beyond = "f".repeat(64);
    for (const bad of ["", text.slice(1), text + ".", text.replace(/^\w+/, beyond), text.replace(/\w+$/, beyond)])
      expect(() => readAddress(bad)).toThrow(OutOfRange);
    expect(() => readAddress(text.replace(/\w$/, (digit: string) => (digit === "0" ? "1" : "0")))).toThrow(
      "Baby Jubjub",
    );
  });

  test("however the wallet writes v and chooses s", () => {
    const bytes = fromHex(signature);
    const order = secp256k1.Point.CURVE().n;
    const high = bytes32(order - BigInt("0x" + toHex(bytes.slice(32, 64))));
    const other = concat([bytes.slice(0, 32), high, Uint8Array.of(bytes[64]! === 27 ? 1 : 0)]);
    expect(fromSignature(other, chainId, pool).sk).toBe(sk);
    expect(() => fromSignature(bytes.slice(0, 64), chainId, pool)).toThrow(KeyMaterialError);
  });

  test("a provider is asked for typed data, twice", async () => {
    const asked: unknown[] = [];
    const request = async (what: { method: string; params?: unknown[] }) => (asked.push(what), signature);
    const found = await fromWallet({ address: account.address, request }, chainId, pool);
    expect(found.sk).toBe(sk);
    const params = [account.address, JSON.stringify(keyTypedData(chainId, pool))];
    expect(asked).toEqual(Array(2).fill({ method: "eth_signTypedData_v4", params }));
  });

  test("a wallet whose signatures vary, or are not its own, is refused", async () => {
    let nonce = 0n;
    const secret = fromHex(account.secret);
    const vary = async () => signWith(secret, keyDigest(chainId, pool), nonce++);
    await expect(fromWallet({ address: account.address, request: vary }, chainId, pool)).rejects.toThrow("vary");
    const other = async () => signWith(bytes32(5n), keyDigest(chainId, pool), 0n);
    await expect(fromWallet({ address: account.address, request: other }, chainId, pool)).rejects.toThrow("own");
    const none = async () => null;
    await expect(fromWallet({ address: account.address, request: none }, chainId, pool)).rejects.toThrow(
      KeyMaterialError,
    );
  });

  test("a seed, its PRFs, quota nullifiers and order accounts", () => {
    const { seed } = expected;
    expect(derive(fromHex(seed.secret), seed.chainId, seed.pool).sk).toBe(seed.sk);
    for (const { name, in: words, word, scalar } of expected.prfs) {
      expect(key.prf(name, words[0], words[1], words[2])).toBe(word);
      expect(key.ephemeral(name, words[0], words[1], words[2])).toBe(scalar);
    }
    for (const { market, epoch, index, nullifier, rk } of expected.orders) {
      expect(key.quotaNullifier(market, epoch, index)).toBe(nullifier);
      expect(key.orderAccount(market, epoch, index).address).toBe(rk);
    }
  });

  test("nothing shows the secret, and bad material is refused", () => {
    const account = key.orderAccount(0n, 0n, 0);
    const shown = JSON.stringify({ key: { ...key }, account: { ...account } }, (_, v) =>
      typeof v === "bigint" ? `${v}` : v,
    );
    for (const secret of [sk, key.viewing.scalar]) expect(shown).not.toContain(`${secret}`);
    expect(shown).toContain(`${key.owner}`);
    expect(Object.keys(key)).not.toContain("sk");
    expect(() => new ShieldedKey(0n)).toThrow(KeyMaterialError);
    expect(() => new ShieldedKey(R)).toThrow(OutOfRange);
    expect(() => derive(new Uint8Array(31), chainId, pool)).toThrow("32 bytes");
  });
});

test("notes", () => {
  for (const { note, position, sk, commitment, nullifier } of vectors.notes) {
    expect(notes.noteCommitment(note)).toBe(commitment);
    expect(notes.noteNullifier(note, sk, position)).toBe(nullifier);
  }
  const { note } = vectors.notes[0];
  for (const bad of [{ asset: 1n << 160n }, { amount: 1n << 128n }, { amount: -1n }, { owner: R }, { blinding: R }])
    expect(() => notes.noteCommitment({ ...note, ...bad })).toThrow(OutOfRange);
  expect(() => notes.noteCommitment({ ...note, amount: 5 as never })).toThrow("bigint");
  for (const position of [-1, 0.5, 2 ** 53]) expect(() => notes.splitPosition(position)).toThrow(OutOfRange);
  expect(notes.splitPosition(3 * 2 ** 32 + 7)).toEqual([3, 7]);
});

describe("orders", () => {
  const { rules } = vectors.claims[3].claim;
  test.each(each(vectors.orders))("order%s %i", (_name, _i, one) => {
    const { terms } = one.order;
    expect(notes.termsWord(terms)).toBe(one.word);
    expect(notes.termsFromWord(one.word)).toEqual(terms);
    expect(notes.opening(one.order)).toEqual(one.opening);
    expect(notes.orderCommitment(one.order)).toBe(one.commitment);
    expect(notes.lockOf(terms, rules.lot, rules.feeBps)).toBe(one.lock);
    expect(notes.bondOf(terms, rules.lot, rules.feeBps, rules.bondBps)).toBe(one.bond);
    expect(notes.pay(terms, one.fill, one.price, rules.lot, rules.feeBps)).toEqual(one.payment);
    const worst = worstCase(rules, terms);
    expect([worst.asset, worst.lock, worst.bond]).toEqual([one.asset, one.lock, one.bond]);
    expect(worst.lock - worst.fee).toBe(terms.quantity * (terms.side === notes.SELL ? rules.lot : terms.price));
  });
  test("ranges", () => {
    const { order } = vectors.orders[0];
    for (const bad of [{ quantity: 0n }, { price: 0n }, { quantity: 1n << 64n }, { price: 1n << 64n }, { side: 2 }])
      expect(() => notes.termsWord({ ...order.terms, ...bad })).toThrow(OutOfRange);
    for (const word of [-1n, 0n, 1n, 1n << 129n]) expect(() => notes.termsFromWord(word)).toThrow(OutOfRange);
    for (const bad of [{ credentialId: 1n << 20n }, { salt: R }, { market: -1n }])
      expect(() => notes.orderCommitment({ ...order, ...bad })).toThrow(OutOfRange);
  });
});

test("memos", () => {
  const [first, second] = vectors.memos;
  for (const { sk, plain, ephemeral, memo, word } of vectors.memos) {
    const { viewing } = new ShieldedKey(sk);
    expect(streams.sealMemo(plain, viewing.public, ephemeral)).toEqual(memo);
    expect(streams.openMemo(memo, viewing)).toEqual(plain);
    expect(streams.memoWord(memo)).toBe(word);
  }
  const { viewing } = new ShieldedKey(first.sk);
  expect(() => streams.openMemo(second.memo, viewing)).toThrow(DecryptionError);
  for (let i = 0; i < 8; i++) {
    const bent = first.memo.map((word: bigint, at: number) => (at === i ? (word + 1n) % R : word));
    expect(streams.tryMemo(bent, viewing)).toBe(null);
  }
  const beyond = first.memo.map((word: bigint, at: number) => (at === 3 ? word + R : word));
  expect(streams.tryMemo(beyond, viewing)).toBe(null);
  expect(streams.tryMemo(first.memo.slice(1), viewing)).toBe(null);
  expect(() => streams.sealMemo(first.plain, IDENTITY, 5n)).toThrow("small order");
  expect(() => streams.sealMemo([1n], viewing.public, 5n)).toThrow(OutOfRange);
});

test.each(each(vectors.reveals))("reveal%s %i", (_name, _i, one) => {
  const key = new ShieldedKey(one.sk);
  const { order } = one;
  const [chain, oc] = [BigInt(one.commitChain), notes.orderCommitment(order)];
  expect(key.ephemeral("reveal", oc, chain % R, one.version)).toBe(one.ephemeral);
  expect(streams.slotSeed(ecdh(one.ephemeral, one.leaderKey), place, oc)).toBe(one.seed);
  const reveal = streams.sealReveal(notes.opening(order), oc, one.ephemeral, one.seed);
  expect(reveal).toEqual(one.reveal);
  expect(streams.validOpening(order.market, order.epoch, reveal, one.seed)).toEqual(notes.opening(order));
  expect(streams.validOpening(order.market, order.epoch, reveal, one.seed + 1n)).toBe(null);
  const message = streams.revealMessage(place, chain, one.leader, one.version, reveal);
  expect(message).toBe(BigInt(one.message));
  const signature = key.orderAccount(order.market, order.epoch, one.index).sign(message);
  expect(signature).toEqual(one.signature);
  expect(streams.commitLink(chain, oc, one.leader)).toBe(BigInt(one.commitLink));
  expect(streams.revealLink(chain, reveal)).toBe(BigInt(one.revealLink));
  const at = { market: order.market, epoch: order.epoch, quotaNullifier: one.quotaNullifier };
  expect(revealCall(deployment, at, reveal, signature)).toEqual({ ...one.call, value: 0n });
});

test("what a settlement encrypts", () => {
  const { context, word, receipt, blindings, treasury } = vectors.streams;
  expect(streams.contextWord(context)).toBe(word);
  expect(streams.openReceipt(receipt.word, receipt.seed, word)).toEqual({ fill: receipt.fill, price: receipt.price });
  expect(streams.openReceipt(receipt.word, receipt.seed + 1n, word)).toBe(null);
  expect(streams.outputBlindings(blindings.salt, word)).toEqual(blindings.out);
  expect(streams.treasuryStream(treasury.shared, word, treasury.kind)).toEqual(treasury.out);
});

test("paths", () => {
  expect(zeros(32)).toEqual(vectors.paths.zeros);
  for (const { leaf, index, siblings, root } of vectors.paths.folds) {
    expect(fold(leaf, index, siblings)).toBe(root);
    expect(fold(leaf + 1n, index, siblings)).not.toBe(root);
  }
  expect(() => fold(1n, 1 << 20, zeros(19))).toThrow(OutOfRange);
});

/** A signature that a wallet makes with extra entropy of its own. */
function signWith(secret: Uint8Array, digest: bigint, nonce: bigint): Hex {
  const extra = bytes32(nonce);
  const made = secp256k1.sign(bytes32(digest), secret, { prehash: false, format: "recovered", extraEntropy: extra });
  return `0x${toHex(concat([made.slice(1), Uint8Array.of(27 + made[0]!)]))}`;
}
