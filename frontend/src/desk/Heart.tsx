/** Beats with the chain for as long as the desk is unlocked, whichever page is on show. Draws nothing. */

import { useEffect } from "react";

import { useLive } from "../api/live";
import { heard } from "./agent";
import { forgetDuties, work } from "./duties";
import { lock, needed, sync } from "./session";
import { settings } from "./settings";
import { useStore } from "./store";

const CHECK_MS = 5_000;
/** The indexer's blocks beat sooner; where it is silent, the wallet's own node still tells of the chain. */
const BEAT_MS = 6_000;

export function Heart() {
  const { block, revision } = useLive();
  const { lockAfter } = useStore(settings);
  useEffect(() => {
    if (block === null) return;
    heard(block);
    void sync().then(work);
  }, [block, revision]);
  useEffect(() => {
    const timer = window.setInterval(() => void sync().then(work), BEAT_MS);
    return () => window.clearInterval(timer);
  }, []);
  useEffect(() => forgetDuties, []);
  useEffect(() => lockWhenIdle(lockAfter), [lockAfter]);
  useEffect(() => {
    const ask = (event: BeforeUnloadEvent) => {
      if (needed()) event.preventDefault();
    };
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, []);
  return null;
}

function lockWhenIdle(minutes: number): () => void {
  if (!minutes) return () => undefined;
  let last = Date.now();
  const seen = () => (last = Date.now());
  const kinds = ["pointerdown", "keydown", "wheel"] as const;
  kinds.forEach((kind) => window.addEventListener(kind, seen, { passive: true }));
  const timer = window.setInterval(() => {
    if (Date.now() - last > minutes * 60_000 && !needed()) lock();
  }, CHECK_MS);
  return () => {
    window.clearInterval(timer);
    kinds.forEach((kind) => window.removeEventListener(kind, seen));
  };
}
