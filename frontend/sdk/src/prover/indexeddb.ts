/** Browser only: files by hash in IndexedDB. Where a browser keeps none (private windows), nothing is cached. */

import type { Store } from "./artifacts";

const DATABASE = "shadowpool-artifacts";
const FILES = "files";

export class IndexedDbStore implements Store {
  private database: Promise<IDBDatabase> | undefined;

  get(sha256: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.run("readonly", (files) => files.get(sha256), undefined);
  }

  put(sha256: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    return this.run<IDBValidKey | undefined>("readwrite", (files) => files.put(bytes, sha256), undefined).then(
      () => undefined,
    );
  }

  async keep(hashes: string[]): Promise<void> {
    const keys = await this.run<IDBValidKey[]>("readonly", (files) => files.getAllKeys(), []);
    for (const key of keys)
      if (!hashes.includes(String(key))) await this.run("readwrite", (files) => files.delete(key), undefined);
  }

  /** What a request gives, or `otherwise` if it fails. */
  private async run<Result>(
    mode: IDBTransactionMode,
    request: (files: IDBObjectStore) => IDBRequest,
    otherwise: Result,
  ): Promise<Result> {
    try {
      this.database ??= open();
      const files = (await this.database).transaction(FILES, mode).objectStore(FILES);
      return await answer(request(files));
    } catch {
      this.database = undefined;
      return otherwise;
    }
  }
}

function open(): Promise<IDBDatabase> {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(FILES);
  return answer(request);
}

function answer<Result>(request: IDBRequest): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
