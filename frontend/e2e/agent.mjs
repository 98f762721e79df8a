/** The agent's client under Node, told its address and key on standard input; what it got goes to standard output. */

import { readFileSync } from "node:fs";

const [sdk] = process.argv.slice(2);
const { AgentClient, AgentError } = await import(`${sdk}/index.mjs`);
const { url, key, asset, recipient } = JSON.parse(readFileSync(0, "utf8"));
const client = new AgentClient(url, key);
const buy = { market: 0, side: 0, quantity: 2n ** 63n, price: 1n };
const got = {};

const stop = new AbortController();
const events = [];
const told = new Promise((resolve) => {
  const onEvent = (event) => events.push(event) === 2 && resolve();
  void client.follow(0, { onEvent, signal: stop.signal });
});

got.placed = await client.place({ ...buy, clientId: "first" });
got.again = await client.place({ ...buy, clientId: "first" });
got.duplicate = await client
  .place({ ...buy, side: 1, clientId: "first" })
  .catch((error) => [error instanceof AgentError, error.code]);
got.cancelled = await client.cancel("first");
await told;
stop.abort();
got.events = events;
got.order = await client.order("first");
got.orders = await client.orders();
got.fills = await client.fills();
got.unknown = await client.order("another").catch((error) => error.code);
got.quote = await client.quote({ ...buy, quantity: 4n });
got.status = await client.status();
got.balances = await client.balances();
got.markets = await client.markets();
got.moved = [await client.withdraw("w", asset, 5n, recipient), await client.consolidate("c", asset)];
got.movements = await client.movements();
got.killed = await client.kill(true, "a test");
got.refused = await client.place({ ...buy, clientId: "second" }).catch((error) => error.code);
got.stranger = await new AgentClient(url, "no key").status().catch((error) => error.code);
console.log(JSON.stringify(got, (_, value) => (typeof value === "bigint" ? `${value}n` : value)));
process.exit(0);
