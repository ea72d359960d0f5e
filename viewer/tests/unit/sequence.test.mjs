/** Sequences: the table's checks, frames in any order equal to Python's, and playing. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { checksumsOf, load, sequenceOf } from "../decoding.mjs";

const FOLDER = new URL("../sequence/", import.meta.url);
const BYTES = new Uint8Array(readFileSync(new URL("shapes.gsz", FOLDER)));
/** What Python's SequenceReader makes of it. */
const NATIVE = JSON.parse(readFileSync(new URL("shapes.json", FOLDER), "utf8"));
const { parseSequence, isSequence } = await load("decode/sequence");
const { crc32 } = await load("decode/crc32");
const { newestReady, Player } = await load("view/player");
const { timeFrom, toHash } = await load("view/url");
const { lookAt } = await load("view/pose");
const HEAD = 32 + 24 * NATIVE.frames.length;

/** A copy with a change of its table, whose checksum is mended. */
function changed(change) {
  const bytes = BYTES.slice();
  const view = new DataView(bytes.buffer);
  change(view, bytes);
  view.setUint32(12, crc32(bytes.subarray(16, HEAD)), true);
  return bytes;
}

test("header and table", () => {
  const { rate, frames, entries, size } = parseSequence(BYTES);
  assert.deepEqual([rate, frames, size], [NATIVE.fps, NATIVE.frames.length, BYTES.length]);
  assert.deepEqual(entries.map(({ frame }) => frame).sort(), [0, 1, 2, 3, 4, 5, 6]);
  for (const { frame, splats } of entries) assert.equal(splats, NATIVE.frames[frame].splats);
  assert.ok(entries.some(({ reference }, i) => reference === i) && entries.some(({ reference }, i) => reference < i));
  assert.equal(isSequence(BYTES.subarray(0, 5)), false);
  assert.equal(isSequence([0x47, 0x53, 0x5a, 0x1a, 1, 0]), false);
});

const set = (at, value) => (view) => view.setUint32(at, value, true);
for (const [kind, field, bytes] of [
  ["unsupported", "header.version", changed((view) => view.setUint16(4, 3, true))],
  ["unsupported", "header.version", BYTES.slice(0, 10)],
  ["unsupported", "header.flags", changed((view) => view.setUint16(6, 1, true))],
  ["corrupt", "header.header_size", changed(set(8, HEAD + 1))],
  ["truncated", "header", BYTES.slice(0, HEAD - 1)],
  ["corrupt", "header.crc32", BYTES.map((byte, i) => (i === 40 ? byte ^ 1 : byte))],
  ["corrupt", "header.frames", changed(set(16, 3))],
  ["corrupt", "header.rate_numerator", changed(set(20, 0))],
  ["corrupt", "header.rate_denominator", changed(set(24, 2 ** 24 + 1))],
  ["corrupt", "header.reserved", changed(set(28, 1))],
  ["corrupt", "frame 1.frame", changed((view) => view.setUint32(56, view.getUint32(32, true), true))],
  ["corrupt", "frame 0.reference", changed(set(36, 1))],
  ["corrupt", "frame 2.reserved", changed(set(32 + 48 + 20, 9))],
  ["corrupt", "frame 0.crc32", BYTES.map((byte, i) => (i === HEAD + 9 ? byte ^ 1 : byte))],
  ["truncated", "frame 6", BYTES.slice(0, -1)],
  ["corrupt", "file", Uint8Array.of(...BYTES, 0)],
]) {
  test(`refused: ${field} (${kind})`, () => assert.throws(() => parseSequence(bytes), { name: "FormatError", kind, field }));
}

test("a cut file has the frames up to there", () => {
  const { entries } = parseSequence(BYTES);
  const end = entries[3].offset;
  assert.equal(parseSequence(BYTES.slice(0, end)).entries.length, 3);
  assert.equal(parseSequence(BYTES.slice(0, end + 5), true).entries.length, 3);
  assert.throws(() => parseSequence(BYTES.slice(0, end + 5)), { kind: "truncated", field: "frame 3" });
});

test("every frame is Python's, in whatever order", async () => {
  for (const [order, lanes] of [[[0, 1, 2, 3, 4, 5, 6], 1], [[6, 0, 3, 2, 5, 1, 4], 3]]) {
    const source = await sequenceOf(BYTES, { lanes });
    for (const frame of order) {
      const splats = await source.frame(frame);
      assert.deepEqual({ splats: splats.count, sha256: checksumsOf(splats) }, NATIVE.frames[frame], `frame ${frame}`);
    }
    source.stop();
  }
});

test("frames are kept up to a size, and those that are wanted come", async () => {
  const each = 4 * 59 * NATIVE.frames[0].splats;
  const source = await sequenceOf(BYTES, { maxBytes: 3.5 * each });
  for (let frame = 0; frame < 7; frame++) await source.frame(frame);
  assert.deepEqual([0, 5, 6].map((frame) => source.ready(frame) !== null), [false, true, true]);
  source.want([0, 1, 2]);
  await source.frame(0);
  assert.notEqual(source.ready(0), null);
  await assert.rejects(source.frame(7), RangeError);
  const waiting = source.frame(3);
  source.stop();
  await assert.rejects(waiting, { name: "AbortError" });
});

test("a payload that is broken behind its checksum is refused, other frames are not", async () => {
  const { entries } = parseSequence(BYTES);
  const last = entries.findLastIndex(({ reference }, i) => reference < i);
  const bytes = changed((view, all) => {
    const { offset, size } = entries[last];
    all.fill(0xff, offset, offset + 8);
    view.setUint32(32 + 24 * last + 16, crc32(all.subarray(offset, offset + size)), true);
  });
  const source = await sequenceOf(bytes, { lanes: 1 });
  const { frame } = entries[last];
  await assert.rejects(source.frame(frame), { name: "FormatError", kind: "corrupt" });
  const other = (frame + 1) % 7;
  assert.deepEqual(checksumsOf(await source.frame(other)), NATIVE.frames[other].sha256);
});

test("another count of splats than the table's", async () => {
  const source = await sequenceOf(changed((view) => view.setUint32(40, 5, true)), { lanes: 1 });
  await assert.rejects(source.frame(source.sequence.entries[0].frame), { kind: "corrupt", field: "frame 0.splats" });
});

test("frames that come late are shown while nothing newer is there", () => {
  const source = { sequence: { frames: 10 }, ready: (frame) => ([2, 4].includes(frame) ? {} : null) };
  assert.equal(newestReady(source, 1, 5), 4);
  assert.equal(newestReady(source, 4, 6), 4);
  assert.equal(newestReady(source, 8, 3), 2);
  assert.equal(newestReady(source, 4, 4), 4);
  assert.equal(newestReady(source, -1, 0), 4);
});

test("the player follows the clock, drops frames, begins anew, and steps", async () => {
  globalThis.requestAnimationFrame ??= () => 0;
  const source = await sequenceOf(BYTES);
  for (let frame = 0; frame < 7; frame++) await source.frame(frame);
  const shown = [];
  let moment = null;
  const player = new Player({ show: (slot, splats, frame) => shown.push(frame), moment: (now) => (moment = now) });
  player.toggle(); // nothing there
  assert.equal(player.playing, false);
  player.set(0, source, 0);
  player.toggle();
  const start = performance.now();
  for (const at of [150, 160, 420, 690, 850]) player.tick(start + at);
  assert.deepEqual(shown, [1, 4, 6, 1]);
  assert.equal(moment.frames, 7);
  player.step(-1);
  assert.deepEqual([moment.playing, moment.frame, shown.at(-1)], [false, 0, 0]);
  player.step(-1);
  assert.deepEqual([moment.frame, shown.at(-1)], [6, 6]);
  player.seek(0.3);
  assert.deepEqual([moment.frame, moment.seconds, shown.at(-1)], [3, 0.3, 3]);
  player.speed = 0.5;
  player.toggle();
  const again = performance.now();
  player.tick(again + 300);
  assert.equal(moment.frame, 4);
  player.set(0, null);
  assert.deepEqual([moment, player.playing], [null, false]);
});

test("the time is in the address", () => {
  const pose = lookAt([0, 0, -5], [0, 0, 0], [0, -1, 0]);
  assert.equal(timeFrom({ hash: `#${toHash(pose, 1.25)}`, search: "?t=3" }), 1.25);
  assert.equal(timeFrom({ hash: `#${toHash(pose)}`, search: "?t=3" }), 3);
  assert.equal(timeFrom({ hash: "", search: "?t=x" }), 0);
});
