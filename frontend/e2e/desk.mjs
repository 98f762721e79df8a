/**
 * Uses the desk in Debian's Chromium, with a wallet that signs by a local key, and reports what it saw as JSON on
 * stdout.
 *
 *   node e2e/desk.mjs plan.json
 *
 * The plan: { base, rpc, key, out, patience, looks: [{ name, width, height, scheme }], steps }. A step is one of
 * `page.mjs` (see `act`), or { go: PATH }, { shot } (a picture and axe's judgement in every look), { hold: true } (no
 * proof gets ready until { hold: false }), { decline: METHOD }, { onto: CHAIN ID },
 * { save: BUTTON, into } (the text of the file that it gives), { leave: true } (the tab shows nothing of ours),
 * { permit: [PERMISSION] } (these and no others), { clock: true } (from here on time can be passed), { pass: TIME },
 * { heap: NAME } (what of the plan's `secrets` the page's memory holds, see `remembered`). `say` and `ask` steps go to
 * stderr, for whoever moves the chain; an `ask` waits for a line on stdin. What notifications say is in `told`.
 */

import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { act, launch, overflow, reach, violations } from "./page.mjs";
import { LocalWallet } from "./provider.mjs";

const plan = JSON.parse(readFileSync(process.argv[2], "utf8"));
const report = { shots: [], read: {}, failed: null, console: [], outside: [], asked: [], told: [] };

mkdirSync(plan.out, { recursive: true });
const browser = await launch(plan.chromium);
try {
  await use();
} finally {
  await browser.close();
}
process.stdout.write(JSON.stringify(report));
process.stdin.destroy(); // or a listener for answers would keep this alive

async function use() {
  const [look] = plan.looks;
  const context = await browser.newContext({
    viewport: { width: look.width, height: look.height },
    colorScheme: look.scheme,
    reducedMotion: "reduce",
    acceptDownloads: true,
  });
  const wallet = new LocalWallet({ rpc: plan.rpc, key: plan.key });
  await wallet.install(context);
  await context.exposeFunction("__told", (title, body) => void report.told.push([title, body]));
  await context.addInitScript(listening);
  const page = await context.newPage();
  page.setDefaultTimeout(plan.patience);
  page.on("request", (request) => {
    const near = [`${plan.base}/`, "blob:", "data:", ...(plan.services ?? [])];
    if (!near.some((place) => request.url().startsWith(place))) report.outside.push(request.url());
  });
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) report.console.push(`${page.url()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => report.console.push(`${page.url()}: ${error.message}`));
  try {
    for (const step of plan.steps) await take(page, wallet, step);
  } catch (error) {
    report.failed = error.message.split("\n").slice(0, 3).join(" ");
    await page.screenshot({ path: join(plan.out, "desk-failed.png"), fullPage: true });
  }
  report.asked = wallet.asked;
  await context.close();
}

async function take(page, wallet, step) {
  try {
    if (step.go) await reach(page, plan.base, step.go);
    else if (step.shot) await shoot(page, step.shot);
    else if ("hold" in step) await page.evaluate((on) => window.__hold(on), step.hold);
    else if (step.decline) wallet.decline = step.decline;
    else if (step.onto) await wallet.onto(page, step.onto);
    else if (step.save) {
      const coming = page.waitForEvent("download");
      await page.getByRole("button", { name: step.save }).click();
      report.read[step.into] = readFileSync(await (await coming).path(), "utf8");
    } else if (step.leave) await page.goto("about:blank");
    else if (step.permit) await page.context().grantPermissions(step.permit, { origin: plan.base });
    else if (step.clock) await page.clock.install();
    else if (step.pass) await page.clock.fastForward(step.pass);
    else if (step.heap) report.read[step.heap] = await remembered(page, step.tries ?? 1);
    else await act(page, step, report);
  } catch (error) {
    throw new Error(`at ${JSON.stringify(step)}: ${error.message}`);
  }
}

/** Runs in the page: notifications are the browser's own, and are told of besides; what workers make may be held. */
function listening() {
  if (!isSecureContext) return; // an empty tab, which has neither
  let held = false;
  const waiting = [];
  window.__hold = (on) => {
    held = on;
    if (!on) waiting.splice(0).forEach((give) => give());
  };
  window.Worker = class extends Worker {
    constructor(...given) {
      super(...given);
      this.addEventListener("message", (event) => {
        if (!held || !("result" in event.data)) return;
        event.stopImmediatePropagation();
        waiting.push(() => this.dispatchEvent(new MessageEvent("message", { data: event.data })));
      });
    }
  };
  window.Notification = class extends Notification {
    constructor(title, options) {
      super(title, options);
      void window.__told(title, options?.body);
    }
  };
  const { prototype } = ServiceWorkerRegistration;
  const { showNotification } = prototype;
  prototype.showNotification = function (title, options) {
    void window.__told(title, options?.body);
    return showNotification.call(this, title, options);
  };
}

/** Names of the plan's secrets that are texts in the page's memory, and how many viewing keys (`scalar`) it holds. */
async function remembered(page, tries) {
  const client = await page.context().newCDPSession(page);
  let text = "";
  client.on("HeapProfiler.addHeapSnapshotChunk", ({ chunk }) => (text += chunk));
  await client.send("HeapProfiler.enable");
  await client.send("HeapProfiler.collectGarbage");
  await client.send("HeapProfiler.takeHeapSnapshot", { reportProgress: false });
  await client.detach();
  const { snapshot, nodes, edges, strings } = JSON.parse(text);
  const { node_fields, node_types, edge_fields: fields, edge_types } = snapshot.meta;
  const [kind, name, to] = ["type", "name_or_index", "to_node"].map((field) => fields.indexOf(field));
  const [type, bigint] = [node_fields.indexOf("type"), node_types[0].indexOf("bigint")];
  const [property, scalar] = [edge_types[kind].indexOf("property"), strings.indexOf("scalar")];
  let keys = 0;
  for (let i = 0; i < edges.length; i += fields.length)
    if (edges[i + kind] === property && edges[i + name] === scalar && nodes[edges[i + to] + type] === bigint) keys += 1;
  const texts = Object.entries(plan.secrets).filter(([, secret]) => strings.some((one) => one.includes(secret)));
  const found = { keys, texts: texts.map(([what]) => what) };
  if (tries === 1 || !(keys || texts.length)) return found;
  // What was under way, such as a connection that closes, goes a little later.
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  return remembered(page, tries - 1);
}

/** Pictures first: axe takes longer, and what they show may pass. */
async function shoot(page, name) {
  await page.evaluate(() => document.fonts.ready);
  const shots = [];
  for (const look of plan.looks) {
    await dress(page, look);
    await page.screenshot({ path: join(plan.out, `desk-${name}-${look.name}.png`), fullPage: true });
    shots.push({ name, look: look.name, overflow: await overflow(page) });
  }
  for (const [i, look] of plan.looks.entries()) {
    await dress(page, look);
    report.shots.push({ ...shots[i], violations: await violations(page) });
  }
  await dress(page, plan.looks[0]);
}

async function dress(page, { width, height, scheme }) {
  await page.setViewportSize({ width, height });
  await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
}
