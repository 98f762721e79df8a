/**
 * Makes the package in `build/sdk`, of which `package.json` here is the manifest: modules that need no others, a
 * prover's thread, types. It takes the old one's place when it is whole.
 */

import { execFileSync } from "node:child_process";
import { cpSync, existsSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const SDK = dirname(fileURLToPath(import.meta.url));
const [FRONTEND, MADE] = [join(SDK, ".."), join(SDK, "../../build/sdk")];

const [folder, old] = [`${MADE}.${process.pid}`, `${MADE}.${process.pid}.old`];
try {
  await modules();
  types();
  manifest();
  if (existsSync(MADE)) renameSync(MADE, old);
  renameSync(folder, MADE);
} finally {
  for (const left of [folder, old]) rmSync(left, { recursive: true, force: true });
}

async function modules() {
  await build({
    configFile: false,
    logLevel: "warn",
    root: SDK,
    base: "./",
    build: {
      lib: {
        entry: { index: "src/index.ts", node: "src/prover/node.ts", browser: "src/prover/browser.ts" },
        formats: ["es"],
        fileName: (_, name) => `${name}.mjs`,
      },
      outDir: folder,
      emptyOutDir: false,
      minify: false,
      target: ["node20", "chrome123", "firefox120", "safari17.5"],
      license: { fileName: "LICENSES.md" },
      rolldownOptions: { external: /^node:/, output: { chunkFileNames: "[name].mjs" } },
    },
    worker: { format: "es", rolldownOptions: { output: { entryFileNames: "worker.mjs" } } },
    cacheDir: join(FRONTEND, "../build/web/.vite-sdk"),
  });
  // Vite hides the thread's file from other bundlers, which look for its name in this form.
  const [path, hidden] = [join(folder, "browser.mjs"), /new Worker\(new URL\([^()]*new URL\("(worker\.mjs)"[^;]*;/g];
  const code = readFileSync(path, "utf8");
  if (code.match(hidden)?.length !== 1) throw new Error(`${path} starts its thread in another way than ${hidden}`);
  writeFileSync(path, code.replace(hidden, 'new Worker(new URL("./$1", import.meta.url), { type: "module" });'));
}

function types() {
  const tsc = join(FRONTEND, "node_modules/.bin/tsc");
  execFileSync(tsc, ["--project", SDK, "--outDir", join(folder, "types")], { stdio: "inherit" });
  // Node's way to find modules, which TypeScript follows, asks for the names of files.
  for (const name of readdirSync(join(folder, "types"), { recursive: true }))
    if (name.endsWith(".d.ts")) {
      const path = join(folder, "types", name);
      const named = (target) => (existsSync(join(dirname(path), `${target}.d.ts`)) ? target : `${target}/index`);
      const code = readFileSync(path, "utf8");
      writeFileSync(
        path,
        code.replace(/(?<=(from |import\()")\.[^"]*/g, (target) => `${named(target)}.js`),
      );
    }
}

function manifest() {
  const { scripts, devDependencies, ...told } = JSON.parse(readFileSync(join(SDK, "package.json"), "utf8"));
  writeFileSync(join(folder, "package.json"), JSON.stringify(told, null, 2));
  cpSync(join(SDK, "README.md"), join(folder, "README.md"));
  cpSync(join(FRONTEND, "../LICENSE"), join(folder, "LICENSE"));
}
