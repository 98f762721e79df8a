/**
 * Runs the SDK's prover in Debian's Chromium and reports what came of it, as JSON on stdout.
 *
 *   node e2e/prover/drive.mjs plan.json
 *
 * The plan: { base, steps: [{ job } | { spoil: true } | { reload: true }] }; a job is one of `main.ts`. All steps
 * are in one browser profile, so that what one stored the next finds. The report: an entry for each step, a job's with the
 * artefacts that it `fetched`.
 */

import { readFileSync } from "node:fs";

import { chromium } from "playwright-core";

const plan = JSON.parse(readFileSync(process.argv[2], "utf8"));
const PATIENCE = 180_000;
const browser = await chromium.launch({
  timeout: PATIENCE,
  executablePath: plan.chromium ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
});
const report = [];
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.on("console", (message) => process.stderr.write(`${message.type()}: ${message.text()}\n`));
  page.on("pageerror", (error) => process.stderr.write(`${error.message}\n`));
  const fetched = [];
  page.on("request", (request) => {
    const [, name] = new URL(request.url()).pathname.split("/artifacts/");
    if (name) fetched.push(name);
  });
  const open = async () => {
    await page.goto(plan.base);
    await page.waitForFunction(() => "run" in window);
  };
  await open();
  for (const step of plan.steps) {
    fetched.length = 0;
    if (step.job) report.push({ ...(await page.evaluate((job) => window.run(job), step.job)), fetched: [...fetched] });
    else if (step.spoil) report.push(await page.evaluate(() => window.spoil()));
    else report.push(await open());
  }
} finally {
  await browser.close();
}
process.stdout.write(JSON.stringify(report));
