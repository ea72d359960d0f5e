/**
 * The built page in a real browser: `SCENES=folder node --test page.test.mjs`. The folder has scene.gsz, scene.ply (its original),
 * other.ply, large.gsz, frames.gsz (a sequence of 7 frames, 10 a second), truncated.gsz, garbage.gsz, foreign.spz, cameras.json and bad/*.gsz.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { basename, dirname, extname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { launch } from "./browser.mjs";

const DIST = join(dirname(fileURLToPath(import.meta.url)), "../dist");
const SCENES = process.env.SCENES;
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm", ".json": "application/json" };
let browser, server, url;

before(async () => {
  server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://x");
    const [, first, ...rest] = pathname.split("/");
    let bytes;
    try {
      bytes = readFileSync(first === "scenes" ? join(SCENES, ...rest) : join(DIST, first || "index.html"));
    } catch {
      return response.writeHead(404).end();
    }
    response.writeHead(200, { "content-type": TYPES[extname(pathname)] ?? (first ? "application/octet-stream" : "text/html"), "content-length": bytes.length });
    const pieces = Number(searchParams.get("pieces") ?? 1);
    for (let i = 0; i < pieces; i++) {
      response.write(bytes.subarray((i * bytes.length) / pieces, ((i + 1) * bytes.length) / pieces));
      if (pieces > 1) await new Promise((resolve) => setTimeout(resolve, 120));
    }
    response.end();
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${server.address().port}/`;
  browser = await launch();
});

after(async () => {
  await browser?.close();
  server?.closeAllConnections();
  server?.close();
});

/** A page of that address, with what went wrong in it. */
async function opened(query = "", options = {}) {
  const page = await browser.newPage({ viewport: { width: 480, height: 360 }, reducedMotion: "reduce", ...options });
  page.setDefaultTimeout(60_000);
  page.faults = [];
  page.on("pageerror", (error) => page.faults.push(error));
  await page.goto(url + query);
  return page;
}

const marked = (page, name) => page.waitForFunction((mark) => performance.getEntriesByName(mark).length > 0, name, { polling: 50 });
const loaded = (page, slot = 0) => marked(page, `scene ${slot}: loaded`);

/** Means of what the canvas shows once it stands still: of all, and of its left and right half; 0 to 255. */
async function picture(page) {
  await page.waitForSelector("canvas[data-still]");
  return page.evaluate(() => {
    const canvas = document.querySelector("canvas");
    const [width, height] = [canvas.width, canvas.height];
    const flat = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    flat.drawImage(canvas, 0, 0);
    const { data } = flat.getImageData(0, 0, width, height);
    const sums = { left: 0, right: 0 };
    let hash = 0;
    for (let i = 0; i < width * height; i++) {
      const value = data[4 * i] + data[4 * i + 1] + data[4 * i + 2];
      sums[i % width < width / 2 ? "left" : "right"] += value;
      hash = (31 * hash + value) | 0;
    }
    const half = (3 * width * height) / 2;
    return { mean: (sums.left + sums.right) / (2 * half), left: sums.left / half, right: sums.right / half, hash };
  });
}

const drop = async (page, ...names) => {
  const files = names.map((name) => ({ name: basename(name), text: readFileSync(join(SCENES, name)).toString("base64") }));
  const data = await page.evaluateHandle((list) => {
    const transfer = new DataTransfer();
    for (const { name, text } of list) transfer.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], name));
    return transfer;
  }, files);
  await page.dispatchEvent("canvas", "drop", { dataTransfer: data });
};

const message = async (page) => {
  await page.waitForSelector(".message");
  return page.textContent(".messages");
};

test("a scene is loaded and drawn", async () => {
  const page = await opened("?file=scenes/scene.gsz");
  await loaded(page);
  const { mean } = await picture(page);
  assert.ok(mean > 8 && mean < 250, `mean ${mean}`);
  await page.keyboard.press("i");
  assert.match(await page.textContent(".panel.scene"), /scene\.gsz.*Bits per splat.*geometry/s);
  assert.deepEqual(page.faults, []);
  await page.close();
});

test("a scene that comes slowly is seen early, coarse first", async () => {
  const page = await opened("?file=scenes/large.gsz%3Fpieces=40");
  await page.waitForSelector(".progress > div");
  assert.match(await page.textContent(".progress"), /large\.gsz: .* of .* splats/);
  await marked(page, "first picture");
  assert.ok((await picture(page)).mean > 3);
  await loaded(page);
  const counts = await page.evaluate(() => performance.getEntriesByType("mark").map((m) => /^scene 0: (\d+) splats/.exec(m.name)?.[1]).filter(Boolean).map(Number));
  assert.ok(new Set(counts).size > 1, `counts ${counts}`);
  assert.deepEqual(counts, [...counts].sort((a, b) => a - b));
  assert.equal(await page.locator(".progress > div").count(), 0);
  await page.close();
});

test("a sequence is scrubbed, stepped through, played, and its time is in the address", async () => {
  const page = await opened("?file=scenes/frames.gsz");
  await loaded(page);
  const first = await picture(page);
  const moment = () => page.textContent(".moment");
  assert.match(await moment(), /^1 \/ 7 +0\.00 s/);
  await page.locator(".timebar input").fill("5");
  await page.waitForFunction(() => /^6 /.test(document.querySelector(".moment").textContent));
  await page.waitForTimeout(400);
  const sixth = await picture(page);
  assert.notEqual(sixth.hash, first.hash);
  await page.keyboard.press(".");
  await page.keyboard.press(".");
  assert.match(await moment(), /^1 /);
  await page.waitForTimeout(200);
  assert.equal((await picture(page)).hash, first.hash);
  await page.keyboard.press(",");
  await page.keyboard.press(",");
  await page.waitForTimeout(600); // the address follows at leisure
  const again = await opened(`?file=scenes/frames.gsz${await page.evaluate(() => location.hash)}`);
  await loaded(again);
  assert.match(await again.textContent(".moment"), /^6 /);
  assert.ok(Math.abs((await picture(again)).mean - sixth.mean) < 0.5); // the address rounds the view
  await page.selectOption("select[aria-label=Speed]", "2");
  await page.keyboard.press(" ");
  assert.equal(await page.locator("button[aria-label='Pause (space)']").count(), 1);
  const seen = new Set();
  for (let i = 0; i < 30; i++) {
    seen.add(await moment());
    await page.waitForTimeout(50);
  }
  assert.ok(seen.size > 4, [...seen].join());
  await page.click("button[aria-label='Pause (space)']");
  const stopped = await moment();
  await page.waitForTimeout(300);
  assert.equal(await moment(), stopped);
  await drop(page, "scene.ply"); // beside it
  await loaded(page, 1);
  assert.match(await page.textContent(".label.first"), /of 7 frames/);
  await drop(page, "scene.gsz"); // in its place
  await page.waitForSelector(".timebar[hidden]", { state: "attached" });
  assert.deepEqual(page.faults, []);
  await Promise.all([page.close(), again.close()]);
});

test("a cut sequence is shown as far as it goes, and the page says so", async () => {
  const page = await opened("?file=scenes/cut_frames.gsz");
  assert.match(await message(page), /cut_frames\.gsz.*it was cut, and \d of 7 frames are there/);
  assert.ok((await picture(page)).mean > 3);
  await page.close();
});

test("mouse, keys and the address move the view", async () => {
  const page = await opened("?file=scenes/scene.gsz");
  await loaded(page);
  const start = await picture(page);
  await page.mouse.move(240, 150);
  await page.mouse.down();
  await page.mouse.move(300, 170, { steps: 4 });
  await page.mouse.up();
  const orbited = await picture(page);
  assert.notEqual(orbited.hash, start.hash);
  await page.waitForTimeout(600); // the address follows at leisure
  const address = await page.evaluate(() => location.hash);
  assert.match(address, /^#at=.*&fov=/);
  await page.keyboard.down("w");
  await page.waitForTimeout(400);
  await page.keyboard.up("w");
  assert.notEqual((await picture(page)).hash, orbited.hash);
  await page.keyboard.press("r");
  assert.equal((await picture(page)).hash, start.hash);
  const again = await opened(`?file=scenes/scene.gsz${address}`);
  await loaded(again);
  const difference = Math.abs((await picture(again)).mean - orbited.mean);
  assert.ok(difference < 0.5, `means differ by ${difference}`);
  await page.mouse.wheel(0, -300);
  await page.mouse.click(240, 160); // focus: the picture may turn, and nothing breaks
  await picture(page);
  assert.deepEqual(page.faults, []);
  await Promise.all([page.close(), again.close()]);
});

test("harmonics, background and budget are switched", async () => {
  const page = await opened("?file=scenes/scene.gsz");
  await loaded(page);
  const first = await picture(page);
  await page.selectOption("select[aria-label=Harmonics]", "0");
  assert.notEqual((await picture(page)).hash, first.hash);
  await page.selectOption("select[aria-label=Harmonics]", "3");
  assert.equal((await picture(page)).hash, first.hash);
  await page.selectOption("select[aria-label=Background]", "white");
  assert.ok((await picture(page)).mean > first.mean + 10);
  await page.close();
});

test("two scenes are compared in every way", async () => {
  const page = await opened("?file=scenes/scene.gsz&other=scenes/other.ply");
  await Promise.all([loaded(page, 0), loaded(page, 1)]);
  await page.waitForFunction(() => /dB/.test(document.querySelector(".label.between").textContent));
  assert.match(await page.textContent(".label.between"), /× (smaller|larger).*this view \d+\.\d+ dB/);
  const shown = {};
  for (const mode of ["first", "second", "slider", "side", "difference", "flicker"]) {
    await page.selectOption("select[aria-label='How to compare']", mode);
    shown[mode] = mode === "flicker" ? null : await picture(page); // which never stands still
  }
  assert.notEqual(shown.first.hash, shown.second.hash);
  assert.ok(Math.abs(shown.slider.left - shown.first.left) < 1 && Math.abs(shown.slider.right - shown.second.right) < 1);
  assert.ok(shown.side.mean > 3 && shown.difference.mean > 0.5);
  await page.selectOption("select[aria-label='How to compare']", "slider");
  const box = await page.locator(".divider").boundingBox();
  await page.mouse.move(box.x + box.width / 2, 100);
  await page.mouse.down();
  await page.mouse.move(479, 100, { steps: 3 });
  await page.mouse.up();
  assert.ok(Math.abs((await picture(page)).right - shown.first.right) < 3);
  assert.equal(Number(await page.getAttribute(".divider", "aria-valuenow")) > 90, true);
  assert.deepEqual(page.faults, []);
  await page.close();
});

test("the original beside its file is nearly the same", async () => {
  const page = await opened("?file=scenes/scene.gsz&other=scenes/scene.ply");
  await Promise.all([loaded(page, 0), loaded(page, 1)]);
  await page.waitForFunction(() => /dB/.test(document.querySelector(".label.between").textContent));
  const psnr = Number(/this view (\d+\.\d+) dB/.exec(await page.textContent(".label.between"))[1]);
  assert.ok(psnr > 30, `${psnr} dB`);
  await page.close();
});

test("files are dropped: a scene, another beside it, cameras", async () => {
  const page = await opened();
  await page.waitForSelector(".welcome:not([hidden])");
  await drop(page, "scene.gsz");
  await loaded(page);
  assert.ok((await picture(page)).mean > 8);
  await drop(page, "other.ply");
  await loaded(page, 1);
  assert.equal(await page.locator(".divider:not([hidden])").count(), 1);
  const before = await picture(page);
  await drop(page, "cameras.json");
  await page.waitForSelector("select[aria-label=Camera] option", { state: "attached" });
  await page.keyboard.press("]");
  assert.notEqual((await picture(page)).hash, before.hash);
  assert.equal(await page.locator("select[aria-label=Camera] option").count(), JSON.parse(readFileSync(join(SCENES, "cameras.json"))).length);
  assert.deepEqual(page.faults, []);
  await page.close();
});

test("a cut file is shown as far as it goes, and the page says so", async () => {
  const page = await opened("?file=scenes/truncated.gsz");
  assert.match(await message(page), /truncated\.gsz.*expected \d+ bytes, found \d+: it was cut/);
  assert.ok((await picture(page)).mean > 3);
  await page.close();
});

test("what is no scene is an error that can be read, and the page goes on", async () => {
  const page = await opened("?file=scenes/nothing.gsz");
  assert.match(await message(page), /expected a file, found status 404/);
  await drop(page, "garbage.gsz");
  assert.match(await message(page), /garbage\.gsz.*expected a \.gsz, .*\.ply .* or a \.splat, found/);
  await drop(page, "foreign.spz");
  assert.match(await message(page), /foreign\.spz.*gscompress view FILE/);
  for (const name of readdirSync(join(SCENES, "bad"))) {
    await drop(page, join("bad", name));
    assert.match(await message(page), /expected .*found /, name);
  }
  await drop(page, "scene.gsz");
  await loaded(page);
  assert.equal(await page.locator(".message").count(), 0);
  assert.ok((await picture(page)).mean > 8);
  assert.deepEqual(page.faults, []);
  await page.close();
});

test("a phone", async () => {
  const page = await opened("?file=scenes/scene.gsz", { viewport: { width: 375, height: 667 }, hasTouch: true, isMobile: true });
  await loaded(page);
  assert.ok((await picture(page)).mean > 3);
  const { wide, inside } = await page.evaluate(() => {
    const box = document.querySelector(".toolbar").getBoundingClientRect();
    return { wide: document.documentElement.scrollWidth > innerWidth, inside: box.left >= 0 && box.right <= innerWidth && box.bottom <= innerHeight };
  });
  assert.deepEqual({ wide, inside }, { wide: false, inside: true });
  await page.touchscreen.tap(180, 300);
  await page.close();
});

test("everything has a name, help opens, a picture is saved", async () => {
  const page = await opened("?file=scenes/scene.gsz");
  await loaded(page);
  const nameless = await page.evaluate(() => [...document.querySelectorAll("button, select, input:not([hidden]), canvas, [role]")].filter((e) => !e.getAttribute("aria-label") && !e.matches(".messages, .progress, .label")).length);
  assert.equal(nameless, 0);
  await page.keyboard.press("h");
  assert.equal(await page.locator("dialog[open]").count(), 1);
  await page.keyboard.press("Escape");
  await page.waitForSelector("dialog:not([open])", { state: "attached" });
  const [download] = await Promise.all([page.waitForEvent("download"), page.keyboard.press("p")]);
  assert.equal(download.suggestedFilename(), "scene.png");
  assert.deepEqual([...readFileSync(await download.path()).subarray(0, 4)], [0x89, 0x50, 0x4e, 0x47]);
  await page.close();
});

test("a gamepad and keys move the view without a click", async () => {
  const page = await opened();
  await page.evaluate(() => {
    window.pad = { connected: true, axes: [0, 0, 0, 0], buttons: [] };
    navigator.getGamepads = () => [window.pad];
    window.dispatchEvent(new Event("gamepadconnected"));
  });
  await drop(page, "scene.gsz");
  await loaded(page);
  const start = await picture(page);
  await page.evaluate(() => (window.pad.axes = [0, -1, 0.5, 0]));
  await page.waitForTimeout(600);
  await page.evaluate(() => (window.pad.axes = [0, 0, 0, 0]));
  const flown = await picture(page);
  assert.notEqual(flown.hash, start.hash);
  await page.keyboard.down("s");
  await page.waitForTimeout(400);
  await page.keyboard.up("s");
  assert.notEqual((await picture(page)).hash, flown.hash);
  await page.close();
});

test("the figure of a view is of what is shown", async () => {
  const page = await opened();
  await drop(page, "scene.ply", "other.ply");
  await Promise.all([loaded(page, 0), loaded(page, 1)]);
  const told = () => page.waitForFunction(() => /this view .*/.exec(document.querySelector(".label.between").textContent)?.[0]).then((value) => value.jsonValue());
  const first = await told();
  await page.selectOption("select[aria-label=Background]", "white");
  await picture(page);
  assert.notEqual(await told(), first);
  await page.evaluate(() => performance.clearMarks());
  await drop(page, "scene.ply", "scene.ply");
  await Promise.all([loaded(page, 0), loaded(page, 1)]);
  await picture(page);
  assert.equal(await told(), "this view identical");
  await page.close();
});
