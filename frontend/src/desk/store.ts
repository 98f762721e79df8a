/** A value that pages follow: set it, and what is on show is drawn again. */

import { useSyncExternalStore } from "react";

export class Store<T extends object> {
  private readonly listeners = new Set<() => void>();

  constructor(private value: T) {}

  get = (): T => this.value;

  set = (patch: Partial<T>): void => {
    this.value = { ...this.value, ...patch };
    this.listeners.forEach((tell) => tell());
  };

  subscribe = (tell: () => void): (() => void) => {
    this.listeners.add(tell);
    return () => this.listeners.delete(tell);
  };
}

export function useStore<T extends object>(store: Store<T>): T {
  return useSyncExternalStore(store.subscribe, store.get);
}
