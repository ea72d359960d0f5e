/**
 * How fast the built page shows a scene: `node decode.mjs DIST SCENE.gsz [RUNS]`, JSON on stdout. All times in ms from the first byte of
 * the scene, in headless Chromium: of a whole file, and of a server that stops after the first tenth.
 */
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { launch } from "../tests/browser.mjs";

const [dist, scene, runs = "5"] = process.argv.slice(2);
const bytes = readFileSync(scene);
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm" };
let share = 1;
const server = createServer((request, response) => {
  const name = new URL(request.url, "http://x").pathname.slice(1) || "index.html";
  if (name !== basename(scene)) {
    response.writeHead(200, { "content-type": TYPES[extname(name)] ?? "application/octet-stream" }).end(readFileSync(join(dist, basename(name))));
    return;
  }
  response.writeHead(200, { "content-type": "application/octet-stream", "content-length": bytes.length });
  if (share === 1) response.end(bytes);
  else response.write(bytes.subarray(0, share * bytes.length)); // and no more
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const browser = await launch();

/** Milliseconds from the first byte of the scene to a mark of the page. */
async function measured(mark) {
  const page = await browser.newPage({ viewport: { width: 640, height: 480 } });
  await page.goto(`http://127.0.0.1:${server.address().port}/?file=${basename(scene)}`);
  await page.waitForFunction((name) => performance.getEntriesByName(name).length > 0, mark, { timeout: 120_000, polling: 50 });
  const found = await page.evaluate((name) => {
    const response = performance.getEntriesByType("mark").find((entry) => entry.name === "first bytes") ?? { startTime: NaN };
    return performance.getEntriesByName(name)[0].startTime - response.startTime;
  }, mark);
  await page.close();
  return Math.round(10 * found) / 10;
}

const report = { scene: basename(scene), bytes: bytes.length, decoded_ms: [], first_picture_ms: [] };
for (let run = 0; run < Number(runs); run++) {
  share = 1;
  report.decoded_ms.push(await measured("scene 0: loaded"));
  share = 0.1;
  report.first_picture_ms.push(await measured("first picture"));
}
console.log(JSON.stringify(report));
await browser.close();
server.closeAllConnections();
server.close();
