/**
 * A browser's wallet (EIP-1193, announced by EIP-6963) for tests: the page has its face, and this process its key.
 *
 *   const wallet = new LocalWallet({ rpc, key, name });
 *   await wallet.install(context);      // before the first page of a Playwright context
 *
 * It signs typed data (EIP-712) and transactions (EIP-155) with `key` by itself and asks the node at `rpc` for
 * all else. `wallet.decline = "eth_sendTransaction"` makes it refuse that once, as a person would; `wallet.onto(page,
 * chainId)` moves it to another chain.
 */

import { secp256k1 } from "@noble/curves/secp256k1.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { bytesToHex, concatBytes, hexToBytes } from "@noble/hashes/utils.js";

const OWN = ["eth_accounts", "eth_requestAccounts", "eth_chainId", "eth_sendTransaction", "eth_signTypedData_v4", "wallet_switchEthereumChain"]; // prettier-ignore
const ICON =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'%3E%3Crect width='8' height='8' rx='2' fill='%230a5f80'/%3E%3C/svg%3E";

export class LocalWallet {
  constructor({ rpc, key, name = "Local wallet" }) {
    Object.assign(this, {
      rpc,
      name,
      secret: hexToBytes(key.replace(/^0x/, "")),
      chain: null,
      decline: null,
      asked: [],
    });
    this.address = addressOf(secp256k1.getPublicKey(this.secret, false));
    this.allowed = false;
    this.queue = Promise.resolve();
  }

  /** Every page of `context` finds this wallet. */
  async install(context) {
    await context.exposeFunction("__wallet", async (method, params) => {
      try {
        return { result: await this.request(method, params) };
      } catch (error) {
        return { error: { code: error.code ?? -32603, message: error.message } };
      }
    });
    await context.addInitScript(face, { name: this.name, icon: ICON });
  }

  async request(method, params = []) {
    this.asked.push(method);
    if (this.decline === method) {
      this.decline = null;
      throw refusal(4001, "User rejected the request.");
    }
    return OWN.includes(method) ? await this[method](...params) : await this.ask(method, params);
  }

  async eth_requestAccounts() {
    this.allowed = true;
    return [this.address];
  }

  async eth_accounts() {
    return this.allowed ? [this.address] : [];
  }

  async eth_chainId() {
    return this.chain ?? (await this.ask("eth_chainId", []));
  }

  async wallet_switchEthereumChain({ chainId }) {
    const known = await this.ask("eth_chainId", []);
    if (BigInt(chainId) !== BigInt(known)) throw refusal(4902, "Unrecognized chain ID.");
    this.chain = null;
    return null;
  }

  async eth_signTypedData_v4(address, text) {
    this.own(address);
    const { types, primaryType, domain, message } = JSON.parse(text);
    const separator = structHash(types, "EIP712Domain", domain);
    const digest = keccak_256(concatBytes(Uint8Array.of(0x19, 1), separator, structHash(types, primaryType, message)));
    const { r, s, recovery } = sign(digest, this.secret);
    return `0x${pad(r)}${pad(s)}${(27 + recovery).toString(16)}`;
  }

  /** One after the other, or two would take the same nonce. */
  eth_sendTransaction(transaction) {
    const sent = this.queue.then(() => this.send(transaction));
    this.queue = sent.catch(() => undefined);
    return sent;
  }

  async send({ from, to, data = "0x", value = "0x0", gas, nonce }) {
    this.own(from);
    const [chainId, price] = [BigInt(await this.ask("eth_chainId", [])), await this.ask("eth_gasPrice", [])];
    nonce ??= await this.ask("eth_getTransactionCount", [from, "pending"]);
    gas ??= await this.ask("eth_estimateGas", [{ from, to, data, value }]);
    const fields = [
      number(nonce),
      number(price),
      number(gas),
      hexToBytes(to.slice(2)),
      number(value),
      hexToBytes(data.slice(2)),
    ];
    const digest = keccak_256(rlp([...fields, number(chainId), number(0), number(0)]));
    const { r, s, recovery } = sign(digest, this.secret);
    const raw = rlp([...fields, number(chainId * 2n + 35n + BigInt(recovery)), number(r), number(s)]);
    return await this.ask("eth_sendRawTransaction", [`0x${bytesToHex(raw)}`]);
  }

  /** Be on another chain, and tell the page. */
  async onto(page, chainId) {
    this.chain = `0x${chainId.toString(16)}`;
    await page.evaluate(([event, value]) => window.__walletSays(event, value), ["chainChanged", this.chain]);
  }

  own(address) {
    if (address.toLowerCase() !== this.address) throw refusal(4100, "Not an account of this wallet.");
  }

  async ask(method, params) {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    const response = await fetch(this.rpc, { method: "POST", headers: { "content-type": "application/json" }, body });
    const { result, error } = await response.json();
    if (error) throw Object.assign(new Error(error.message), { code: error.code });
    return result;
  }
}

/** Runs in the page: EIP-1193's face of the wallet, announced as EIP-6963 says. */
function face({ name, icon }) {
  const listeners = new Map();
  window.__walletSays = (event, value) => listeners.get(event)?.forEach((listener) => listener(value));
  const provider = Object.freeze({
    async request({ method, params }) {
      const { result, error } = await window.__wallet(method, params ?? []);
      if (error) throw Object.assign(new Error(error.message), error);
      if (method === "wallet_switchEthereumChain") window.__walletSays("chainChanged", params[0].chainId);
      return result;
    },
    on: (event, listener) => void listeners.set(event, [...(listeners.get(event) ?? []), listener]),
    removeListener: (event, listener) =>
      void listeners.set(
        event,
        (listeners.get(event) ?? []).filter((one) => one !== listener),
      ),
  });
  const info = Object.freeze({ uuid: "8f1c7c34-6a0e-4f7e-9d5b-3f0c4f1d2a10", name, icon, rdns: "test.shadowpool" });
  const announce = () =>
    window.dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail: Object.freeze({ info, provider }) }));
  window.addEventListener("eip6963:requestProvider", announce);
  announce();
}

// --- EIP-712 ---

function structHash(types, name, value) {
  const words = types[name].map((field) => encode(types, field.type, value[field.name]));
  return keccak_256(concatBytes(keccak_256(utf8(typeText(types, name))), ...words));
}

/** The type with those that it uses behind it, in the order of their names. */
function typeText(types, name) {
  const used = new Set();
  const visit = (one) => {
    for (const { type } of types[one])
      if (types[type] && !used.has(type)) {
        used.add(type);
        visit(type);
      }
  };
  visit(name);
  used.delete(name);
  const text = (one) => `${one}(${types[one].map((field) => `${field.type} ${field.name}`).join(",")})`;
  return [name, ...[...used].sort()].map(text).join("");
}

function encode(types, type, value) {
  if (types[type]) return structHash(types, type, value);
  if (type === "string") return keccak_256(utf8(value));
  if (type === "bytes") return keccak_256(hexToBytes(value.slice(2)));
  if (/^bytes\d+$/.test(type)) return hexToBytes(value.slice(2).padEnd(64, "0"));
  if (/^uint\d*$|^address$|^bool$/.test(type)) return hexToBytes(pad(BigInt(value)));
  throw refusal(-32602, `no typed data of ${type} here`);
}

// --- Transactions ---

function rlp(item) {
  if (Array.isArray(item)) {
    const content = concatBytes(...item.map(rlp));
    return concatBytes(head(content.length, 0xc0), content);
  }
  return item.length === 1 && item[0] < 0x80 ? item : concatBytes(head(item.length, 0x80), item);
}

function head(length, from) {
  if (length < 56) return Uint8Array.of(from + length);
  const size = number(length);
  return concatBytes(Uint8Array.of(from + 55 + size.length), size);
}

/** A number as big-endian bytes without leading zeros, 0 as none. */
function number(value) {
  const text = BigInt(value).toString(16);
  return text === "0" ? new Uint8Array() : hexToBytes(text.length % 2 ? `0${text}` : text);
}

// --- Words ---

function sign(digest, secret) {
  const { r, s, recovery } = secp256k1.Signature.fromBytes(secp256k1.sign(digest, secret, { prehash: false, format: "recovered" }), "recovered"); // prettier-ignore
  return { r, s, recovery };
}

function addressOf(uncompressed) {
  return `0x${bytesToHex(keccak_256(uncompressed.slice(1)).slice(-20))}`;
}

function pad(value) {
  return value.toString(16).padStart(64, "0");
}

function utf8(text) {
  return new TextEncoder().encode(text);
}

function refusal(code, message) {
  return Object.assign(new Error(message), { code });
}
