/** What a browser's wallet looks like from a page (EIP-1193), and what its refusals mean. */

export type Hex = `0x${string}`;

export interface Provider {
  request(args: { method: string; params?: unknown[] }): Promise<unknown>;
  on?(event: string, listener: (value: never) => void): void;
  removeListener?(event: string, listener: (value: never) => void): void;
}

/** A refusal of the wallet, in words that say what to do. */
export class WalletError extends Error {
  constructor(
    readonly code: number | null,
    message: string,
  ) {
    super(message);
    this.name = "WalletError";
  }
}

export const REJECTED = 4001;
const UNKNOWN_CHAIN = 4902;

const MEANINGS: Record<number, string> = {
  [REJECTED]: "You declined it in the wallet: do it again to go on.",
  4100: "The wallet has not allowed this page to use that account: connect again and choose it.",
  4200: "This wallet does not do what was asked of it: use another one.",
  4900: "The wallet has lost every network: check its connection.",
  4901: "The wallet has lost this network: check its connection.",
  [UNKNOWN_CHAIN]: "The wallet does not know this chain: add it there first, with an endpoint that you trust.",
  [-32002]: "The wallet already waits for an answer of yours: open it and answer there.",
};

/** Ask a wallet; WalletError if it refuses or fails. */
export async function ask(provider: Provider, method: string, ...params: unknown[]): Promise<unknown> {
  try {
    return await provider.request({ method, params });
  } catch (error) {
    throw walletError(error);
  }
}

export function walletError(error: unknown): WalletError {
  if (error instanceof WalletError) return error;
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  const number = typeof code === "number" ? code : null;
  const said = typeof message === "string" && message ? message : "no reason given";
  return new WalletError(number, (number !== null && MEANINGS[number]) || `The wallet refused: ${said}`);
}
