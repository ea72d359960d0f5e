/** What browser tests and benchmarks share: a build, a server and a Chromium without a GPU. */
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { chromium } from "playwright-core";
import { build } from "vite";

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".json": "application/json", ".css": "text/css" };

/** Builds the page of `root` (a folder with an index.html) into `outDir`. */
export async function buildPage(root, outDir) {
  await build({ root, base: "./", configFile: false, logLevel: "warn", build: { outDir, emptyOutDir: true, target: "es2022" } });
}

/** Serves folders by the first part of the path, `{ "page": folder, ... }`; `close` ends it. */
export async function serve(folders) {
  const server = createServer((request, response) => {
    const [, first, ...rest] = decodeURIComponent(new URL(request.url, "http://x").pathname).split("/");
    const path = folders[first] && join(folders[first], normalize("/" + rest.join("/")));
    if (!path || !existsSync(path) || !statSync(path).isFile()) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "application/octet-stream" });
    createReadStream(path).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

/** A headless Chromium that draws on the CPU and reaches nothing but this machine. */
export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist",
      "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
      "--disable-background-timer-throttling",
    ],
  });
}

/** A page that ends the program with what it throws. */
export async function openPage(browser, url) {
  const page = await browser.newPage();
  page.setDefaultTimeout(300_000);
  page.on("console", (message) => console.error(`page: ${message.text()}`));
  page.on("pageerror", (error) => {
    console.error(error);
    process.exit(1);
  });
  await page.goto(url);
  await page.waitForFunction(() => "harness" in window);
  return page;
}
