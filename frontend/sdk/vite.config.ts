import { defineConfig } from "vite";

/** The SDK as two modules that Node runs as they are: the wallet, and the prover that reads a folder. */
export default defineConfig({
  root: decodeURIComponent(new URL(".", import.meta.url).pathname),
  build: {
    lib: {
      entry: { index: "src/index.ts", node: "src/prover/node.ts" },
      formats: ["es"],
      fileName: (_, name) => `${name}.mjs`,
    },
    outDir: "../../build/sdk",
    emptyOutDir: true,
    minify: false,
    target: "node20",
    rolldownOptions: { external: /^node:/, output: { chunkFileNames: "shared.mjs" } },
  },
  cacheDir: "../../build/web/.vite-sdk",
});
