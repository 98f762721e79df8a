/** The scanner in WebAssembly, held to the same arithmetic in numbers without bounds. */

import { expect, test } from "vitest";

import { B8, ecdh, encryptionKey, mul } from "../crypto/babyjubjub";
import { R } from "../crypto/field";
import { squeeze } from "../crypto/poseidon";
import { sealMemo } from "../crypto/streams";
import { candidates } from "./scan";
import { Scanner } from "./scanner";

const SCALARS = [1n, 2n, 31n, 2n ** 249n + 12345n, 2n ** 250n - 1n];

test.each(SCALARS)("pads are those of the shared point (%i)", async (scalar) => {
  const scanner = await Scanner.create(scalar);
  for (const factor of [1n, 3n, 2n ** 200n + 77n]) {
    const point = mul(factor, B8);
    expect(scanner.pad(point)).toBe(squeeze("memo", ecdh(scalar, point), 1)[0]);
  }
});

test("points of small order, and none at all", async () => {
  const scanner = await Scanner.create(5n);
  const identity = squeeze("memo", [0n, 1n], 1)[0];
  for (const point of [[0n, 1n] as const, [0n, R - 1n] as const]) expect(scanner.pad(point)).toBe(identity);
  expect(await candidates([[1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n]], 5n)).toEqual([false]);
});

test("a memo is passed to its own key alone", async () => {
  const keys = [111n, 222n].map(encryptionKey);
  const memos = [0, 1, 0, 1].map((i, place) => sealMemo([9n, 8n, 7n, 0n, 0n], keys[i]!.public, 99n + BigInt(place)));
  const told: number[] = [];
  expect(await candidates(memos, 111n, (done) => told.push(done))).toEqual([true, false, true, false]);
  expect(await candidates(memos, 222n)).toEqual([false, true, false, true]);
  expect(told).toEqual([4]);
});
