/** Choosing the notes that pay for something: a proof spends at most two. */

import { total } from "../claims/material";
import { InsufficientFunds, NeedsConsolidation, NotSpendableYet } from "../errors";
import type { OwnedNote } from "../types";

/**
 * One or two unspent notes of one asset whose sum is the smallest that reaches `amount`. InsufficientFunds, or the
 * kind of it that says what to do.
 */
export function choose(notes: Iterable<OwnedNote>, amount: bigint): OwnedNote[] {
  const all = [...notes];
  const usable = byAmount(all.filter((own) => own.advanced));
  const single = usable.find((own) => own.note.amount >= amount);
  const candidates = [...(single ? [[single]] : []), ...pairs(usable, amount)];
  if (candidates.length) return candidates.reduce((best, next) => (worth(next) < worth(best) ? next : best));
  const held = worth(usable);
  const pending = worth(all) - held;
  if (held >= amount)
    throw new NeedsConsolidation(
      `${amount} units are needed and ${held} held, but no two notes cover it: consolidate first`,
    );
  if (held + pending >= amount)
    throw new NotSpendableYet(
      `${amount} units are needed; ${pending} more wait for their chunk of the tree to be advanced, ` +
        "16 blocks after its first leaf at the latest",
    );
  throw new InsufficientFunds(`${amount} units are needed and ${held + pending} held: deposit more`);
}

/** What notes of one asset amount to. */
export function worth(notes: readonly OwnedNote[]): bigint {
  return total(notes.map(({ note }) => note.amount));
}

/** What a single proof can spend of notes of one asset: the two largest that an advanced root holds. */
export function largestPair(notes: readonly OwnedNote[]): bigint {
  return worth(byAmount(notes.filter(({ advanced }) => advanced)).slice(-2));
}

export function byAmount(notes: OwnedNote[]): OwnedNote[] {
  return notes.sort((a, b) => (a.note.amount < b.note.amount ? -1 : a.note.amount > b.note.amount ? 1 : 0));
}

/** For each note, in rising order, the smallest other one that completes it, if any. */
function pairs(ordered: OwnedNote[], amount: bigint): OwnedNote[][] {
  const found: OwnedNote[][] = [];
  let [low, high] = [0, ordered.length - 1];
  while (low < high) {
    const pair = [ordered[low]!, ordered[high]!];
    if (worth(pair) >= amount) {
      found.push(pair);
      high--;
    } else low++;
  }
  return found;
}
