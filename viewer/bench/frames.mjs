/**
 * Frame times of the viewer's renderer and of PlayCanvas' engine, in turns: `node frames.mjs job.json out`.
 *
 * job.json: `{ "data": folder, "runs": [{ "scene", "cameras": one per frame, "still", "options", "minPixelSize", "rounds" }] }`. Each
 * round gives every renderer all cameras; the first frame of each is not counted. Writes `out/frames.json`, and the picture of
 * `still` by each renderer as `out/<scene>_<renderer>.rgba`.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { buildPage, launch, openPage, serve } from "../tests/browser.mjs";

const [jobPath, out] = process.argv.slice(2).map((path) => resolve(path));
const job = JSON.parse(readFileSync(jobPath, "utf8"));
const built = join(out, "page");
await buildPage(dirname(fileURLToPath(import.meta.url)), built);
const server = await serve({ page: built, data: resolve(job.data) });
const browser = await launch();
try {
  const report = { browser: browser.version(), runs: [] };
  for (const { scene, cameras, still, options = {}, minPixelSize = 2, rounds = 3 } of job.runs) {
    const page = await openPage(browser, `${server.url}/page/index.html`);
    const load = await page.evaluate((all) => window.harness.load(...all), [`/data/${scene}`, still, options, minPixelSize]);
    const times = { own: [], playcanvas: [] };
    for (const name of Object.keys(times)) {
      const text = await page.evaluate((all) => window.harness.still(...all), [name, still]);
      writeFileSync(join(out, `${scene}_${name}.rgba`), Buffer.from(text, "base64"));
    }
    for (let round = 0; round < rounds; round++)
      for (const name of Object.keys(times)) {
        const all = await page.evaluate((all) => window.harness.frames(...all), [name, cameras]);
        times[name].push(...all.slice(1));
      }
    report.runs.push({ scene, options, minPixelSize, load, times });
    await page.close();
  }
  writeFileSync(join(out, "frames.json"), JSON.stringify(report));
} finally {
  await browser.close();
  server.close();
}
