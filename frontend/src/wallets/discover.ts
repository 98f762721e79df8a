/** The wallets that announce themselves to this page (EIP-6963). */

import type { Provider } from "./eip1193";

export interface Announced {
  info: { uuid: string; name: string; icon: string; rdns: string };
  provider: Provider;
}

let found: readonly Announced[] = [];
const listeners = new Set<() => void>();

function announced(event: Event): void {
  const detail = (event as CustomEvent<unknown>).detail;
  if (!sound(detail) || found.some((one) => one.info.uuid === detail.info.uuid)) return;
  found = [...found, detail];
  listeners.forEach((tell) => tell());
}

/** Hears of wallets for as long as somebody listens; asks those that came before to say so again. */
export const wallets = {
  get: (): readonly Announced[] => found,
  subscribe(tell: () => void): () => void {
    if (!listeners.size) window.addEventListener("eip6963:announceProvider", announced);
    listeners.add(tell);
    window.dispatchEvent(new Event("eip6963:requestProvider"));
    return () => {
      listeners.delete(tell);
      if (!listeners.size) window.removeEventListener("eip6963:announceProvider", announced);
    };
  },
};

/** An icon is drawn only from a data URI: a page that loads nothing from elsewhere loads no icon from there. */
export function iconOf({ info }: Announced): string | null {
  return /^data:image\/(svg\+xml|png|webp|jpeg|gif)[;,]/.test(info.icon) ? info.icon : null;
}

export function sound(detail: unknown): detail is Announced {
  const { info, provider } = (detail ?? {}) as Partial<Announced>;
  const texts = info ? [info.uuid, info.name, info.icon, info.rdns] : [undefined];
  return texts.every((text) => typeof text === "string") && typeof provider?.request === "function";
}
