/**
 * A trader who uses the SDK under Node, told what to do by lines of JSON: {"do": …}. Each is answered by one line,
 * {"done": …} or {"error": name, "message": …}; integers are decimal strings.
 */

import { createInterface } from "node:readline";

const [sdk, circuits] = process.argv.slice(2);
const {
  HttpProvider,
  IndexerSource,
  RpcSource,
  Wallet,
  exportRows,
  keys,
  readCredential,
  readDeployment,
} = await import(`${sdk}/index.mjs`);
const { NodeProver } = await import(`${sdk}/node.mjs`);

const prover = new NodeProver({ folder: circuits });
let wallet, signer;

/** Who sends: a carrier's URL, or the trader's own account. */
const options = ({ carrier, ...rest }) => ({
  sender: carrier ?? signer,
  ...rest,
});
const terms = ({ side, quantity, price }) => ({
  side,
  quantity: BigInt(quantity),
  price: BigInt(price),
});
const placed = async ({ market, epoch, index }) => {
  await wallet.sync();
  const found = wallet.orders().map((order) => order.placed);
  return found.find(
    (one) =>
      one.market === market && one.epoch === epoch && one.index === index,
  );
};

const actions = {
  async open({ rpc, deployment, account, indexer, depth }) {
    const provider = new HttpProvider(rpc);
    signer = { address: account, request: (asked) => provider.request(asked) };
    const place = readDeployment(deployment);
    const key = await keys.fromWallet(
      signer,
      place.chainId,
      place.contracts.Pool,
    );
    const source = indexer ? new IndexerSource(indexer, 8) : new RpcSource();
    const asked = {
      deployment: place,
      key,
      source,
      prover,
      provider,
      depth,
      pollMs: 10,
    };
    const began = performance.now();
    wallet = await Wallet.open(asked);
    return { owner: key.owner, seconds: (performance.now() - began) / 1000 };
  },
  async view() {
    const block = await wallet.sync();
    const notes = wallet.holdings.notes.map(({ note, ...rest }) => ({
      ...note,
      ...rest,
    }));
    const orders = wallet.orders();
    const history = wallet.history();
    const [balances, locked] = [wallet.balances(), wallet.locked()].map((map) =>
      Object.fromEntries(map),
    );
    return {
      block,
      notes,
      orders,
      history,
      balances,
      locked,
      rows: exportRows(history).length,
    };
  },
  deposit: ({ asset, amount, notes }) =>
    wallet.deposit(asset, BigInt(amount), options({ notes })),
  withdraw: ({ asset, amount, to, ...rest }) =>
    wallet.withdraw(asset, BigInt(amount), to, options(rest)),
  commit: ({ market, credential, order, ...rest }) => {
    return wallet.commit(
      market,
      terms(order),
      readCredential(credential),
      options(rest),
    );
  },
  reveal: async ({ order, ...rest }) =>
    wallet.reveal(await placed(order), options(rest)),
  reclaim: async ({ order, ...rest }) =>
    wallet.reclaim(await placed(order), options(rest)),
  checkSpent: () => wallet.checkSpent(),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { do: what, ...rest } = JSON.parse(line);
  let answer;
  try {
    answer = { done: (await actions[what](rest)) ?? null };
  } catch (error) {
    answer = { error: error.name, message: error.message };
  }
  console.log(
    JSON.stringify(answer, (_, value) =>
      typeof value === "bigint" ? String(value) : value,
    ),
  );
}
process.exit(0);
