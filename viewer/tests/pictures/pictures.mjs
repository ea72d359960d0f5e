/**
 * Pictures of scenes: `node pictures.mjs job.json out`. Writes `out/<name>.rgba`, rows from the top, and `out/report.json`.
 *
 * job.json: `{ "data": folder, "pictures": [...] }`, of which each has
 * - "name", "camera", "options";
 * - "scene", or "scenes": of slots 0 and 1, files that tests/load.ts reads;
 * - "by": "picture" (default) or "canvas";
 * - "grownFrom": the scene has come in two parts, the first of so many splats;
 * - "lost": the device was lost before;
 * - "alone": the page can have no workers.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { buildPage, launch, openPage, serve } from "../browser.mjs";

const [jobPath, out] = process.argv.slice(2).map((path) => resolve(path));
const job = JSON.parse(readFileSync(jobPath, "utf8"));
const built = join(out, "page");
await buildPage(dirname(fileURLToPath(import.meta.url)), built);
const server = await serve({ page: built, data: resolve(job.data) });
const browser = await launch();
try {
  const report = { browser: browser.version(), psnr: {} };
  const pages = {};
  for (const { name, scene, scenes = [scene, null], camera, options = {}, by = "picture", grownFrom, lost, alone } of job.pictures) {
    const query = alone ? "?alone" : "";
    pages[query] ??= { page: await openPage(browser, `${server.url}/page/index.html${query}`), loaded: [null, null] };
    const { page, loaded } = pages[query];
    for (const slot of [0, 1])
      if (scenes[slot] !== loaded[slot])
        await page.evaluate((all) => window.harness.load(...all), [slot, scenes[slot] && `/data/${scenes[slot]}`]);
    pages[query].loaded = scenes;
    if (grownFrom) await page.evaluate((all) => window.harness.grow(...all), [`/data/${scene}`, grownFrom, camera]);
    if (lost) await page.evaluate(() => window.harness.lose());
    const text = await page.evaluate(([by, ...all]) => window.harness[by](...all), [by, camera, options]);
    writeFileSync(join(out, `${name}.rgba`), Buffer.from(text, "base64"));
    if (scenes[1] !== null) report.psnr[name] = await page.evaluate((all) => window.harness.psnr(...all), [camera, options]);
  }
  writeFileSync(join(out, "report.json"), JSON.stringify(report));
} finally {
  await browser.close();
  server.close();
}
