/** The proving keys of snarkjs (its zkey format, version 1) for Groth16 over BN254. */

import { bytes32, keccakWords, toHex } from "../crypto/field";
import { sameLog } from "../crypto/groth16";
import { ProverError } from "../errors";
import type { Hex } from "../types";
import { Q, R, unpacked } from "./kernel";
import { type Group, pointBytes } from "./multiexp";

/** Sums that a proof is made of, by the section of the key that has their points. */
export const SECTIONS = { a: 5, b1: 6, b2: 7, c: 8, h: 9 } as const;
export type Section = keyof typeof SECTIONS;

export const GROUP: Record<Section, Group> = { a: "g1", b1: "g1", b2: "g2", c: "g1", h: "g1" };

/** A coefficient in a key: matrix, row, wire, value. */
export const COEFFICIENT = 44;

/** Points of a section that are not at infinity, and the places of their scalars. */
export interface Points {
  group: Group;
  places: Uint32Array<ArrayBuffer>;
  points: Uint8Array<ArrayBuffer>;
}

/** Points in the form of files (Montgomery's with 2^256), `verification` as the 22 words a Verifier takes. */
export interface ProvingKey {
  wires: number;
  publics: number;
  domain: number;
  alpha1: Uint8Array;
  beta1: Uint8Array;
  beta2: Uint8Array;
  delta1: Uint8Array;
  delta2: Uint8Array;
  verification: bigint[];
  coefficients: Uint8Array<ArrayBuffer>;
  sections: Record<Section, Points>;
}

/** ProverError unless the bytes are a whole key of three public inputs; the points are not looked at, since no proof leaves that does not verify. */
export function parseKey(file: Uint8Array): ProvingKey {
  const sections = parseSections(file);
  const section = (id: number, length?: number): Uint8Array => {
    const found = sections.get(id);
    if (!found || (length !== undefined && found.length !== length))
      throw bad(`section ${id} is missing or of a wrong size`);
    return found;
  };
  const numbers = (bytes: Uint8Array, at: number) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true);
  if (numbers(section(1, 4), 0) !== 1) throw bad("it is not one of Groth16");
  const header = section(2, 2 * 36 + 12 + 3 * 64 + 3 * 128);
  if (unpacked(header.subarray(4, 36)) !== Q || unpacked(header.subarray(40, 72)) !== R)
    throw bad("it is not over BN254");
  const [wires, publics, domain] = [72, 76, 80].map((at) => numbers(header, at)) as [number, number, number];
  if (publics !== 3 || wires <= publics || domain < 2 || domain > 1 << 24 || domain & (domain - 1))
    throw bad("its sizes are impossible");
  let at = 84;
  const take = (bytes: number) => header.slice(at, (at += bytes));
  const [alpha1, beta1, beta2, gamma2, delta1, delta2] = [64, 64, 128, 128, 64, 128].map(take) as [
    Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array,
  ]; // prettier-ignore
  const ic = section(3, 64 * (publics + 1));
  const lengths: Record<Section, number> = { a: wires, b1: wires, b2: wires, c: wires - publics - 1, h: domain };
  const points = (name: Section) =>
    finite(section(SECTIONS[name], lengths[name] * pointBytes(GROUP[name])), GROUP[name]);
  return {
    ...{ wires, publics, domain, alpha1, beta1, beta2, delta1, delta2 },
    verification: [...words(alpha1), ...words(beta2), ...words(gamma2), ...words(delta2), ...words(ic)],
    coefficients: coefficients(section(4), wires, domain),
    sections: { a: points("a"), b1: points("b1"), b2: points("b2"), c: points("c"), h: points("h") },
  };
}

/** The id of the key, as its Verifier has it. */
export function keyId(key: ProvingKey): Hex {
  return `0x${toHex(bytes32(keccakWords(key.verification)))}`;
}

/**
 * Whether the key's two deltas are of one number, not 0. They blind a proof, and its id fixes but one of them; A and
 * B are then uniform and C is what the verifier's equation leaves, whatever else is in the file.
 */
export function blinds({ delta1, delta2 }: ProvingKey): boolean {
  return sameLog(words(delta1), words(delta2));
}

/** Numbers of points as contracts take them (EIP-197): of coordinates in Fp2 the imaginary part first. */
export function words(points: Uint8Array): bigint[] {
  const numbers = Array.from({ length: points.length / 32 }, (_, i) =>
    (unpacked(points.subarray(32 * i, 32 * i + 32)) * INVERSE) % Q,
  ); // prettier-ignore
  return points.length === 128 ? [numbers[1]!, numbers[0]!, numbers[3]!, numbers[2]!] : numbers;
}

/** 1/2^256 in Fp. */
const INVERSE = ((half) => {
  let power = 1n;
  for (let i = 0; i < 256; i++) power = (power * half) % Q;
  return power;
})((Q + 1n) / 2n);

const bad = (what: string) => new ProverError(`not a proving key of ours: ${what}; load it again`);

function parseSections(file: Uint8Array): Map<number, Uint8Array> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const found = new Map<number, Uint8Array>();
  if (file.length < 12 || new TextDecoder().decode(file.subarray(0, 4)) !== "zkey" || view.getUint32(4, true) !== 1)
    throw bad("it does not begin as one");
  let at = 12;
  for (let left = view.getUint32(8, true); left > 0; left--) {
    if (at + 12 > file.length) throw bad("it ends too early");
    const length = Number(view.getBigUint64(at + 4, true));
    if (at + 12 + length > file.length) throw bad("it ends too early");
    found.set(view.getUint32(at, true), file.subarray(at + 12, at + 12 + length));
    at += 12 + length;
  }
  return found;
}

/** The coefficients, each row and wire known to be one of the key's: the kernel does not look. */
function coefficients(section: Uint8Array, wires: number, domain: number): Uint8Array<ArrayBuffer> {
  const entries = section.slice(4);
  const count = new DataView(section.buffer, section.byteOffset).getUint32(0, true);
  if (entries.length !== COEFFICIENT * count) throw bad("its coefficients are cut short");
  const numbers = new Uint32Array(entries.buffer);
  for (let at = 0; at < numbers.length; at += COEFFICIENT / 4)
    if (numbers[at]! > 1 || numbers[at + 1]! >= domain || numbers[at + 2]! >= wires)
      throw bad("a coefficient is out of range");
  return entries;
}

function finite(section: Uint8Array, group: Group): Points {
  const each = pointBytes(group);
  const points = section.slice();
  const numbers = new Uint32Array(points.buffer);
  const places: number[] = [];
  for (let i = 0; i * each < points.length; i++) {
    const first = (i * each) / 4;
    if (!numbers.subarray(first, first + each / 4).some(Boolean)) continue;
    if (places.length < i) points.copyWithin(places.length * each, i * each, (i + 1) * each);
    places.push(i);
  }
  return { group, places: Uint32Array.from(places), points: points.slice(0, places.length * each) };
}
