/** Poses, addresses and cameras. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { runnerImport } from "vite";

const SRC = join(dirname(fileURLToPath(import.meta.url)), "../../src");
const load = async (path) => (await runnerImport(join(SRC, path), { configFile: false, logLevel: "error" })).module;
const { between, cameraOf, dolly, framed, lookAt, look, orbit, pan, poseOf, roll, target } = await load("view/pose.ts");
const { fromHash, toHash } = await load("view/url.ts");
const { extentOf } = await load("view/extent.ts");
const { pick } = await load("view/pick.ts");
const { camerasOf } = await load("cameras/cameras.ts");
const { readColmapText, readColmapBinary } = await load("cameras/colmap.ts");

const UP = [0, -1, 0];
const near = (a, b, by = 1e-6) => a.forEach((v, i) => assert.ok(Math.abs(v - b[i]) < by, `${a} against ${b}`));
const dot = (a, b) => a.reduce((sum, v, i) => sum + v * b[i], 0);

function sound(pose) {
  for (const axis of [pose.right, pose.down, pose.forward]) assert.ok(Math.abs(dot(axis, axis) - 1) < 1e-9);
  assert.ok(Math.abs(dot(pose.right, pose.down)) + Math.abs(dot(pose.right, pose.forward)) < 1e-9);
}

test("poses stay rigid, and orbiting keeps its target and distance", () => {
  let pose = lookAt([1, -2, -5], [0.5, 0, 1], UP);
  const at = target(pose);
  near(at, [0.5, 0, 1]);
  for (let i = 0; i < 200; i++) {
    pose = orbit(pose, 0.3, i < 100 ? 0.2 : -0.31, UP);
    sound(pose);
    near(target(pose), at);
    assert.ok(dot(pose.down, UP) < 0, "upside down");
  }
  for (const moved of [pan(pose, 0.1, 0.2), dolly(pose, 0.5), look(pose, 0.4, 0.1, UP), roll(pose, 0.7), framed(pose, [1, 1, 1], 2), between(pose, lookAt([3, 0, 0], at, UP), 0.4)]) sound(moved);
  assert.ok(Math.abs(dolly(pose, 0.5).distance - pose.distance / 2) < 1e-12);
});

test("looking up moves up, orbiting left moves the picture left", () => {
  const pose = lookAt([0, 0, -5], [0, 0, 0], UP);
  near(pose.right, [1, 0, 0]);
  near(pose.down, [0, 1, 0]);
  assert.ok(look(pose, 0, 0.2, UP).forward[1] < 0);
  assert.ok(look(pose, 0.2, 0, UP).forward[0] < 0);
  assert.ok(pan(pose, 0.1, 0).position[0] < 0); // the scene goes to the right
});

test("a straight view up or down is no trap", () => {
  for (const at of [[0, 5, 0], [0, -5, 0]]) {
    const pose = lookAt([0, 0, 0], at, UP);
    sound(pose);
    sound(orbit(orbit(pose, 0.4, 0.3, UP), 0.1, -0.3, UP));
  }
});

test("cameras and poses are each other's inverse", () => {
  const pose = lookAt([1, -2, -5], [0.5, 0, 1], UP, 0.9);
  const again = poseOf(cameraOf(pose, 640, 480), pose.distance);
  for (const key of ["position", "right", "down", "forward"]) near(again[key], pose[key], 1e-9);
  assert.ok(Math.abs(again.fovY - 0.9) < 1e-12);
});

test("the address holds the view, and only a view", () => {
  const pose = lookAt([1.25, -2, -5], [0.5, 0, 1], UP);
  const again = fromHash(`#${toHash(pose)}`);
  for (const key of ["position", "right", "down", "forward"]) near(again[key], pose[key], 1e-4);
  for (const bad of ["", "#", "#at=1,2,3", "#at=1,2,x&to=0,0,1&right=1,0,0&d=1&fov=1", "#at=0,0,0&to=0,0,1&right=1,0,0&d=-1&fov=1", "#at=0,0,0&to=0,0,1&right=1,0,0&d=1&fov=9"]) assert.equal(fromHash(bad), null, bad);
});

const splats = (means) => ({
  count: means.length, shDegree: 0, antialiased: false, means: Float32Array.from(means.flat()), quats: new Float32Array(4 * means.length).fill(1),
  logScales: new Float32Array(3 * means.length).fill(-2), opacityLogits: new Float32Array(means.length).fill(4), sh: new Float32Array(3 * means.length),
});

test("a click finds the nearest surface, floaters do not move the extent", () => {
  const camera = cameraOf(lookAt([0, 0, -5], [0, 0, 0], UP), 200, 100);
  near(pick(splats([[0, 0, 3], [0, 0, 1], [4, 0, 0]]), camera, 100, 50), [0, 0, 1], 1e-4);
  assert.equal(pick(splats([[0, 0, 3]]), camera, 5, 5), null);
  assert.equal(pick(splats([[0, 0, -9]]), camera, 100, 50), null);
  const many = Array.from({ length: 1000 }, (_, i) => [Math.sin(i), Math.cos(i), Math.sin(3 * i)]);
  const { radius } = extentOf(splats([...many, [1e6, 0, 0], [NaN, 0, 0]]));
  assert.ok(radius < 3, `${radius}`);
});

test("cameras.json and transforms.json", () => {
  const [one] = camerasOf([{ id: 0, img_name: "a", width: 4, height: 2, position: [1, 2, 3], rotation: [[1, 0, 0], [0, 1, 0], [0, 0, 1]], fx: 5, fy: 6 }], "c");
  near([...one.worldToCamera], [1, 0, 0, -1, 0, 1, 0, -2, 0, 0, 1, -3, 0, 0, 0, 1]);
  const [gl] = camerasOf({ camera_angle_x: Math.PI / 2, w: 4, h: 2, frames: [{ file_path: "b", transform_matrix: [[1, 0, 0, 1], [0, 1, 0, 2], [0, 0, 1, 3], [0, 0, 0, 1]] }] }, "t");
  near([...gl.worldToCamera], [1, 0, 0, -1, 0, -1, 0, 2, 0, 0, -1, 3, 0, 0, 0, 1]);
  assert.ok(Math.abs(gl.fx - 2) < 1e-12);
  for (const bad of [{}, null, 3, [{}], [{ rotation: [[1]] }], { frames: [{}] }, { frames: [null] }]) assert.throws(() => camerasOf(bad, "bad.json"), /bad\.json.*expected .* found/);
});

test("COLMAP as text and as bytes", () => {
  const cameraText = "# a comment\n1 SIMPLE_RADIAL 40 30 50 20 15 0.1\n";
  const imageText = "# another\n1 1 0 0 0 0.5 -1 2 1 first.png\n1 2 -1\n2 0.70710678 0 0.70710678 0 0 0 0 1 second image.png\n\n";
  const text = readColmapText(cameraText, imageText);
  assert.deepEqual(text.map((c) => c.name), ["first.png", "second image.png"]);
  near([...text[0].worldToCamera], [1, 0, 0, 0.5, 0, 1, 0, -1, 0, 0, 1, 2, 0, 0, 0, 1]);
  near([...text[1].worldToCamera].slice(0, 3), [0, 0, 1]);
  const writer = (fields) => {
    const out = [];
    for (const [kind, value] of fields) {
      const bytes = kind === "text" ? Buffer.from(`${value}\0`) : Buffer.alloc(kind === "u32" ? 4 : 8);
      if (kind === "u32") bytes.writeUInt32LE(value);
      else if (kind === "u64") bytes.writeBigUInt64LE(BigInt(value));
      else if (kind === "f64") bytes.writeDoubleLE(value);
      out.push(bytes);
    }
    const all = Buffer.concat(out);
    return all.buffer.slice(all.byteOffset, all.byteOffset + all.length);
  };
  const doubles = (...values) => values.map((v) => ["f64", v]);
  const cameras = writer([["u64", 1], ["u32", 1], ["u32", 2], ["u64", 40], ["u64", 30], ...doubles(50, 20, 15, 0.1)]);
  const images = writer([["u64", 1], ["u32", 1], ...doubles(1, 0, 0, 0, 0.5, -1, 2), ["u32", 1], ["text", "first.png"], ["u64", 1], ...doubles(1, 2, 3)]);
  assert.deepEqual(readColmapBinary(cameras, images), text.slice(0, 1));
  assert.throws(() => readColmapBinary(cameras, images.slice(0, 60)), /images\.bin: expected/);
  assert.throws(() => readColmapText("1 NEW 4 4 1", imageText), /camera model/);
});
