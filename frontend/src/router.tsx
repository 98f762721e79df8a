/** The address bar as state: paths, queries, and links that do not reload. */

import { type AnchorHTMLAttributes, type MouseEvent, useSyncExternalStore } from "react";

const CHANGED = "shadowpool:navigated";

export function navigate(to: string, { replace = false } = {}): void {
  if (to === location.pathname + location.search) return;
  history[replace ? "replaceState" : "pushState"](null, "", to);
  window.dispatchEvent(new Event(CHANGED));
}

export function usePath(): string {
  return useSyncExternalStore(subscribe, () => location.pathname);
}

/** A value of the query, and how to set it; null or "" removes it, and a new filter leaves old cursors behind. */
export function useQuery(name: string): [string | null, (value: string | null) => void] {
  const text = useSyncExternalStore(subscribe, () => location.search);
  const set = (value: string | null) => {
    const query = new URLSearchParams(location.search);
    query.delete("cursor");
    if (value) query.set(name, value);
    else query.delete(name);
    const rest = query.toString();
    navigate(location.pathname + (rest ? `?${rest}` : ""), { replace: name !== "cursor" });
  };
  return [new URLSearchParams(text).get(name), set];
}

export function Link({ href, ...rest }: AnchorHTMLAttributes<HTMLAnchorElement> & { href: string }) {
  const follow = (event: MouseEvent) => {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)
      return;
    event.preventDefault();
    navigate(href);
  };
  return <a href={href} onClick={follow} {...rest} />;
}

/** The parts of `path` that fit `pattern`'s names ("/epochs/:market/:epoch"), or null. */
export function match(pattern: string, path: string): Record<string, string> | null {
  const [wanted, given] = [pattern, path].map((text) => text.split("/").filter(Boolean)) as [string[], string[]];
  if (wanted.length !== given.length) return null;
  const found: Record<string, string> = {};
  for (const [i, part] of wanted.entries()) {
    if (part.startsWith(":")) found[part.slice(1)] = decodeURIComponent(given[i]!);
    else if (part !== given[i]) return null;
  }
  return found;
}

function subscribe(tell: () => void): () => void {
  window.addEventListener("popstate", tell);
  window.addEventListener(CHANGED, tell);
  return () => {
    window.removeEventListener("popstate", tell);
    window.removeEventListener(CHANGED, tell);
  };
}
