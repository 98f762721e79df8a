/** Node only: a store in a folder of its own, a file for each key. */

import { mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";

import type { Store } from ".";

export class FileStore implements Store {
  constructor(readonly folder: string) {}

  async get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const read = await readFile(this.path(key)).catch(() => undefined);
    return read && Uint8Array.from(read);
  }

  /** Whole or not at all, whenever the process ends. */
  async put(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const path = this.path(key);
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    await writeFile(`${path}.new`, bytes);
    await rename(`${path}.new`, path);
  }

  async keep(keys: string[]): Promise<void> {
    const kept = new Set(keys.map((key) => encodeURIComponent(key)));
    const names: string[] = await readdir(this.folder).catch(() => []);
    for (const name of names) if (!kept.has(name)) await rm(`${this.folder}/${name}`);
  }

  private path(key: string): string {
    return `${this.folder}/${encodeURIComponent(key)}`;
  }
}
