/** What the desk remembers in this browser that is no secret. */

import { recall, remember } from "../kept";
import { Store } from "./store";

export interface Settings {
  /** The base URL of a carrier's service; "" if none. */
  carrier: string;
  /** Who is to send what is private, where it can: else the agent, a carrier, the account, in this order. */
  sender: "carrier" | "account" | "agent";
  notify: boolean;
  /** Minutes without a key or click after which the desk locks; 0 never. */
  lockAfter: number;
  /** The wallet used last, to connect it again. */
  wallet: string;
}

export const LOCK_CHOICES = [5, 15, 60, 240, 0] as const;
const STORED = "shadowpool:desk";
const FRESH: Settings = { carrier: "", sender: "agent", notify: false, lockAfter: 15, wallet: "" };

export const settings = new Store<Settings>(read());

export function change(patch: Partial<Settings>): void {
  settings.set(patch);
  remember(STORED, JSON.stringify(settings.get()));
}

function read(): Settings {
  try {
    return checked(JSON.parse(recall(STORED) ?? "{}") as Record<string, unknown>);
  } catch {
    return FRESH;
  }
}

/** What was stored, where it is of its kind; the rest as on a first visit. */
export function checked(stored: Record<string, unknown>): Settings {
  const kept = Object.entries(FRESH).map(([name, fresh]) => {
    const value = stored[name];
    return [name, typeof value === typeof fresh ? value : fresh];
  });
  const found = Object.fromEntries(kept) as Settings;
  if (!["carrier", "account", "agent"].includes(found.sender)) found.sender = FRESH.sender;
  if (!LOCK_CHOICES.some((minutes) => minutes === found.lockAfter)) found.lockAfter = FRESH.lockAfter;
  return found;
}

/** Why a service cannot be at an address, or null: the page's policy lets it reach its own origin and 127.0.0.1 alone. */
export function urlProblem(text: string, own = location.origin): string | null {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return "This is no address: it begins with http://127.0.0.1 on this machine, or with this page’s own address.";
  }
  if (url.origin !== own && !(url.protocol === "http:" && url.hostname === "127.0.0.1"))
    return `This page reaches only http://127.0.0.1 and ${own}: have your agent, a tunnel or the page’s proxy reach it.`;
  if (url.username || url.password || url.search || url.hash) return "Leave out user, query and fragment.";
  return null;
}
