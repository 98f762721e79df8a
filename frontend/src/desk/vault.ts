/**
 * The desk's secrets at rest: sealed with a passphrase (PBKDF2-HMAC-SHA256, AES-256-GCM), kept in this browser's
 * IndexedDB, one record for each account of each pool. Without a passphrase nothing is kept at all.
 */

import type { Hex } from "../wallets/eip1193";

/** What is sealed. `sk` is the shielded key as hexadecimal; `credential` the issuer's file, as it was given. */
export interface Secrets {
  sk: Hex;
  credential: string | null;
  agent: { url: string; key: string } | null;
}

/** Which key a record is of; bound to the ciphertext, so that records cannot be exchanged. */
export interface Place {
  chainId: number;
  pool: Hex;
  address: Hex;
}

export interface Sealed extends Place {
  version: 1;
  iterations: number;
  salt: Uint8Array<ArrayBuffer>;
  iv: Uint8Array<ArrayBuffer>;
  box: Uint8Array<ArrayBuffer>;
}

export class VaultError extends Error {}

export const MIN_PASSPHRASE = 12;
const ITERATIONS = 600_000;
const MAX_ITERATIONS = 10_000_000;

/** Seals again and again without asking for the passphrase: its derived key, which no script can read out. */
export interface Sealer {
  salt: Uint8Array<ArrayBuffer>;
  iterations: number;
  key: CryptoKey;
}

export async function makeSealer(passphrase: string, iterations = ITERATIONS): Promise<Sealer> {
  if (passphrase.length < MIN_PASSPHRASE)
    throw new VaultError(`A passphrase needs ${MIN_PASSPHRASE} characters or more: add words to it.`);
  const salt = random(16);
  return { salt, iterations, key: await stretch(passphrase, salt, iterations) };
}

export async function seal(secrets: Secrets, place: Place, sealer: Sealer): Promise<Sealed> {
  const { salt, iterations, key } = sealer;
  const [iv, plain] = [random(12), new TextEncoder().encode(JSON.stringify(secrets))];
  const box = await subtle().encrypt({ name: "AES-GCM", iv, additionalData: bound(place) }, key, plain);
  return { ...placeOf(place), version: 1, iterations, salt, iv, box: new Uint8Array(box) };
}

/** VaultError for a wrong passphrase, or a record that was changed. */
export async function unseal(record: Sealed, passphrase: string): Promise<{ secrets: Secrets; sealer: Sealer }> {
  const { salt, iterations, iv, box } = record;
  if (record.version !== 1 || !Number.isInteger(iterations) || iterations < 1 || iterations > MAX_ITERATIONS)
    throw new VaultError("What is kept here was made by another version: remove it, and sign again.");
  const key = await stretch(passphrase, salt, iterations);
  try {
    const algorithm = { name: "AES-GCM", iv, additionalData: bound(record) };
    const plain = new TextDecoder().decode(await subtle().decrypt(algorithm, key, box));
    return { secrets: JSON.parse(plain) as Secrets, sealer: { salt, iterations, key } };
  } catch {
    throw new VaultError("It does not open: wrong passphrase, or what is kept here was damaged.");
  }
}

async function stretch(passphrase: string, salt: Uint8Array<ArrayBuffer>, iterations: number): Promise<CryptoKey> {
  const text = new TextEncoder().encode(passphrase.normalize("NFKC"));
  const raw = await subtle().importKey("raw", text, "PBKDF2", false, ["deriveKey"]);
  const algorithm = { name: "PBKDF2", hash: "SHA-256", salt, iterations };
  return subtle().deriveKey(algorithm, raw, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

/** A browser has WebCrypto on https and on loopback addresses only. */
function subtle(): SubtleCrypto {
  if (!globalThis.crypto?.subtle)
    throw new VaultError("This page has no WebCrypto: open it over https or on this machine's own address.");
  return crypto.subtle;
}

function random(bytes: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(bytes));
}

function bound(place: Place): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`shadowpool vault 1 ${nameOf(place)}`);
}

function placeOf({ chainId, pool, address }: Place): Place {
  return { chainId, pool, address };
}

function nameOf({ chainId, pool, address }: Place): string {
  return `${chainId}:${pool.toLowerCase()}:${address.toLowerCase()}`;
}

// --- IndexedDB ---

const DATABASE = "shadowpool-desk";
const SHELF = "vault";

export const shelf = {
  read: (place: Place) => act<Sealed | undefined>("readonly", (store) => store.get(nameOf(place))),
  write: (record: Sealed) => act("readwrite", (store) => store.put(record, nameOf(record))),
  remove: (place: Place) => act("readwrite", (store) => store.delete(nameOf(place))),
};

async function act<T>(mode: IDBTransactionMode, what: (store: IDBObjectStore) => IDBRequest): Promise<T> {
  const database = await asked<IDBDatabase>(() => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(SHELF);
    return opening;
  });
  try {
    return await asked<T>(() => what(database.transaction(SHELF, mode).objectStore(SHELF)));
  } finally {
    database.close();
  }
}

function asked<T>(request: () => IDBRequest): Promise<T> {
  return new Promise((resolve, reject) => {
    const made = request();
    made.onsuccess = () => resolve(made.result as T);
    made.onerror = () =>
      reject(new VaultError(`This browser keeps nothing for this page: ${made.error?.message ?? "no reason given"}.`));
  });
}
