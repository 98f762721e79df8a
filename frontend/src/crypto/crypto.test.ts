/** Held to the vectors that Python makes (tests/frontend/vectors.py). */

import { R } from "@shadowpool/sdk/crypto/field";
import { BUY } from "@shadowpool/sdk/crypto/notes";
import { circuitId, statement } from "@shadowpool/sdk/crypto/statement";
import { contextWord } from "@shadowpool/sdk/crypto/streams";
import { describe, expect, test } from "vitest";

import { openEpoch } from "./auditor";
import { verify } from "@shadowpool/sdk/crypto/groth16";
import { KeystoreError, openKeystore } from "./keystore";
import { settledEpoch, vectors, words } from "./vectors";

describe("Groth16", () => {
  const { key, proof, publics } = vectors.groth16;
  test("a proof holds, and only for its publics", () => {
    expect(verify(words(key), words(proof), words(publics))).toBe(true);
    const other = words(publics).map((word, i) => (i === 1 ? word + 1n : word));
    expect(verify(words(key), words(proof), other)).toBe(false);
    expect(
      verify(
        words(key),
        words(proof),
        words(publics).map((word) => word + R),
      ),
    ).toBe(false);
    const bent = words(proof).map((word, i) => (i === 7 ? word + 1n : word));
    expect(verify(words(key), bent, words(publics))).toBe(false);
  });
  test("statement and circuit id", () => {
    const v = vectors.groth16;
    const id = circuitId(words(v.key));
    expect(id).toBe(BigInt(v.circuit_id));
    const { digest, challenge, evaluation } = statement(words(v.words), id, BigInt(v.chain_id), BigInt(v.pool));
    expect([digest, challenge, evaluation]).toEqual(words(v.publics));
  });
});

describe("keystore", () => {
  const { files, password, scalar } = vectors.keystore;
  test.each(Object.entries(files))("%s opens", async (_, file) => {
    expect(await openKeystore(file, password)).toBe(BigInt(scalar));
    await expect(openKeystore(file, "wrong")).rejects.toThrow("wrong passphrase");
  });
  test.each<[string, (document: any) => void]>([
    ["another kind", (document) => (document.shadowpool = "account")],
    ["an altered iv", (document) => (document.crypto.cipherparams.iv = "00".repeat(16))],
    ["a cost beyond all bounds", (document) => (document.crypto.kdfparams.n = 2 ** 40)],
    ["another cipher", (document) => (document.crypto.cipher = "aes-256-ctr")],
    ["no crypto", (document) => delete document.crypto],
  ])("%s is refused", async (_, alter) => {
    const document = JSON.parse(files.scrypt);
    alter(document);
    await expect(openKeystore(JSON.stringify(document), password)).rejects.toThrow(KeystoreError);
  });
});

describe("auditor", () => {
  test.each(vectors.audit.map((one, i) => [i, one] as const))("epoch %i opens as Python settled it", (_, one) => {
    const epoch = settledEpoch(one);
    expect(contextWord(epoch.context)).toBe(BigInt(one.context_word));
    const view = openEpoch(BigInt(one.key), epoch);
    expect(view.oddities).toEqual([]);
    const { lo, hi, price, volume } = view.clearing;
    expect([lo, hi, price, volume].map(String)).toEqual(Object.values(one.clearing));
    expect(view.orders.map((order) => String(order.fill))).toEqual(one.orders.map((order) => order.fill));
    view.orders.forEach((order, i) => {
      const expected = one.orders[i]!;
      expect(order.opening === null).toBe(expected.terms === null);
      if (!order.opening || !expected.terms) return;
      const { side, quantity, price } = order.opening.terms;
      expect([side === BUY ? "buy" : "sell", String(quantity), String(price)]).toEqual(Object.values(expected.terms));
      expect([String(order.opening.owner), String(order.opening.credentialId)]).toEqual([
        expected.owner,
        expected.credential_id,
      ]);
    });
  });
  test("another key opens nothing", () => {
    expect(() => openEpoch(1n, settledEpoch(vectors.audit[0]!))).toThrow("another");
  });
  test("a bent settlement shows", () => {
    const epoch = settledEpoch(vectors.audit[0]!);
    expect(openEpoch(BigInt(vectors.audit[0]!.key), { ...epoch, invalidMask: 0n }).oddities).not.toEqual([]);
    const print = { price: 1n, volume: 1n };
    expect(openEpoch(BigInt(vectors.audit[0]!.key), { ...epoch, print }).oddities).toEqual([
      "the print says 1 lots at 1",
    ]);
    const slots = epoch.slots.map((slot) => ({ ...slot, receipt: slot.receipt + 1n }));
    expect(openEpoch(BigInt(vectors.audit[0]!.key), { ...epoch, slots }).oddities.length).toBeGreaterThan(2);
  });
});
