import { defineConfig } from "vite";

// base "./": the page works under any path prefix. No inlined assets: the content security policy allows 'self' only.
export default defineConfig({
  base: "./",
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    sourcemap: false,
  },
  server: {
    host: "127.0.0.1",
    proxy: {
      "/querier.v1.QuerierService": process.env.BRAZIER_URL ?? "http://127.0.0.1:4040",
      "/ingest": process.env.BRAZIER_URL ?? "http://127.0.0.1:4040",
    },
  },
});
