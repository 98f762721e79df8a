/** Reads of /v1: one small cache, which shows what it has while it asks again. */

import { useEffect, useState, useSyncExternalStore } from "react";

/** A refusal of the server, in its own words (RFC 9457). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    title: string,
    readonly detail: string,
  ) {
    super(title);
  }
}

export interface Answer<T> {
  data: T | null;
  error: Error | null;
  loading: boolean;
}

interface Kept {
  text: string;
  data: unknown;
}

const KEPT = 300;
const cache = new Map<string, Kept>();
const underWay = new Map<string, Promise<unknown>>();
let generation = 0;
const listeners = new Set<() => void>();

export async function get<T>(path: string): Promise<T> {
  let request = underWay.get(path) as Promise<T> | undefined;
  if (!request) {
    request = fetchJson<T>(path).finally(() => underWay.delete(path));
    underWay.set(path, request);
  }
  return request;
}

/** Forget everything: the chain was rolled back. */
export function forget(): void {
  cache.clear();
  generation += 1;
  listeners.forEach((tell) => tell());
}

/**
 * The answer to a path; null asks nothing. Asked again when `revision` changes, without blanking what is
 * on show.
 */
export function useApi<T>(path: string | null, revision: number | string = 0): Answer<T> {
  const epoch = useSyncExternalStore(subscribe, () => generation);
  const [answer, setAnswer] = useState<{ path: string | null; data: T | null; error: Error | null }>({
    path: null,
    data: null,
    error: null,
  });
  useEffect(() => {
    if (path === null) return;
    let current = true;
    get<T>(path).then(
      (data) => current && setAnswer({ path, data, error: null }),
      (error: Error) => current && setAnswer((last) => ({ path, data: last.path === path ? last.data : null, error })),
    );
    return () => {
      current = false;
    };
  }, [path, revision, epoch]);
  if (path === null) return { data: null, error: null, loading: false };
  if (answer.path === path) return { ...answer, loading: false };
  const kept = (cache.get(path)?.data as T | undefined) ?? null;
  return { data: kept, error: null, loading: kept === null };
}

/** A path with its query; empty values are left out. */
export function query(path: string, values: Record<string, string | number | null | undefined>): string {
  const kept = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = new URLSearchParams(kept.map(([name, value]) => [name, String(value)])).toString();
  return text ? `${path}?${text}` : path;
}

function subscribe(tell: () => void): () => void {
  listeners.add(tell);
  return () => listeners.delete(tell);
}

/** What a text holds; the very object of last time if the text is the same, so that nothing is drawn anew. */
function remembered(path: string, text: string): unknown {
  const last = cache.get(path);
  const kept = last?.text === text ? last : { text, data: JSON.parse(text) as unknown };
  cache.delete(path);
  cache.set(path, kept);
  if (cache.size > KEPT) cache.delete(cache.keys().next().value!);
  return kept.data;
}

function readProblem(text: string): { title?: string; detail?: string } {
  try {
    return (JSON.parse(text) ?? {}) as { title?: string; detail?: string };
  } catch {
    return {};
  }
}

async function fetchJson<T>(path: string): Promise<T> {
  const response = await fetch(path, { headers: { accept: "application/json" } }).catch(() => {
    throw new ApiError(
      0,
      "The indexer does not answer",
      "Check that it is running; this page tries again with the next block.",
    );
  });
  const text = await response.text();
  if (response.ok) return remembered(path, text) as T;
  const problem = readProblem(text);
  throw new ApiError(response.status, problem.title ?? `The indexer answered ${response.status}`, problem.detail ?? "");
}
