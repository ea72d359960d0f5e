/** The decoder without a browser: frozen files, streaming, faults. `node --test tests/unit/`. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { checksums, decode, decodeFrom, readHead } from "../decoding.mjs";

const GOLDEN = new URL("../../../tests/golden/", import.meta.url);
const FOLDERS = ["v1", "anchors"];
const KINDS = { BadMagic: "bad magic", Truncated: "truncated", Corrupt: "corrupt", Unsupported: "unsupported" };
const bytesOf = (path) => new Uint8Array(readFileSync(new URL(path, GOLDEN)));
const facts = (path) => Object.entries(JSON.parse(readFileSync(new URL(`${path}/manifest.json`, GOLDEN), "utf8")));
const SH3 = bytesOf("v1/good/sh3.gsz");

for (const folder of FOLDERS) {
  for (const [name, { partial, splats, sh_degree, antialiased, sha256 }] of facts(`${folder}/good`)) {
    test(`${folder}/good/${name} decodes to its checksums, whatever pieces it comes in`, async () => {
      const bytes = bytesOf(`${folder}/good/${name}.gsz`);
      for (const [sizes, lanes] of [[[65536], 3], [[1], 1], [[7, 300, 1, 64], 2]]) {
        const done = await decode(bytes, { sizes, lanes, partial });
        assert.equal(done.complete, true);
        assert.deepEqual([done.splats.count, done.splats.shDegree, done.splats.antialiased], [splats, sh_degree, antialiased]);
        assert.deepEqual(checksums(bytes, done.splats), sha256);
      }
    });
  }
  for (const [name, { error, field }] of facts(`${folder}/bad`)) {
    test(`${folder}/bad/${name} is refused for the same reason`, async () => {
      const bytes = bytesOf(`${folder}/bad/${name}.gsz`);
      for (const sizes of [[65536], [13]])
        await assert.rejects(decode(bytes, { sizes }), (e) => {
          assert.deepEqual([e.name, e.kind, e.field], ["FormatError", KINDS[error], field]);
          assert.ok(e.expected && e.found);
          return true;
        });
    });
  }
}

test("a prefix that ends with a chunk is the beginning of the scene, any other is truncated", async () => {
  const whole = await decode(SH3);
  const head = readHead(SH3.subarray(0, new DataView(SH3.buffer).getUint32(8, true)));
  let end = head.size;
  let rows = 0;
  for (const section of head.sections) {
    end += section.size;
    if (section.kind === "geometry") rows += section.splats;
    const cut = await decode(SH3.subarray(0, end));
    assert.equal(cut.splats.count, rows);
    assert.deepEqual(cut.splats.means, whole.splats.means.subarray(0, 3 * rows));
    assert.equal(cut.infos.at(-1).complete, section.index === head.sections.length - 1);
    if (section.size > 1) {
      await assert.rejects(decode(SH3.subarray(0, end - 1)), { kind: "truncated", field: `section ${section.index}` });
      assert.equal((await decode(SH3.subarray(0, end - 1), { partial: true })).complete, true);
    }
  }
});

test("updates grow: rows stay where they are, `keep` says what has not changed", async () => {
  const updates = [];
  const copyOf = ({ splats, ...rest }) => ({ ...rest, count: splats.count, means: splats.means.slice(), sh: splats.sh.slice() });
  const { splats } = await decode(SH3, { sizes: [97], interval: 0, onSplats: (u) => updates.push(copyOf(u)) });
  assert.ok(updates.length >= 6, `${updates.length}`);
  assert.deepEqual(updates.map(({ complete }) => complete).lastIndexOf(false), updates.length - 2);
  const width = 48;
  let before = { count: 0, sh: new Float32Array(0) };
  for (const update of updates) {
    assert.ok(update.count >= before.count && update.keep <= before.count);
    assert.equal(update.capacity, splats.count);
    assert.deepEqual(update.means, splats.means.subarray(0, 3 * update.count));
    assert.deepEqual(update.sh.slice(0, width * update.keep), before.sh.slice(0, width * update.keep));
    before = update;
  }
  assert.deepEqual(before.sh, splats.sh);
});

test("what has come is shown before more comes", async () => {
  const head = readHead(SH3.subarray(0, new DataView(SH3.buffer).getUint32(8, true)));
  const first = head.size + head.sections[0].size + head.sections[1].size;
  const stop = new AbortController();
  const stalled = new ReadableStream({ start: (controller) => controller.enqueue(SH3.slice(0, first)) });
  const seen = [];
  const ended = decodeFrom(stalled, { signal: stop.signal, onSplats: ({ splats }) => (seen.push(splats.count), stop.abort(new Error("seen"))) });
  await assert.rejects(ended, /seen/);
  assert.deepEqual(seen, [24]);
});

test("info is what `gscompress info` says", async () => {
  const [early, late] = (await decode(SH3)).infos;
  assert.equal(early.complete, false);
  const { sections, about, ...rest } = late;
  assert.deepEqual(rest, {
    sizeBytes: 3281, splats: 77, shDegree: 3, antialiased: false, bytesPerSplat: 3281 / 77, version: 1, blocks: 1, layers: 3, anchors: null, complete: true,
  });
  assert.equal(about.encoder, "gscompress 0.1.0");
  assert.deepEqual(sections[2], { kind: "geometry", block: 0, layer: 0, splats: 24, present: true, sizeBytes: 293, bitsPerSplat: (8 * 293) / 77, share: 293 / 3281 });
  assert.equal(sections.length, 9);
});

test("a scene that would take too much memory is refused before anything is allocated", async () => {
  await assert.rejects(decode(SH3, { maxBytes: 1000 }), { kind: "unsupported", field: "header.splats", found: "77" });
});

test("bytes after the last section", async () => {
  await assert.rejects(decode(Uint8Array.of(...SH3, 0)), { kind: "corrupt", field: "file" });
});

test("can be stopped", async () => {
  const stop = new AbortController();
  await assert.rejects(decode(SH3, { sizes: [50], signal: stop.signal, interval: 0, onSplats: () => stop.abort(new Error("enough")) }), /enough/);
  await assert.rejects(decode(SH3, { signal: AbortSignal.abort(new Error("never mind")) }), /never mind/);
});

test("what a handler throws ends it", async () => {
  await assert.rejects(decode(SH3, { onSplats() { throw new Error("full"); } }), /full/);
});

test("where there are many blocks, chunks wait for the end and go block by block", async () => {
  for (const name of ["blocks", "cut"]) {
    const bytes = bytesOf(`v1/good/${name}.gsz`);
    const [, { sha256 }] = facts("v1/good").find(([other]) => other === name);
    const done = await decode(bytes, { openBlocks: 1 });
    assert.deepEqual(checksums(bytes, done.splats), sha256);
  }
});
