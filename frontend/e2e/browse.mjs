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
import { createRequire } from "node:module";
import { join } from "node:path";

import { chromium } from "playwright-core";

const plan = JSON.parse(readFileSync(process.argv[2], "utf8"));
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const PATIENCE = plan.patience;
const HURRY = 3_000;
const report = { pages: [], outside: [], console: [], posted: [] };

mkdirSync(plan.out, { recursive: true });
const browser = await chromium.launch({
  executablePath: plan.chromium ?? "/usr/bin/chromium",
  // Any name but this machine's is refused, so that a stray request fails besides being reported.
  args: ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
});
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
    seen.overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    try {
      for (const step of one.after ?? []) await act(page, step, seen);
    } catch (error) {
      seen.failed ??= error.message.split("\n")[0];
    }
  }
  await context.close();
}

/** Pages are reached as a reader would within the application, so that a loaded key stays. */
async function open(page, one, seen) {
  if (page.url() === "about:blank") await page.goto(plan.base + one.path);
  else
    await page.evaluate((path) => {
      history.pushState(null, "", path);
      dispatchEvent(new PopStateEvent("popstate"));
    }, one.path);
  await page.locator("main h1").waitFor();
  for (const text of one.expect)
    await page.getByText(text, { exact: false }).filter({ visible: true }).first().waitFor();
  for (const step of one.steps ?? []) await act(page, step, seen);
  await page.evaluate(() => document.fonts.ready);
}

async function act(page, step, seen) {
  if (step.click)
    await page
      .getByRole(step.role ?? "button", { name: step.click, exact: true })
      .first()
      .click();
  else if (step.fill) await page.getByLabel(step.fill).first().fill(step.text);
  else if (step.file) await page.getByLabel(step.file).setInputFiles(step.path);
  else if (step.press) await page.keyboard.press(step.press);
  else if (step.see)
    await page
      .locator(step.see)
      .filter({ hasText: step.text ?? "" })
      .first()
      .waitFor();
  else if (step.gone) await page.locator(step.gone).first().waitFor({ state: "detached" });
  else if (step.count)
    await page.waitForFunction(([where, of]) => document.querySelectorAll(where).length === of, [step.count, step.of]);
  else if (step.read) seen.read[step.into] = await page.locator(step.read).allInnerTexts();
  else if (step.say) process.stderr.write(`say ${step.say}\n`);
  else if (step.url) await page.waitForURL((url) => url.pathname === step.url);
  else throw new Error(`unknown step ${JSON.stringify(step)}`);
}

async function violations(page) {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axe);
  const found = await page.evaluate((rules) => window.axe.run(document, { runOnly: rules }), RULES);
  return found.violations.map(
    ({ id, impact, nodes }) =>
      `${id} (${impact}): ${nodes
        .slice(0, 3)
        .map((node) => `${node.target} ${node.any[0]?.message ?? ""}`)
        .join(" | ")}`,
  );
}
