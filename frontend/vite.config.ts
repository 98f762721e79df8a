/// <reference types="vitest/config" />
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

import { pwa } from "./src/pwa/plugin";

export default defineConfig({
  plugins: [react(), pwa(decodeURIComponent(new URL(".", import.meta.url).pathname))],
  resolve: {
    alias: [
      { find: /^@shadowpool\/sdk/, replacement: decodeURIComponent(new URL("sdk/src", import.meta.url).pathname) },
    ],
  },
  build: {
    outDir: "../build/frontend",
    emptyOutDir: true,
    // The policy allows no data: or inline code, so nothing is inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The first with light-dark(), which both themes are written in.
    target: ["chrome123", "firefox120", "safari17.5"],
  },
  worker: { format: "es" },
  // node_modules is a link into build/, beside which Vite keeps what it caches.
  cacheDir: "../build/web/.vite",
  server: {
    proxy: { "/v1": { target: "http://127.0.0.1:8570", ws: true }, "/artifacts": { target: "http://127.0.0.1:8570" } },
  },
  // A loaded machine may take long over what is proven or derived.
  test: { include: ["{src,sdk}/**/*.test.ts"], testTimeout: 120_000, hookTimeout: 120_000 },
});
