/**
 * The shielded key of a wallet (protocol §2, §7): a field element bound to one chain and one pool, of which
 * everything that its owner makes is a PRF.
 */

import { secp256k1 } from "@noble/curves/secp256k1.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { keccak_256 } from "@noble/hashes/sha3.js";

import { KeyMaterialError, OutOfRange } from "../errors";
import type { Address, Hex, Signer } from "../types";
import { type EncryptionKey, checkPoint, encryptionKey, scalarFromHash } from "./babyjubjub";
import { R, asAddress, asWord, bytes32, check, checkRange, concat, fromHex, tag, toBigInt, toHex } from "./field";
import { hash } from "./poseidon";

const VERSION = "Shadowpool key v1";
const SECP256K1_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** The key of a wallet's notes and orders; `sk` in [1, r). */
export class ShieldedKey {
  readonly #sk: bigint;
  readonly owner: bigint;
  readonly viewing: EncryptionKey;

  constructor(sk: bigint) {
    if (check(sk, "shielded key") === 0n) throw new KeyMaterialError("a shielded key must not be 0; derive it again");
    this.#sk = sk;
    this.owner = hash("owner", sk);
    this.viewing = encryptionKey(scalarFromHash(hash("view", sk)));
  }

  /** The secret itself, behind a name, so that no print or JSON of the key shows it. */
  get sk(): bigint {
    return this.#sk;
  }

  get address(): Address {
    return { owner: this.owner, viewing: this.viewing.public };
  }

  /** A secret word of this key, pseudo-random in (name, a, b, c). */
  prf(name: string, a: bigint, b = 0n, c = 0n): bigint {
    return hash("prf", this.#sk, tag(`prf.${name}`), a, b, c);
  }

  /** A scalar of 250 bits, pseudo-random in (name, a, b, c). */
  ephemeral(name: string, a: bigint, b = 0n, c = 0n): bigint {
    return scalarFromHash(this.prf(name, a, b, c));
  }

  quotaNullifier(market: bigint, epoch: bigint, index: number): bigint {
    return hash("quota", this.#sk, market, epoch, BigInt(index));
  }

  /** The one-time account whose address is the order's `rk`: it alone can reveal it. */
  orderAccount(market: bigint, epoch: bigint, index: number): OrderAccount {
    return new OrderAccount(bytes32(this.prf("rk", market, epoch, BigInt(index))));
  }

  toJSON(): string {
    return "shielded key";
  }
}

/** A shielded address as one word to hand around: owner and viewing key, joined by dots. */
export function addressText({ owner, viewing }: Address): string {
  return [owner, ...viewing].map((word) => toHex(bytes32(word))).join(".");
}

/** Reads what `addressText` wrote; OutOfRange for anything else. */
export function readAddress(text: string): Address {
  if (!/^[0-9a-f]{64}(\.[0-9a-f]{64}){2}$/.test(text))
    throw new OutOfRange("a shielded address is three hexadecimal words joined by dots");
  const [owner, x, y] = text.split(".").map((word) => BigInt(`0x${word}`)) as [bigint, bigint, bigint];
  return { owner: check(owner, "owner"), viewing: checkPoint([x, y]) };
}

export interface Signature {
  v: bigint;
  r: bigint;
  s: bigint;
}

/** A secp256k1 account that signs reveals. */
export class OrderAccount {
  readonly #secret: Uint8Array;
  readonly address: Hex;

  constructor(secret: Uint8Array) {
    this.#secret = secret;
    this.address = accountOf(secp256k1.getPublicKey(secret, false));
  }

  /** The signature of 32 bytes as they are (RFC 6979, low s); `v` is 27 or 28. */
  sign(message: bigint): Signature {
    const signed = secp256k1.sign(bytes32(message), this.#secret, { prehash: false, format: "recovered" });
    return {
      v: 27n + BigInt(signed[0]!),
      r: toBigInt(signed.slice(1, 33)),
      s: toBigInt(signed.slice(33)),
    };
  }
}

function accountOf(uncompressed: Uint8Array): Hex {
  return asAddress(toBigInt(keccak_256(uncompressed.slice(1)).slice(12)));
}

/**
 * The shielded key of `secret` (32 bytes or more of entropy) for one pool on one chain: 48 bytes of
 * HKDF-SHA256 reduced mod r.
 */
export function derive(secret: Uint8Array, chainId: bigint, pool: string): ShieldedKey {
  if (secret.length < 32) throw new KeyMaterialError("a seed needs at least 32 bytes");
  const bound = bytes32(asWord(pool)).slice(12);
  const info = concat([new TextEncoder().encode(VERSION), bytes32(chainId), bound]);
  return new ShieldedKey(toBigInt(hkdf(sha256, secret, new Uint8Array(0), info, 48)) % R);
}

/** EIP-712 typed data, as eth_signTypedData_v4 takes it. */
export interface TypedData {
  types: Record<string, { name: string; type: string }[]>;
  primaryType: string;
  domain: { name: string; version: string; chainId: number; verifyingContract: string };
  message: Record<string, string>;
}

/** The typed data whose signature is the root of a wallet's shielded key. */
export function keyTypedData(chainId: bigint, pool: string): TypedData {
  return {
    types: {
      EIP712Domain: [
        { name: "name", type: "string" },
        { name: "version", type: "string" },
        { name: "chainId", type: "uint256" },
        { name: "verifyingContract", type: "address" },
      ],
      Key: [{ name: "purpose", type: "string" }],
    },
    primaryType: "Key",
    domain: { name: "Shadowpool", version: "1", chainId: Number(chainId), verifyingContract: pool },
    message: { purpose: VERSION },
  };
}

/** EIP-712's hash of `keyTypedData`: what a wallet signs. */
export function keyDigest(chainId: bigint, pool: string): bigint {
  const text = (value: string) => keccak_256(new TextEncoder().encode(value));
  const domain = [
    text("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
    text("Shadowpool"),
    text("1"),
    bytes32(chainId),
    bytes32(asWord(pool)),
  ];
  const message = [text("Key(string purpose)"), text(VERSION)];
  const [separator, struct] = [keccak_256(concat(domain)), keccak_256(concat(message))];
  return toBigInt(keccak_256(concat([Uint8Array.of(0x19, 0x01), separator, struct])));
}

/** The shielded key under a wallet's signature of `keyTypedData`. */
export function fromSignature(signature: Uint8Array, chainId: bigint, pool: string): ShieldedKey {
  return derive(canonical(signature), chainId, pool);
}

/**
 * The shielded key of a wallet that signs deterministically. It signs twice, to compare.
 *
 * Throws KeyMaterialError if the signatures differ, or are not its account's: such a wallet needs a
 * backed-up seed.
 */
export async function fromWallet(signer: Signer, chainId: bigint, pool: string): Promise<ShieldedKey> {
  const asked = {
    method: "eth_signTypedData_v4",
    params: [signer.address, JSON.stringify(keyTypedData(chainId, pool))],
  };
  const [first, second] = [await signed(signer, asked), await signed(signer, asked)];
  if (canonical(first).some((byte, i) => byte !== canonical(second)[i]))
    throw new KeyMaterialError("this wallet's signatures vary; use a backed-up seed instead");
  checkSigner(first, keyDigest(chainId, pool), signer.address);
  return fromSignature(first, chainId, pool);
}

async function signed(signer: Signer, asked: { method: string; params: unknown[] }): Promise<Uint8Array> {
  const answer = await signer.request(asked);
  if (typeof answer !== "string" || !/^0x([0-9a-fA-F]{2})*$/.test(answer))
    throw new KeyMaterialError("the wallet answered with no signature; try again, or use a backed-up seed");
  return fromHex(answer);
}

/**
 * KeyMaterialError unless `signature` of `digest` is `address`'s own: a contract's wallet, or one that signs
 * another text, would give a key that nothing can give again.
 */
export function checkSigner(signature: Uint8Array, digest: bigint, address: string): void {
  const recovered = [0, 1].some((bit) => {
    try {
      const found = secp256k1.Signature.fromBytes(signature.slice(0, 64)).addRecoveryBit(bit);
      return asWord(accountOf(found.recoverPublicKey(bytes32(digest)).toBytes(false))) === asWord(address);
    } catch {
      return false; // no point has this x
    }
  });
  if (!recovered)
    throw new KeyMaterialError(`the signature is not ${address}'s own: a wallet of a contract needs a backed-up seed`);
}

/** r and the low s of an ECDSA signature (r, s, v): wallets write v, and choose s, differently. */
function canonical(signature: Uint8Array): Uint8Array {
  if (signature.length !== 65)
    throw new KeyMaterialError(
      `a wallet's signature has 65 bytes, not ${signature.length}; use a backed-up seed instead`,
    );
  const s = checkRange(toBigInt(signature.slice(32, 64)), 1n, SECP256K1_ORDER, "s of a wallet's signature");
  return concat([signature.slice(0, 32), bytes32(s < SECP256K1_ORDER - s ? s : SECP256K1_ORDER - s)]);
}
