/** Node only: a store in a folder, a file for each key. */

import { mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";

import type { Store } from ".";

/** What tells the store's files from others in the folder. */
const SUFFIX = ".kept";

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
    const whole = this.path(key, "+new"); // no key's: in a key, + is escaped
    await writeFile(whole, bytes);
    await rename(whole, path);
  }

  async keep(keys: string[], prefix = ""): Promise<void> {
    const [kept, start] = [new Set(keys.map((key) => nameOf(key))), encodeURIComponent(prefix)];
    const names: string[] = await readdir(this.folder).catch(() => []);
    for (const name of names)
      if (name.endsWith(SUFFIX) && name.startsWith(start) && !kept.has(name)) await rm(`${this.folder}/${name}`);
  }

  private path(key: string, mark = ""): string {
    return `${this.folder}/${nameOf(key, mark)}`;
  }
}

function nameOf(key: string, mark = ""): string {
  return `${encodeURIComponent(key)}${mark}${SUFFIX}`;
}
