/** What of Node's own modules the SDK uses: all of @types/node would change the types of a page's globals. */
declare module "node:fs/promises" {
  export function readFile(path: string): Promise<Uint8Array>;
}
