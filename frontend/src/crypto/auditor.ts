/** The auditor's view of a settled epoch: what `offchain/auditor.py` opens, and the clearing again (P7). */

import { type Point, ecdh, equal, mulBase } from "@shadowpool/sdk/crypto/babyjubjub";
import { mod } from "@shadowpool/sdk/crypto/field";
import { BUY, SELL, termsFromWord } from "@shadowpool/sdk/crypto/notes";
import { hash } from "@shadowpool/sdk/crypto/poseidon";
import { type Context, auditPads, contextWord, openReceipt, validOpening } from "@shadowpool/sdk/crypto/streams";
import type { Reveal, Terms } from "@shadowpool/sdk/types";

import { type Clearing, type Step, clear, curve } from "./clearing";

export class AuditError extends Error {}

/** What the chain says of a settled epoch. */
export interface SettledEpoch {
  context: Context;
  auditorKey: Point;
  reveals: Reveal[];
  invalidMask: bigint;
  printCommitment: bigint;
  auditPoint: Point;
  audit: bigint[];
  slots: { receipt: bigint; audit: bigint }[];
  collarBps: bigint;
  print: { price: bigint; volume: bigint } | null;
}

/** What an auditor learns of an order. */
export interface Opening {
  terms: Terms;
  owner: bigint;
  credentialId: bigint;
}

/** A revealed order; null fields where it is no order, or where its receipt does not open. */
export interface AuditedOrder {
  slot: number;
  oc: bigint;
  opening: Opening | null;
  fill: bigint | null;
  oddities: string[];
}

export interface AuditView {
  price: bigint;
  volume: bigint;
  orders: AuditedOrder[];
  clearing: Clearing;
  curve: Step[];
  /** What does not add up; empty for every proven settlement. */
  oddities: string[];
}

export function openEpoch(scalar: bigint, epoch: SettledEpoch): AuditView {
  if (!equal(mulBase(scalar), epoch.auditorKey))
    throw new AuditError(
      `This epoch is encrypted to version ${epoch.context.auditorVersion} of the auditor key, which is another.`,
    );
  // The chain is a hash of 256 bits, and the word takes what it is in the field.
  const context = contextWord({ ...epoch.context, revealChain: mod(epoch.context.revealChain) });
  const sealed = [...epoch.audit, ...epoch.slots.map((slot) => slot.audit)];
  const pads = auditPads(ecdh(scalar, epoch.auditPoint), context, sealed.length);
  const [packed, salt, ...seeds] = sealed.map((word, i) => mod(word - pads[i]!));
  const [price, volume] = [packed! & ((1n << 64n) - 1n), packed! >> 64n];
  if (hash("print", price, volume, salt!) !== epoch.printCommitment)
    throw new AuditError("The audit header does not open the print commitment.");
  if (seeds.length !== epoch.reveals.length)
    throw new AuditError(`The settlement has ${seeds.length} slots and the epoch ${epoch.reveals.length} reveals.`);

  const orders = seeds.map((seed, slot) => openSlot(epoch, slot, seed, price, context));
  const valid = orders.flatMap((order) => (order.opening ? [order.opening.terms] : []));
  const clearing = clear(valid, epoch.context.reference, epoch.collarBps);
  const view = { price, volume, orders, clearing, curve: curve(valid) };
  return { ...view, oddities: oddities(view, epoch) };
}

function openSlot(epoch: SettledEpoch, slot: number, seed: bigint, price: bigint, context: bigint): AuditedOrder {
  const reveal = epoch.reveals[slot]!;
  const opening = opened(epoch, reveal, seed);
  const receipt = openReceipt(epoch.slots[slot]!.receipt, seed, context);
  const oddities: string[] = [];
  const marked = Boolean((epoch.invalidMask >> BigInt(slot)) & 1n);
  if (marked === Boolean(opening)) oddities.push(`wrongly marked ${opening ? "invalid" : "valid"}`);
  if (!receipt) oddities.push("its receipt does not open");
  else if (receipt.fill && (receipt.price !== price || !opening))
    oddities.push(`its receipt of ${receipt.fill} lots at ${receipt.price} does not fit the epoch`);
  return { slot, oc: reveal.oc, opening, fill: receipt?.fill ?? null, oddities };
}

function opened({ context }: SettledEpoch, reveal: Reveal, seed: bigint): Opening | null {
  const words = validOpening(context.market, context.epoch, reveal, seed);
  return words && { terms: termsFromWord(words[0]), owner: words[1], credentialId: words[2] };
}

function oddities(view: Omit<AuditView, "oddities">, epoch: SettledEpoch): string[] {
  const found = view.orders.flatMap((order) => order.oddities.map((oddity) => `slot ${order.slot}: ${oddity}`));
  for (const [side, name] of [
    [BUY, "buy"],
    [SELL, "sell"],
  ] as const) {
    const filled = view.orders.reduce((sum, o) => (o.opening?.terms.side === side ? sum + (o.fill ?? 0n) : sum), 0n);
    if (filled !== view.volume)
      found.push(`the ${name} side's fills sum to ${filled}, not to the volume ${view.volume}`);
  }
  const { clearing } = view;
  if (clearing.price !== view.price || clearing.volume !== view.volume)
    found.push(`the orders clear ${clearing.volume} lots at ${clearing.price}, not ${view.volume} at ${view.price}`);
  view.orders
    .filter((order) => order.opening)
    .forEach((order, i) => {
      const [least, most] = clearing.bounds[i]!;
      if (order.fill !== null && (order.fill < least || order.fill > most))
        found.push(`slot ${order.slot}: a fill of ${order.fill} lots is not its share of ${least} to ${most}`);
    });
  const { print } = epoch;
  if (print && (print.price !== view.price || print.volume !== view.volume))
    found.push(`the print says ${print.volume} lots at ${print.price}`);
  return found;
}
