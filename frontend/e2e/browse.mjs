/**
 * Walks the explorer in Debian's Chromium and reports what it saw, as JSON on stdout.
 *
 *   node e2e/browse.mjs plan.json
 *
 * The plan: { base, out, patience, pages: [{ name, path, expect, steps?, after?, looks?, missing? }],
 * looks: [{ name, width, height, scheme }] }. `expect` is text that the page must come to show, `steps` (see `act`)
 * run before its picture is taken and `after` behind it; `missing` is a path whose 404 the page is about. What a step
 * says goes to stderr. Each page is opened in every look, or in those it names.
 */

import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { act, launch, overflow, reach, violations } from "./page.mjs";

const plan = JSON.parse(readFileSync(process.argv[2], "utf8"));
const PATIENCE = plan.patience;
const HURRY = 3_000;
const report = { pages: [], outside: [], console: [], posted: [] };

mkdirSync(plan.out, { recursive: true });
const browser = await launch(plan.chromium);
try {
  await Promise.all(plan.looks.map(walk));
} finally {
  await browser.close();
}
process.stdout.write(JSON.stringify(report));

async function walk(look) {
  const context = await browser.newContext({
    viewport: { width: look.width, height: look.height },
    colorScheme: look.scheme,
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.on("request", (request) => {
    if (!request.url().startsWith(`${plan.base}/`) && !request.url().startsWith("blob:"))
      report.outside.push(request.url());
    if (request.method() !== "GET") report.posted.push(`${request.method()} ${request.url()}`);
  });
  page.on("websocket", (socket) => {
    if (new URL(socket.url()).host !== new URL(plan.base).host) report.outside.push(socket.url());
    socket.on("framesent", (frame) => report.posted.push(`WebSocket ${String(frame.payload).slice(0, 80)}`));
  });
  page.on("console", (message) => {
    const expected = plan.pages.some(
      (one) => one.missing && message.location().url.startsWith(plan.base + one.missing),
    );
    if (["error", "warning"].includes(message.type()) && !expected)
      report.console.push(`${page.url()}: ${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", (error) => report.console.push(`${page.url()}: ${error.message}`));

  for (const one of plan.pages.filter((each) => !each.looks || each.looks.includes(look.name))) {
    const seen = { name: one.name, look: look.name, violations: [], failed: null, read: {} };
    report.pages.push(seen);
    try {
      await open(page, one, seen);
    } catch (error) {
      seen.failed = error.message.split("\n")[0];
      page.setDefaultTimeout(HURRY); // what broke once is not waited for on every page
    }
    await page.screenshot({ path: join(plan.out, `${one.name}-${look.name}.png`), fullPage: true });
    seen.violations = await violations(page);
    seen.overflow = await overflow(page);
    try {
      for (const step of one.after ?? []) await act(page, step, seen);
    } catch (error) {
      seen.failed ??= error.message.split("\n")[0];
    }
  }
  await context.close();
}

async function open(page, one, seen) {
  await reach(page, plan.base, one.path);
  for (const text of one.expect)
    await page.getByText(text, { exact: false }).filter({ visible: true }).first().waitFor();
  for (const step of one.steps ?? []) await act(page, step, seen);
  await page.evaluate(() => document.fonts.ready);
}
