/** What the walks do on a page, and how they judge it. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
let answers;
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** Debian's Chromium. Any name but this machine's is refused, so that a stray request fails besides being reported. */
export function launch(executablePath = "/usr/bin/chromium") {
  return chromium.launch({
    executablePath,
    timeout: 180_000,
    args: ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
  });
}

/** Pages are reached as a reader would within the application, so that a loaded key stays. */
export async function reach(page, base, path) {
  if (page.url() === "about:blank") await page.goto(base + path);
  else
    await page.evaluate((to) => {
      history.pushState(null, "", to);
      dispatchEvent(new PopStateEvent("popstate"));
    }, path);
  await page.locator("main h1").waitFor();
}

/** `within` narrows a click or an entry to a part of the page; a `loose` name may go on. */
export async function act(page, step, seen) {
  const part = step.within ? page.locator(step.within) : page;
  if (step.click)
    await part
      .getByRole(step.role ?? "button", { name: step.click, exact: !step.loose })
      .first()
      .click();
  else if (step.fill) await part.getByLabel(step.fill, { exact: step.exact }).first().fill(step.text);
  else if (step.choose) await part.getByLabel(step.choose).first().selectOption({ label: step.text });
  else if (step.file) await page.getByLabel(step.file).setInputFiles(step.path);
  // All at once: how long a machine takes between two keys is not theirs.
  else if (step.press) await Promise.all(step.press.map((key) => page.keyboard.press(key)));
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
  else if (step.ask) await answered(step.ask);
  else if (step.url) await page.waitForURL((url) => url.pathname === step.url);
  else throw new Error(`unknown step ${JSON.stringify(step)}`);
}

/** A word to whoever moves the chain, who answers with a line when it is so. */
async function answered(word) {
  process.stderr.write(`ask ${word}\n`);
  answers ??= createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  if ((await answers.next()).done) throw new Error(`nobody answered ${word}`);
}

/** How much wider the page is than its screen, in pixels. */
export function overflow(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
}

export async function violations(page) {
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
