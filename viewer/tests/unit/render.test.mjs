/** The parts of the renderer that need no browser: `node --test tests/unit/`. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { before, test } from "node:test";
import { runnerImport } from "vite";

let Order, viewOf, sameView, psnr;

before(async () => {
  const load = async (name) => (await runnerImport(fileURLToPath(new URL(`../../src/render/${name}.ts`, import.meta.url)))).module;
  ({ Order } = await load("order"));
  ({ viewOf, sameView } = await load("view"));
  ({ psnr } = await load("psnr"));
});

/** Looks along z from the origin. */
const camera = (changes = {}) => ({
  worldToCamera: Float64Array.of(1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1),
  fx: 100, fy: 100, cx: 50, cy: 50, width: 100, height: 100, ...changes,
});

const splats = (means, { logScale = -3, opacityLogit = 2 } = {}) => ({
  means: Float32Array.from(means.flat()),
  logScales: new Float32Array(3 * means.length).fill(logScale),
  opacityLogits: new Float32Array(means.length).fill(opacityLogit),
});

const orderOf = (scene, view = viewOf(camera()), budget = Infinity) => {
  const order = new Order();
  order.set(0, scene);
  return [...order.sort(view, budget)];
};

/** Pseudo-random numbers in [0, 1). */
function* numbers(seed) {
  for (let state = seed >>> 0; ; ) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state / 2 ** 32;
  }
}

test("nearest first, equal depths in the scene's order", () => {
  assert.deepEqual(orderOf(splats([[0, 0, 3], [0, 0, 1], [0, 0, 2], [0.1, 0, 1]])), [1, 3, 2, 0]);
});

test("exactly by 32-bit depth, over many magnitudes", () => {
  const random = numbers(1);
  const means = Array.from({ length: 20_000 }, () => [0, 0, 10 ** (6 * random.next().value - 1)]);
  const depths = means.map(([, , z]) => Math.fround(z));
  const wanted = depths.map((_, i) => i).sort((a, b) => depths[a] - depths[b] || a - b);
  assert.deepEqual(orderOf(splats(means)), wanted);
});

test("what cannot be seen is left out", () => {
  const scene = splats([[0, 0, 1], [0, 0, -1], [0, 0, 0.009], [5, 0, 1], [0, -5, 1], [NaN, 0, 1], [0.55, 0, 1]]);
  assert.deepEqual(orderOf(scene), [0, 6]); // the last one's middle is outside, its edge is not
  assert.deepEqual(orderOf(splats([[0, 0, 1]], { opacityLogit: -5.6 })), []); // below 1/255
  assert.deepEqual(orderOf(splats([[0, 0, 1]], { logScale: NaN })), []);
  assert.deepEqual(orderOf(splats([])), []);
});

test("a budget keeps the most important ones", () => {
  const scene = splats([[0, 0, 1], [0, 0, 2], [0, 0, 3]]);
  scene.logScales.set([-2, -2, -2], 6);
  scene.opacityLogits[0] = 3;
  assert.deepEqual(orderOf(scene, undefined, 2), [0, 2]);
  assert.deepEqual(orderOf(scene, undefined, 0), []);
  assert.deepEqual(orderOf(scene, undefined, 3), [0, 1, 2]);
});

test("a scene grows, and shrinks", () => {
  const order = new Order();
  const view = viewOf(camera());
  order.set(0, splats([[0, 0, 2]]));
  order.set(1, splats([[0, 0, 1], [0, 0, 3]]));
  assert.deepEqual([...order.sort(view)], [1, 0, 2]);
  const spare = new Uint32Array(8);
  assert.equal(order.sort(view, Infinity, spare).buffer, spare.buffer);
  order.set(1, splats([[0, 0, 4]]));
  assert.deepEqual([...order.sort(view)], [0, 1]);
});

test("a view has the camera's place and the slopes that bound the Jacobian", () => {
  // A quarter turn about y: the camera looks along -x from (7, 2, 3).
  const worldToCamera = Float64Array.of(0, 0, 1, -3, 0, 1, 0, -2, -1, 0, 0, 7, 0, 0, 0, 1);
  const view = viewOf(camera({ worldToCamera, cx: 40 }));
  assert.deepEqual([...view.position], [7, 2, 3]);
  view.slopes.forEach((slope, k) => assert.ok(Math.abs(slope - [-0.55, -0.65, 0.75, 0.65][k]) < 1e-12));
  assert.ok(sameView(view, viewOf(camera({ worldToCamera, cx: 40 }))));
  assert.ok(!sameView(view, viewOf(camera({ worldToCamera, cx: 41 }))));
  assert.ok(!sameView(null, view));
});

test("PSNR of pictures", () => {
  const picture = (value) => ({ width: 1, height: 1, pixels: Uint8ClampedArray.of(value, value, value, 255) });
  assert.equal(psnr(picture(3), picture(3)), Infinity);
  assert.ok(Math.abs(psnr(picture(0), picture(255))) < 1e-9);
});
