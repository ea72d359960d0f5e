import { defineConfig } from "vite";

// One script, one style sheet, one decoder: so that `export-html` can put them into one file, and a page behind any path works.
export default defineConfig({
  base: "./",
  build: {
    outDir: "dist",
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: false,
    rollupOptions: {
      output: {
        entryFileNames: "viewer.js",
        assetFileNames: (asset) => (asset.names[0]?.endsWith(".css") ? "viewer.css" : "[name][extname]"),
      },
    },
  },
  worker: { format: "iife" },
});
