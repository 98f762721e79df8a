/**
 * Shortcuts: single keys, `g` followed by a page's letter, `j` and `k` along rows; never while somebody types, and not
 * at all where they were turned off: those who dictate, or whose hand strays, would press them by accident.
 */

import { useEffect } from "react";

import { Store } from "../desk/store";
import { recall, remember } from "../kept";
import { navigate } from "../router";

export const PLACES: [key: string, path: string, name: string][] = [
  ["m", "/", "Markets"],
  ["e", "/epochs", "Epochs"],
  ["t", "/transactions", "Transactions"],
  ["p", "/proofs", "Proofs"],
  ["r", "/relayers", "Relayers"],
  ["c", "/credentials", "Credentials"],
  ["k", "/contracts", "Contracts"],
  ["l", "/liquidity", "Liquidity"],
  ["a", "/auditor", "Auditor"],
];

export const DESK: [key: string, path: string, name: string][] = [
  ["b", "/desk", "Balances"],
  ["o", "/desk/order", "Order"],
  ["w", "/desk/blotter", "Blotter"],
  ["h", "/desk/history", "History"],
  ["s", "/desk/settings", "Settings"],
];

const SEQUENCE_MS = 1_200;

const STORED = "shortcuts";
const OFF = "off";

export const shortcuts = new Store({ on: recall(STORED) !== OFF });

export function turnShortcuts(on: boolean): void {
  shortcuts.set({ on });
  remember(STORED, on ? null : OFF);
}

type Actions = Record<string, () => unknown>;
const bound = new Set<Actions>();

/** What keys do for as long as the caller is on show. */
export function useKeys(actions: Actions): void {
  useEffect(() => {
    bound.add(actions);
    return () => void bound.delete(actions);
  }, [actions]);
}

/** Listens for all of them; once in the page. */
export function useShortcuts(): void {
  useEffect(() => {
    let leader = -Infinity;
    const press = (event: KeyboardEvent) => {
      if (!shortcuts.get().on) return;
      const target = event.target as HTMLElement;
      const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.isContentEditable;
      if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
      if (event.timeStamp - leader < SEQUENCE_MS) {
        leader = -Infinity;
        const place = [...PLACES, ...DESK].find(([key]) => key === event.key);
        if (place) {
          event.preventDefault();
          navigate(place[1]);
        }
        return;
      }
      if (event.key === "g") {
        leader = event.timeStamp;
        return;
      }
      if (event.key === "j" || event.key === "k") return step(event.key === "j" ? 1 : -1);
      const action = [...bound].find((actions) => Object.hasOwn(actions, event.key))?.[event.key];
      if (action) {
        event.preventDefault();
        action();
      }
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, []);
}

/** Focus the first link of the next or previous row that has one; Enter then follows it. */
function step(by: 1 | -1): void {
  const rows = [...document.querySelectorAll("main tbody tr")].filter((row) => row.querySelector("a"));
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const next = rows[at === -1 ? (by === 1 ? 0 : rows.length - 1) : at + by];
  next?.querySelector("a")?.focus();
}
