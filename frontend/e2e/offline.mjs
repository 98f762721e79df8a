/**
 * What the built application keeps, and shows without a network, as JSON on stdout.
 *
 *   node e2e/offline.mjs http://127.0.0.1:PORT
 */

import { chromium } from "playwright-core";

const [base] = process.argv.slice(2);
const PATIENCE = 180_000;
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  timeout: PATIENCE,
  args: ["--no-sandbox", "--disable-gpu"],
});
try {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  await page.goto(`${base}/desk`);
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.reload(); // the worker takes charge of pages opened once it is there
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  await page.evaluate(() => Promise.all(["/v1/status", "/artifacts/manifest.json"].map((path) => fetch(path))));
  await context.setOffline(true);
  await page.reload();
  await page.locator("main h1").first().waitFor();
  const report = await page.evaluate(async () => {
    const names = await caches.keys();
    const kept = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
    const answers = async (path) =>
      fetch(path).then(
        (response) => response.status,
        () => "no answer",
      );
    return {
      names,
      kept: kept.flat().map((request) => new URL(request.url).pathname),
      isolated: crossOriginIsolated,
      api: await answers("/v1/status"),
      manifest: await (await fetch(document.querySelector("link[rel=manifest]").href)).json(),
    };
  });
  process.stdout.write(JSON.stringify(report));
} finally {
  await browser.close();
}
