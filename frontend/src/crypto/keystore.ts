/**
 * Opens the encrypted key files that `offchain/keystore.py` writes (Ethereum's keystore, version 3).
 *
 * The form is checked first, so that a file cannot make the key derivation run for hours or take all
 * memory. As there, the address alone shows that the secret that came out is the one put in.
 */

import { L } from "@shadowpool/sdk/crypto/babyjubjub";
import { concat, fromHex, toBigInt, toHex } from "@shadowpool/sdk/crypto/field";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { pbkdf2Async } from "@noble/hashes/pbkdf2.js";
import { scryptAsync } from "@noble/hashes/scrypt.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { keccak_256 } from "@noble/hashes/sha3.js";

export class KeystoreError extends Error {}

const LIMITS = {
  pbkdf2: { dklen: [32, 32], c: [1, 10_000_000] },
  scrypt: { dklen: [32, 32], n: [2, 1 << 20], r: [1, 32], p: [1, 16] },
} as const;
const MAX_SCRYPT_BLOCKS = 1 << 22;

interface Checked {
  ciphertext: Uint8Array;
  mac: string;
  iv: Uint8Array;
  address: string;
  derive: (password: Uint8Array, progress: (part: number) => void) => Promise<Uint8Array>;
}

/** The Baby Jubjub scalar in an auditor's key file. KeystoreError says what is wrong. */
export async function openKeystore(
  text: string,
  password: string,
  progress: (part: number) => void = () => {},
): Promise<bigint> {
  const file = checked(text);
  const derived = await file.derive(new TextEncoder().encode(password), progress);
  if (toHex(keccak_256(concat([derived.slice(16, 32), file.ciphertext]))) !== file.mac)
    throw new KeystoreError("The file does not open: wrong passphrase, or the file is damaged.");
  const secret = await decrypt(derived.slice(0, 16), file.iv, file.ciphertext);
  if (addressOf(secret) !== file.address)
    throw new KeystoreError("The file is damaged: its secret is not that of its address.");
  const scalar = toBigInt(secret);
  if (scalar < 1n || scalar >= L) throw new KeystoreError("The file holds no Baby Jubjub scalar; make a new key.");
  return scalar;
}

/** AES-128-CTR; the browser's WebCrypto exists on https and on loopback addresses only. */
async function decrypt(key: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array): Promise<Uint8Array> {
  if (!globalThis.crypto?.subtle)
    throw new KeystoreError("This page has no WebCrypto: open it over https or on this machine's own address.");
  const imported = await crypto.subtle.importKey("raw", new Uint8Array(key), "AES-CTR", false, ["decrypt"]);
  const algorithm = { name: "AES-CTR", counter: new Uint8Array(iv), length: 128 };
  return new Uint8Array(await crypto.subtle.decrypt(algorithm, imported, new Uint8Array(ciphertext)));
}

function addressOf(secret: Uint8Array): string {
  if (!secp256k1.utils.isValidSecretKey(secret))
    throw new KeystoreError("The file holds a secret that is out of range.");
  return toHex(keccak_256(secp256k1.getPublicKey(secret, false).slice(1)).slice(-20));
}

function checked(text: string): Checked {
  const document = parse(text);
  if (document.shadowpool !== "encryption")
    throw new KeystoreError(
      `The file holds a key of kind '${document.shadowpool ?? "account"}'; an auditor's is of kind 'encryption'.`,
    );
  const crypto = record(document.crypto, "crypto");
  const demand = (good: boolean, what: string) => {
    if (!good) throw new KeystoreError(`Not a keystore of version 3 that we open: ${what}.`);
  };
  demand(document.version === 3 && crypto.cipher === "aes-128-ctr", "version must be 3 and the cipher aes-128-ctr");
  const address = hex(document.address, 20, 20, "address");
  const ciphertext = hex(crypto.ciphertext, 32, 32, "ciphertext");
  const mac = hex(crypto.mac, 32, 32, "mac");
  // Writers drop the leading zero bytes of an iv.
  const iv = fromHex(hex(record(crypto.cipherparams, "cipherparams").iv, 1, 16, "iv").padStart(32, "0"));
  demand(crypto.kdf === "scrypt" || crypto.kdf === "pbkdf2", "kdf must be scrypt or pbkdf2");
  const params = record(crypto.kdfparams, "kdfparams");
  const limits: Record<string, readonly [number, number]> = LIMITS[crypto.kdf as keyof typeof LIMITS];
  const numbers: Record<string, number> = {};
  for (const [name, [low, high]] of Object.entries(limits)) {
    const value = params[name];
    demand(
      Number.isInteger(value) && (value as number) >= low && (value as number) <= high,
      `kdfparams.${name} must be ${low} to ${high}`,
    );
    numbers[name] = value as number;
  }
  const salt = fromHex(hex(params.salt, 0, 64, "salt"));
  const { n = 2, r = 1, p = 1, c = 1 } = numbers;
  if (crypto.kdf === "scrypt") {
    demand((n & (n - 1)) === 0 && n * r * p <= MAX_SCRYPT_BLOCKS, "n must be a power of two, and n·r·p at most 2^22");
  } else demand(params.prf === "hmac-sha256", "prf must be hmac-sha256");
  const derive: Checked["derive"] = (password, progress) =>
    crypto.kdf === "scrypt"
      ? scryptAsync(password, salt, { N: n, r, p, dkLen: 32, onProgress: progress, maxmem: 2 ** 30 })
      : pbkdf2Async(sha256, password, salt, { c, dkLen: 32 });
  return { ciphertext: fromHex(ciphertext), mac: mac.toLowerCase(), iv, address: address.toLowerCase(), derive };
}

function parse(text: string): Record<string, unknown> {
  try {
    return record(JSON.parse(text), "the file");
  } catch {
    throw new KeystoreError("This is not a key file.");
  }
}

function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new KeystoreError(`Not a keystore of version 3: ${what} is missing.`);
  return value as Record<string, unknown>;
}

function hex(value: unknown, least: number, most: number, what: string): string {
  if (
    typeof value !== "string" ||
    !/^([0-9a-fA-F]{2})*$/.test(value) ||
    value.length < 2 * least ||
    value.length > 2 * most
  )
    throw new KeystoreError(`Not a keystore of version 3 that we open: ${what} must be ${most} bytes in hexadecimal.`);
  return value;
}
