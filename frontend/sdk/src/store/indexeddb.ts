/** Browser only: a store in IndexedDB. Where a browser keeps none (private windows), nothing is cached. */

import type { Store } from ".";

const FILES = "files";

export class IndexedDbStore implements Store {
  private database: Promise<IDBDatabase> | undefined;

  constructor(readonly name: string) {}

  get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.run("readonly", (files) => files.get(key), undefined);
  }

  put(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    return this.run<IDBValidKey | undefined>("readwrite", (files) => files.put(bytes, key), undefined).then(
      () => undefined,
    );
  }

  async keep(kept: string[], prefix = ""): Promise<void> {
    const keys = await this.run<IDBValidKey[]>("readonly", (files) => files.getAllKeys(), []);
    for (const key of keys)
      if (String(key).startsWith(prefix) && !kept.includes(String(key)))
        await this.run("readwrite", (files) => files.delete(key), undefined);
  }

  /** What a request gives, or `otherwise` if it fails. */
  private async run<Result>(
    mode: IDBTransactionMode,
    request: (files: IDBObjectStore) => IDBRequest,
    otherwise: Result,
  ): Promise<Result> {
    try {
      this.database ??= open(this.name);
      const files = (await this.database).transaction(FILES, mode).objectStore(FILES);
      return await answer(request(files));
    } catch {
      this.database = undefined;
      return otherwise;
    }
  }
}

function open(name: string): Promise<IDBDatabase> {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(FILES);
  return answer(request);
}

function answer<Result>(request: IDBRequest): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
