/** One account of one wallet, and what happens to it while it is connected. */

import type { Announced } from "./discover";
import { type Hex, type Provider, WalletError, ask } from "./eip1193";

export interface Connection {
  name: string;
  rdns: string;
  provider: Provider;
  address: Hex;
  chainId: number;
}

/** Connect the wallet's chosen account; `quietly` asks only what the wallet has allowed before, null if nothing. */
export async function connect(wallet: Announced): Promise<Connection>;
export async function connect(wallet: Announced, options: { quietly: true }): Promise<Connection | null>;
export async function connect(wallet: Announced, { quietly = false } = {}): Promise<Connection | null> {
  const { info, provider } = wallet;
  const accounts = await ask(provider, quietly ? "eth_accounts" : "eth_requestAccounts");
  const address = first(accounts);
  if (address === null) {
    if (quietly) return null;
    throw new WalletError(null, "The wallet gave no account: unlock it, choose one, and connect again.");
  }
  return { name: info.name, rdns: info.rdns, provider, address, chainId: await chainOf(provider) };
}

/**
 * Tell of a change of account (null: none is left) or chain; returns how to stop. A wallet's `disconnect` is none: it
 * says that its node is lost, not its account.
 */
export function follow(
  { provider }: Connection,
  changed: (change: { address?: Hex | null; chainId?: number }) => void,
): () => void {
  const accounts = (value: unknown) => changed({ address: first(value) });
  const chain = (value: unknown) => {
    const chainId = chainNumber(value);
    if (chainId !== null) changed({ chainId });
  };
  const listening: [string, (value: never) => void][] = [
    ["accountsChanged", accounts],
    ["chainChanged", chain],
  ];
  for (const [event, listener] of listening) provider.on?.(event, listener);
  return () => listening.forEach(([event, listener]) => provider.removeListener?.(event, listener));
}

/** Ask the wallet to go to a chain that it knows. */
export async function switchChain(provider: Provider, chainId: number): Promise<void> {
  await ask(provider, "wallet_switchEthereumChain", { chainId: `0x${chainId.toString(16)}` });
}

async function chainOf(provider: Provider): Promise<number> {
  const chainId = chainNumber(await ask(provider, "eth_chainId"));
  if (chainId === null) throw new WalletError(null, "The wallet does not say which chain it is on: choose one there.");
  return chainId;
}

function first(accounts: unknown): Hex | null {
  const [address] = Array.isArray(accounts) ? (accounts as unknown[]) : [];
  return typeof address === "string" && /^0x[0-9a-fA-F]{40}$/.test(address) ? (address as Hex) : null;
}

/** EIP-695 says hexadecimal text; some wallets' events give a number. */
function chainNumber(value: unknown): number | null {
  const number = typeof value === "number" ? value : typeof value === "string" ? Number(value) : NaN;
  return Number.isSafeInteger(number) && number > 0 ? number : null;
}
