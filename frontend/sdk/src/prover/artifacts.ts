/** A browser's copies of circuits' files: from a server once, then from IndexedDB, and by their hashes alone either way. */

import { ArtifactError } from "../errors";
import type { Store } from "../store";
import type { Circuit } from "../types";
import type { Files } from "./engine";

/** One file of a manifest. */
interface Entry {
  sha256: string;
  bytes: number;
}

/** What `/artifacts/manifest.json` says of each circuit. */
export type Manifest = Record<string, Record<keyof Files, Entry>>;

const KINDS = ["wasm", "zkey"] as const;
/** Several times the largest file of a wallet's circuits. */
const MOST_BYTES = 2 ** 28;

/** `baseUrl` is where `artifacts/` is, without a slash at its end; `call` is `fetch`. */
export class Artifacts {
  private manifest: Promise<Manifest> | undefined;

  constructor(
    private readonly baseUrl: string,
    private readonly store: Store,
    private readonly call: typeof fetch = (...args) => fetch(...args),
  ) {}

  /** Both files of a circuit; ArtifactError if they cannot be had as the manifest names them. */
  async load(circuit: Circuit, progress: (part: number) => void = () => undefined): Promise<Files> {
    const manifest = await this.read();
    const entries = manifest[circuit];
    if (!entries) throw new ArtifactError(`${this.baseUrl} has no files of ${circuit}; ask its operator to build them`);
    const total = entries.wasm.bytes + entries.zkey.bytes;
    let before = 0;
    const found: Partial<Files> = {};
    for (const kind of KINDS) {
      found[kind] = await this.file(`${circuit}.${kind}`, entries[kind], (bytes) => progress((before + bytes) / total));
      before += entries[kind].bytes;
    }
    return found as Files;
  }

  private async read(): Promise<Manifest> {
    this.manifest ??= this.fetchManifest();
    try {
      return await this.manifest;
    } catch (error) {
      this.manifest = undefined;
      throw error;
    }
  }

  private async fetchManifest(): Promise<Manifest> {
    const response = await this.get("manifest.json");
    const manifest = (await response.json().catch(() => undefined)) as { circuits?: Manifest } | undefined;
    const entries = Object.values(manifest?.circuits ?? {}).flatMap((files) => KINDS.map((kind) => files?.[kind]));
    const fits = (entry?: Entry) =>
      entry &&
      /^[0-9a-f]{64}$/.test(entry.sha256) &&
      Number.isSafeInteger(entry.bytes) &&
      entry.bytes > 0 &&
      entry.bytes <= MOST_BYTES;
    if (!entries.length || !entries.every(fits)) throw new ArtifactError(`${this.baseUrl} has no manifest of circuits`);
    await this.store.keep(entries.map((entry) => entry!.sha256));
    return manifest!.circuits!;
  }

  private async file(name: string, entry: Entry, progress: (bytes: number) => void): Promise<Uint8Array<ArrayBuffer>> {
    const kept = await this.store.get(entry.sha256);
    if (kept && (await sha256(kept)) === entry.sha256) {
      progress(entry.bytes);
      return kept;
    }
    const bytes = await body(await this.get(name), name, entry.bytes, progress);
    if ((await sha256(bytes)) !== entry.sha256)
      throw new ArtifactError(`${name} from ${this.baseUrl} is not what its manifest says: do not use that server`);
    await this.store.put(entry.sha256, bytes);
    return bytes;
  }

  private async get(name: string): Promise<Response> {
    const url = `${this.baseUrl}/artifacts/${name}`;
    const response = await this.call(url, { cache: "no-cache", credentials: "omit" }).catch(() => undefined);
    if (!response?.ok) throw new ArtifactError(`${url}: ${response ? response.status : "no answer"}; try again`);
    return response;
  }
}

/** A response's bytes: exactly as many as are expected, so that a server cannot fill the memory. */
async function body(
  response: Response,
  name: string,
  expected: number,
  progress: (bytes: number) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const wrong = () => new ArtifactError(`${name} is not of the size that its manifest says; try again`);
  const reader = response.body?.getReader();
  const bytes = new Uint8Array(expected);
  let at = 0;
  for (let chunk = await reader?.read(); chunk && !chunk.done; chunk = await reader?.read()) {
    if (at + chunk.value.length > expected) throw wrong();
    bytes.set(chunk.value, at);
    progress((at += chunk.value.length));
  }
  if (at !== expected) throw wrong();
  return bytes;
}

export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  if (!globalThis.crypto?.subtle)
    throw new ArtifactError("this page has no Web Crypto: open it by https, or from this machine");
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
