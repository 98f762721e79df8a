/** The field, Poseidon and Baby Jubjub, held to Python's. */

import { describe, expect, test } from "vitest";

import { primitives as vectors, words } from "../../vectors/read";
import { OutOfRange } from "../errors";
import type { Point } from "../types";
import { IDENTITY, L, ecdh, encryptionKey, equal, mul, mulBase, onCurve, B8, add } from "./babyjubjub";
import { R, asAddress, asWord, decimal, tag } from "./field";
import { type Use, hash, node, permute, sponge, squeeze } from "./poseidon";

test("tags", () => {
  for (const [use, word] of Object.entries(vectors.tags)) expect(tag(use)).toBe(BigInt(word));
});

describe("Poseidon", () => {
  test.each(vectors.permutations.map((one) => [one.in.length, one] as const))("width %i", (_, one) => {
    expect(permute(words(one.in))).toEqual(words(one.out));
  });
  test.each(vectors.hashes.map((one) => [one.use, one] as const))("use %s", (use, one) => {
    expect(hash(use as Use, ...words(one.in))).toBe(BigInt(one.hash));
    expect(squeeze(use as Use, words(one.in), one.stream.length)).toEqual(words(one.stream));
  });
  test("nodes and sponges", () => {
    for (const one of vectors.nodes) expect(node(...(words(one.in) as [bigint, bigint]))).toBe(BigInt(one.out));
    for (const one of vectors.sponges) expect(sponge(words(one.in))).toBe(BigInt(one.out));
  });
  test("refuses words outside the field and wrong shapes", () => {
    expect(() => permute([R, 0n])).toThrow(OutOfRange);
    expect(() => permute([-1n, 0n])).toThrow(OutOfRange);
    expect(() => hash("note", 1n)).toThrow(OutOfRange);
    expect(() => squeeze("receipt", [1n, 2n], 3)).toThrow(OutOfRange);
  });
});

describe("Baby Jubjub", () => {
  test("is Python's", () => {
    for (const one of vectors.curve.base) expect(mulBase(BigInt(one.scalar))).toEqual(words(one.point));
    for (const one of vectors.curve.ecdh) expect(ecdh(BigInt(one.scalar), at(one.point))).toEqual(words(one.shared));
    for (const one of vectors.curve.torsion) expect(equal(ecdh(1n, at(one)), IDENTITY)).toBe(true);
  });
  test("multiplies by table as without, and by any scalar", () => {
    for (const scalar of [0n, 1n, 15n, 16n, 17n, L, L + 1n, (1n << 256n) - 1n])
      expect(mulBase(scalar)).toEqual(mul(scalar, B8));
    expect(mul(5n, B8)).toEqual(add(mul(2n, B8), mul(3n, B8)));
  });
  test("refuses what is no point or scalar", () => {
    expect(onCurve([1n, 1n])).toBe(false);
    expect(() => ecdh(L, B8)).toThrow(OutOfRange);
    expect(() => ecdh(0n, B8)).toThrow(OutOfRange);
    expect(() => ecdh(1n, [1n, 1n])).toThrow(OutOfRange);
    expect(() => ecdh(1n, [R, 1n])).toThrow(OutOfRange);
    expect(() => mul(1n << 256n, B8)).toThrow(OutOfRange);
    expect(() => encryptionKey(0n)).toThrow("generate a new key");
  });
});

test("numbers and addresses enter in their one spelling", () => {
  expect(decimal("0", 1n)).toBe(0n);
  for (const text of ["", "01", "-1", "+1", "1.0", "1e3", " 1", "10", 1]) expect(() => decimal(text, 10n)).toThrow();
  const address = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
  expect(asAddress(asWord(address.toLowerCase()))).toBe(address);
  expect(() => asWord(address.replace("5F", "5f"))).toThrow("mistyped");
  expect(() => asWord("0x1234")).toThrow(OutOfRange);
  expect(() => asAddress(1n << 160n)).toThrow(OutOfRange);
});

function at(text: string[]): Point {
  return words(text) as unknown as Point;
}
