/** What of Node's own modules the SDK uses: all of @types/node would change the types of a page's globals. */
declare module "node:fs/promises" {
  export function readFile(path: string): Promise<Uint8Array>;
  export function writeFile(path: string, bytes: Uint8Array): Promise<void>;
  export function rename(from: string, to: string): Promise<void>;
  export function mkdir(path: string, options: { recursive: true; mode: number }): Promise<unknown>;
  export function mkdtemp(prefix: string): Promise<string>;
  export function readdir(path: string): Promise<string[]>;
  export function rm(path: string, options?: { recursive: boolean }): Promise<void>;
}
