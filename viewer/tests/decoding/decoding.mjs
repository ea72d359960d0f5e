/**
 * Decoding in Chromium, with workers.
 *
 *     node tests/decoding/decoding.mjs verdicts < [{"path": ..., "partial": false}, ...]     as tests/verdicts.mjs
 *     node tests/decoding/decoding.mjs times 5 < ["path", ...]                               of each file as many times
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { buildPage, launch, openPage, serve } from "../browser.mjs";

const [what, repeats] = process.argv.slice(2);
const inputs = JSON.parse(await text(process.stdin)).map((input) => (typeof input === "string" ? { path: input } : input));
const built = mkdtempSync(join(tmpdir(), "decoding-"));
const folders = [...new Set(inputs.map(({ path }) => dirname(path)))];
const addressOf = (url, path) => `${url}/${folders.indexOf(dirname(path))}/${encodeURIComponent(basename(path))}`;
try {
  await buildPage(fileURLToPath(new URL(".", import.meta.url)), built);
  const server = await serve({ page: built, ...folders });
  const browser = await launch();
  const page = await openPage(browser, `${server.url}/page/index.html`);
  const out = [];
  for (const { path, partial = false } of inputs) {
    const address = addressOf(server.url, path);
    if (what === "verdicts") out.push(await page.evaluate(([a, p]) => window.harness.verdict(a, p), [address, partial]));
    else for (let i = 0; i < Number(repeats); i++) out.push({ path, ...(await page.evaluate((a) => window.harness.time(a), address)) });
  }
  console.log(JSON.stringify(what === "verdicts" ? out : { browser: browser.version(), times: out }));
  await browser.close();
  server.close();
} finally {
  rmSync(built, { recursive: true });
}
