import { expect, test } from "vitest";

import { type Secrets, makeSealer, seal, unseal } from "./vault";

const SECRETS: Secrets = { sk: "0x1234", credential: null, agent: { url: "http://127.0.0.1:8700", key: "k" } };
const PLACE = { chainId: 31337, pool: `0x${"a".repeat(40)}`, address: `0x${"b".repeat(40)}` } as const;
const PASSPHRASE = "a long passphrase";
const FEW = 1_000;

test("what is sealed opens with its passphrase, and with no other", async () => {
  const record = await seal(SECRETS, PLACE, await makeSealer(PASSPHRASE, FEW));
  expect(new TextDecoder("latin1").decode(record.box)).not.toContain("1234");
  expect((await unseal(record, PASSPHRASE)).secrets).toEqual(SECRETS);
  await expect(unseal(record, "another passphrase")).rejects.toThrow("wrong passphrase");
});

test("a record of another account, or a changed one, does not open", async () => {
  const record = await seal(SECRETS, PLACE, await makeSealer(PASSPHRASE, FEW));
  await expect(unseal({ ...record, address: `0x${"c".repeat(40)}` }, PASSPHRASE)).rejects.toThrow("does not open");
  const box = record.box.slice();
  box[0]! ^= 1;
  await expect(unseal({ ...record, box }, PASSPHRASE)).rejects.toThrow("does not open");
  await expect(unseal({ ...record, iterations: 10 ** 9 }, PASSPHRASE)).rejects.toThrow("another version");
});

test("sealing again uses a fresh nonce, and the same passphrase", async () => {
  const first = await seal(SECRETS, PLACE, await makeSealer(PASSPHRASE, FEW));
  const { sealer } = await unseal(first, PASSPHRASE);
  const second = await seal({ ...SECRETS, credential: "{}" }, PLACE, sealer);
  expect(second.iv).not.toEqual(first.iv);
  expect((await unseal(second, PASSPHRASE)).secrets.credential).toBe("{}");
});

test("a short passphrase is refused", async () => {
  await expect(makeSealer("too short")).rejects.toThrow("12 characters");
});
