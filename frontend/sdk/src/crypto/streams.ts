/** Encryption: reveals, receipts, audit words, treasury pads and memos (protocol §3, §7). */

import { keccak_256 } from "@noble/hashes/sha3.js";

import { DecryptionError, OutOfRange } from "../errors";
import type { Memo, Opening, Reveal } from "../types";
import { type EncryptionKey, type Point, IDENTITY, checkPoint, ecdh, equal, mulBase } from "./babyjubjub";
import { R, check, keccakWords, mod, toBigInt } from "./field";
import { openingCommitment } from "./notes";
import { hash, squeeze } from "./poseidon";

export const MEMO_WORDS = 8;
const AUDIT_BLOCK = 16;
const MASK64 = (1n << 64n) - 1n;
const SIGNATURE_DOMAIN = toBigInt(keccak_256(new TextEncoder().encode("shadowpool.v1.reveal")));

/** Where a settlement stands; its hash keeps every settlement's secrets apart. */
export interface Context {
  chainId: bigint;
  pool: bigint;
  market: bigint;
  epoch: bigint;
  revealChain: bigint;
  reference: bigint;
  revealVersion: bigint;
  auditorVersion: bigint;
  treasuryVersion: bigint;
}

export function contextWord(at: Context): bigint {
  return hash(
    "context",
    at.chainId,
    at.pool,
    at.market,
    at.epoch,
    at.revealChain,
    at.reference,
    at.revealVersion,
    at.auditorVersion,
    at.treasuryVersion,
  );
}

// --- Reveals ---

/** Where an order stands; `chainId` and `pool` (its address as a word) are the deployment's. */
export interface Place {
  chainId: bigint;
  pool: bigint;
  market: bigint;
  epoch: bigint;
}

export function slotSeed(shared: Point, at: Place, oc: bigint): bigint {
  return hash("seed", ...shared, at.chainId, at.pool, at.market, at.epoch, oc);
}

export function sealReveal(opening: Opening, oc: bigint, ephemeral: bigint, seed: bigint): Reveal {
  const pads = squeeze("reveal", [seed], 4);
  const ciphertext = opening.map((word, i) => (check(word) + pads[i]!) % R);
  return { oc, point: mulBase(ephemeral), ciphertext };
}

/** The four words under the ciphertext; any words at all if its author put any. */
export function openReveal(ciphertext: readonly bigint[], seed: bigint): Opening {
  if (ciphertext.length !== 4) throw new OutOfRange(`a reveal has four words, not ${ciphertext.length}`);
  const pads = squeeze("reveal", [seed], 4);
  return ciphertext.map((word, i) => mod(word - pads[i]!)) as unknown as Opening;
}

/**
 * What a reveal opens to under its slot's seed, or null where it is invalid: it does not open its own
 * commitment, or its point vanishes, so that anyone knows the seed (protocol §4).
 */
export function validOpening(market: bigint, epoch: bigint, reveal: Reveal, seed: bigint): Opening | null {
  const opening = openReveal(reveal.ciphertext, seed);
  const opens = openingCommitment(market, epoch, opening) === reveal.oc;
  return opens && !equal(ecdh(1n, reveal.point), IDENTITY) ? opening : null;
}

/**
 * The 32 bytes that an order's account signs: `commitChain` is the frozen one, `leader` the address (a word)
 * of the one reader and `version` that of its key.
 */
export function revealMessage(at: Place, commitChain: bigint, leader: bigint, version: bigint, reveal: Reveal): bigint {
  const reader = leader + (version << 160n);
  const head = [SIGNATURE_DOMAIN, at.chainId, at.pool, at.market, at.epoch, reveal.oc, commitChain, reader];
  return keccakWords([...head, ...reveal.point, ...reveal.ciphertext]);
}

/** The commit chain after a commit, or with rk = 0 after a cancel. */
export function commitLink(chain: bigint, oc: bigint, rk: bigint): bigint {
  return keccakWords([chain, oc, rk]);
}

export function revealLink(chain: bigint, reveal: Reveal): bigint {
  return keccakWords([chain, reveal.oc, ...reveal.point, ...reveal.ciphertext]);
}

// --- What a settlement encrypts ---

/** Fill in lots and price, or null if the word is no receipt of this seed. */
export function openReceipt(word: bigint, seed: bigint, context: bigint): { fill: bigint; price: bigint } | null {
  const plain = mod(word - squeeze("receipt", [seed, context], 1)[0]!);
  return plain >> 128n ? null : { fill: plain & MASK64, price: plain >> 64n };
}

/** Blindings of an order's base and quote output. */
export function outputBlindings(salt: bigint, context: bigint): [bigint, bigint] {
  return squeeze("blind", [salt, context], 2) as [bigint, bigint];
}

/** `count` pads of the audit stream: two header words, then one a slot. */
export function auditPads(shared: Point, context: bigint, count: number): bigint[] {
  const pads: bigint[] = [];
  for (let block = 0n; pads.length < count; block++)
    pads.push(...squeeze("audit", [...shared, context, block], AUDIT_BLOCK));
  return pads.slice(0, count);
}

/** [blinding of the treasury's note, pad of its amount]. */
export function treasuryStream(shared: Point, context: bigint, kind: bigint): [bigint, bigint] {
  return squeeze("treasury", [...shared, context, kind], 2) as [bigint, bigint];
}

// --- Memos ---

/** The memo's word in a statement. */
export function memoWord(memo: Memo): bigint {
  if (memo.length !== MEMO_WORDS) throw new OutOfRange(`a memo has ${MEMO_WORDS} words, not ${memo.length}`);
  return keccakWords(memo) % R;
}

/**
 * Five words encrypted to a viewing key under a fresh ephemeral scalar. OutOfRange for a viewing key of
 * small order: anyone could read what is sent to it.
 */
export function sealMemo(plain: readonly bigint[], viewing: Point, ephemeral: bigint): bigint[] {
  if (plain.length !== 5) throw new OutOfRange(`a memo holds five words, not ${plain.length}`);
  const shared = ecdh(ephemeral, viewing);
  if (equal(shared, IDENTITY))
    throw new OutOfRange("the viewing key has small order: ask its owner for the right address");
  const keys = squeeze("memo", shared, 6);
  const sealed = plain.map((word, i) => (check(word) + keys[i]!) % R);
  return [...mulBase(ephemeral), ...sealed, hash("memo.mac", keys[5]!, ...sealed)];
}

/** The five words of a memo; DecryptionError if it is not for `key`. */
export function openMemo(memo: Memo, key: EncryptionKey): bigint[] {
  const found = tryMemo(memo, key);
  if (!found) throw new DecryptionError("the memo is not for this key");
  return found;
}

/** As `openMemo`, null where that throws: most memos are another's. */
export function tryMemo(memo: Memo, key: EncryptionKey): bigint[] | null {
  const [x, y, ...rest] = memo as [bigint, bigint, ...bigint[]];
  const sealed = rest.slice(0, 5);
  if (memo.length !== MEMO_WORDS || memo.some((word) => word < 0n || word >= R)) return null;
  try {
    checkPoint([x, y]);
  } catch {
    return null;
  }
  const keys = squeeze("memo", ecdh(key.scalar, [x, y]), 6);
  if (hash("memo.mac", keys[5]!, ...sealed) !== rest[5]) return null;
  return sealed.map((word, i) => mod(word - keys[i]!));
}
