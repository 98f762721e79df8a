/**
 * A trader in Node on the SDK's build, led by lines of JSON on standard input: [action, …arguments]. Each is answered
 * by a line. `node trader.mjs PLAN.json`: {sdk, circuits, rpc, deployment, credential, address,
 * depth, indexer, journal}.
 */

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const plan = JSON.parse(readFileSync(process.argv[2], "utf8"));
const sdk = await import(`${plan.sdk}/index.mjs`);
const { HttpProvider, IndexerSource, KeptSource, RpcSource, Wallet, keys, readCredential, readDeployment } = sdk;
const { FileStore, NodeProver } = await import(`${plan.sdk}/node.mjs`);

const deployment = readDeployment(plan.deployment);
const issued = readCredential(plan.credential);
const provider = new HttpProvider(plan.rpc);
// The chain is a development node, which signs for its own accounts.
const signer = (address) => ({ address, request: (asked) => provider.request(asked) });
const sender = signer(plan.address);
const carrier = { sender: signer(plan.carrier) };

let wallet;
const actions = {
  async open() {
    const key = await keys.fromWallet(sender, deployment.chainId, deployment.contracts.Pool);
    const prover = new NodeProver({ folder: plan.circuits });
    const told = plan.indexer ? new IndexerSource(plan.indexer, 8) : new RpcSource();
    const source = plan.journal ? new KeptSource(told, new FileStore(plan.journal), 8) : told;
    const options = { deployment, key, prover, provider, source, depth: plan.depth, pollMs: 10 };
    wallet = await Wallet.open(options);
    return { owner: key.owner, viewing: key.address.viewing };
  },
  deposit: (asset, amount) => wallet.deposit(asset, BigInt(amount), { sender, notes: 2 }),
  async withdraw(asset, amount, to, url) {
    const sent = url ? { sender: url } : carrier;
    return wallet.withdraw(asset, BigInt(amount), to, { ...sent, fee: await wallet.feeOf(asset, sent) });
  },
  commit: (side, quantity, price) =>
    wallet.commit(0, { side, quantity: BigInt(quantity), price: BigInt(price) }, issued, carrier),
  reveal: (order) => wallet.reveal(numbered(order), carrier),
  reclaim: (order) => wallet.reclaim(numbered(order), carrier),
  async holdings() {
    await wallet.sync();
    const notes = wallet.notes().map(({ note, position }) => ({ ...note, position }));
    const [balances, history] = [Object.fromEntries(wallet.balances()), wallet.history()];
    return { notes, orders: wallet.orders(), balances, history };
  },
  check: () => wallet.checkSpent(),
};

/** An order as it was before its way through JSON. */
function numbered({ terms, salt, quotaNullifier, ...rest }) {
  const [quantity, price] = [BigInt(terms.quantity), BigInt(terms.price)];
  return { ...rest, terms: { ...terms, quantity, price }, salt: BigInt(salt), quotaNullifier: BigInt(quotaNullifier) };
}

function say(answer) {
  process.stdout.write(JSON.stringify(answer, (_, value) => (typeof value === "bigint" ? `${value}` : value)) + "\n");
}

for await (const line of createInterface({ input: process.stdin })) {
  const [action, ...given] = JSON.parse(line);
  try {
    say({ done: (await actions[action](...given)) ?? null });
  } catch (error) {
    say({ error: error.name, says: error.message });
  }
}
