import { defineConfig } from "vite";

const path = (from: string) => decodeURIComponent(new URL(from, import.meta.url).pathname);

/** The SDK's prover on an empty page, for its tests and its benchmark. */
export default defineConfig({
  root: path("."),
  resolve: { alias: [{ find: /^@shadowpool\/sdk/, replacement: path("../../sdk/src") }] },
  build: {
    outDir: path("../../../build/bench/page"),
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: ["chrome123", "firefox120", "safari17.5"],
  },
  worker: { format: "es" },
  cacheDir: path("../../../build/web/.vite-prover"),
});
