/** Where bytes outlive a process. What is read again is checked by its reader: a store may be anyone's to write. */

/** Bytes by key: a store that lacks what it was given is no fault, only slower. */
export interface Store {
  get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  put(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Of the keys that begin with `prefix`, drop all but these. */
  keep(keys: string[], prefix?: string): Promise<void>;
}
