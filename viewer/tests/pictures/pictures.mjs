/**
 * Pictures of scenes: `node pictures.mjs job.json out`.
 *
 * job.json: `{ "data": folder, "pictures": [{ "name", "scene" or "scenes": [slot 0, slot 1], "camera", "options", "by",
 * "grownFrom", "lost" }] }`, with scenes as tests/load.ts reads them and `by` one of "picture" (default) and "canvas". `grownFrom`: the
 * scene has come in two parts, the first of so many splats. `lost`: the device was lost before. Writes `out/<name>.rgba`, rows from the
 * top, and `out/report.json`.
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
  const page = await openPage(browser, `${server.url}/page/index.html`);
  const report = { browser: browser.version(), psnr: {} };
  let loaded = [null, null];
  for (const { name, scene, scenes = [scene, null], camera, options = {}, by = "picture", grownFrom, lost } of job.pictures) {
    for (const slot of [0, 1])
      if (scenes[slot] !== loaded[slot])
        await page.evaluate(([slot, url]) => window.harness.load(slot, url), [slot, scenes[slot] && `/data/${scenes[slot]}`]);
    loaded = scenes;
    if (grownFrom)
      await page.evaluate((all) => window.harness.grow(...all), [`/data/${scene}`, grownFrom, camera]);
    if (lost) await page.evaluate(() => window.harness.lose());
    const text = await page.evaluate(([by, camera, options]) => window.harness[by](camera, options), [by, camera, options]);
    writeFileSync(join(out, `${name}.rgba`), Buffer.from(text, "base64"));
    if (scenes[1] !== null)
      report.psnr[name] = await page.evaluate(([camera, options]) => window.harness.psnr(camera, options), [camera, options]);
  }
  writeFileSync(join(out, "report.json"), JSON.stringify(report));
} finally {
  await browser.close();
  server.close();
}
