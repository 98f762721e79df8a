import { expect, test, vi } from "vitest";

import { balanceOf } from "./balance";
import { connect, follow } from "./connection";
import type { Deployment } from "../../sdk/src/types";
import { iconOf, sound } from "./discover";
import { type Hex, type Provider, WalletError, ask, walletError } from "./eip1193";
import { signKey } from "./sign";

const ADDRESS = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const INFO = { uuid: "1", name: "A wallet", icon: "data:image/svg+xml,<svg/>", rdns: "org.example" };

function provider(answers: Record<string, unknown>): Provider {
  return { request: async ({ method }) => answers[method] };
}

test("only what is a wallet counts as announced, and only inline icons are drawn", () => {
  const wallet = { info: INFO, provider: provider({}) };
  expect(sound(wallet)).toBe(true);
  expect(sound({ info: INFO })).toBe(false);
  expect(sound({ ...wallet, info: { ...INFO, name: 1 } })).toBe(false);
  expect(sound(null)).toBe(false);
  expect(iconOf(wallet)).toBe(INFO.icon);
  expect(iconOf({ ...wallet, info: { ...INFO, icon: "https://example.org/i.png" } })).toBeNull();
});

test("a connection is the first account on the wallet's chain", async () => {
  const wallet = { info: INFO, provider: provider({ eth_requestAccounts: [ADDRESS], eth_chainId: "0x7a69" }) };
  expect(await connect(wallet)).toMatchObject({ address: ADDRESS, chainId: 31337, name: "A wallet" });
  await expect(connect({ info: INFO, provider: provider({ eth_requestAccounts: [] }) })).rejects.toThrow("no account");
  expect(await connect({ info: INFO, provider: provider({ eth_accounts: [] }) }, { quietly: true })).toBeNull();
});

test("an account's balance is a word of its node, or none", async () => {
  const held = async (answer: string) => {
    const answers = { eth_requestAccounts: [ADDRESS], eth_chainId: "0x1", eth_call: answer };
    return balanceOf(await connect({ info: INFO, provider: provider(answers) }), `0x${"d".repeat(40)}`);
  };
  expect(await held(`0x${"0".repeat(61)}3e8`)).toBe(1000n);
  await expect(held("0x")).rejects.toThrow("no balance");
  await expect(held("0x")).rejects.toThrow(WalletError);
});

test("changes of account and chain are told, and no more after the end", async () => {
  const listeners = new Map<string, (value: never) => void>();
  const moving: Provider = {
    ...provider({ eth_requestAccounts: [ADDRESS], eth_chainId: "0x1" }),
    on: (event, listener) => void listeners.set(event, listener),
    removeListener: (event) => void listeners.delete(event),
  };
  const changed = vi.fn();
  const stop = follow(await connect({ info: INFO, provider: moving }), changed);
  listeners.get("chainChanged")!("0x7a69" as never);
  listeners.get("accountsChanged")!([] as never);
  // Its node is lost, not its account.
  listeners.get("disconnect")?.({ code: 4900 } as never);
  expect(changed.mock.calls).toEqual([[{ chainId: 31337 }], [{ address: null }]]);
  stop();
  expect(listeners.size).toBe(0);
});

test("refusals say what to do", async () => {
  expect(walletError({ code: 4001 }).message).toContain("declined");
  expect(walletError({ code: 4902 }).message).toContain("add it");
  expect(walletError(new Error("odd")).message).toContain("odd");
  const failing: Provider = { request: () => Promise.reject({ code: -32002 }) };
  await expect(ask(failing, "eth_accounts")).rejects.toMatchObject({ code: -32002 });
});

test("a signature of another length, or of another account, gives no key", async () => {
  const deployment = {
    chainId: 31337n,
    contracts: { Pool: "0x5FbDB2315678afecb367f032d93F642f64180aa3" },
  } as unknown as Deployment;
  const connection = (signature: string) => ({
    name: "",
    rdns: "",
    address: ADDRESS as Hex,
    chainId: 31337,
    provider: provider({ eth_signTypedData_v4: signature }),
  });
  await expect(signKey(connection("0x11"), deployment)).rejects.toThrow("65 bytes");
  await expect(signKey(connection(`0x${"11".repeat(65)}`), deployment)).rejects.toThrow("not");
});
