/** Shortcuts: single keys, and `g` followed by a page's letter; never while somebody types. */

import { useEffect } from "react";

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

const SEQUENCE_MS = 1_200;

export function useShortcuts(actions: Record<string, () => void>): void {
  useEffect(() => {
    let leader = 0;
    const press = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.isContentEditable;
      if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
      if (event.timeStamp - leader < SEQUENCE_MS) {
        leader = 0;
        const place = PLACES.find(([key]) => key === event.key);
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
      const action = actions[event.key];
      if (action) {
        event.preventDefault();
        action();
      }
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [actions]);
}
