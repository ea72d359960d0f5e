/** Files other than .gsz: what they are, and what is wrong with them. Their values are compared with Python's by tests/viewer. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "../decoding.mjs";

const { recognise, readSplats } = await load("formats/index");

const NAMES = [..."xyz", "f_dc_0", "f_dc_1", "f_dc_2", "opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"];
const blobOf = (...parts) => new Blob(parts);

/** A .ply with the number of each property as its value, the first row's from 1, the next row's from 101. */
function ply({ names = NAMES, rows = 2, claims = rows, format = "binary_little_endian", type = "float", extra = [] } = {}) {
  const header = ["ply", `format ${format} 1.0`, ...extra, `element vertex ${claims}`, ...names.map((name) => `property ${type} ${name}`), "end_header", ""];
  const body = new DataView(new ArrayBuffer(4 * names.length * rows));
  for (let row = 0; row < rows; row++)
    names.forEach((_, i) => body.setFloat32(4 * (row * names.length + i), 100 * row + i + 1, format !== "binary_big_endian"));
  return blobOf(header.join("\n"), body);
}

test("a .ply without harmonics or normals, of either byte order", async () => {
  for (const format of ["binary_little_endian", "binary_big_endian"]) {
    const file = ply({ format, extra: ["comment SplatRenderMode: mip"] });
    assert.equal(await recognise(file), "ply");
    const { splats, droppedRows } = await readSplats(file, "ply");
    assert.deepEqual([splats.count, splats.shDegree, splats.antialiased, droppedRows], [2, 0, true, 0]);
    assert.deepEqual([...splats.means], [1, 2, 3, 101, 102, 103]);
    assert.deepEqual([...splats.sh], [4, 5, 6, 104, 105, 106]);
    assert.deepEqual([...splats.opacityLogits], [7, 107]);
    assert.deepEqual([...splats.logScales], [8, 9, 10, 108, 109, 110]);
    assert.deepEqual([...splats.quats], [11, 12, 13, 14, 111, 112, 113, 114]);
  }
});

test("harmonics are channel by channel in the file, in any order of the properties", async () => {
  for (const degree of [1, 2, 3, 4]) {
    const stored = (degree + 1) ** 2 - 1;
    const rest = Array.from({ length: 3 * stored }, (_, i) => `f_rest_${i}`);
    const names = [...rest.toReversed(), ...NAMES, "nx"];
    const { splats } = await readSplats(ply({ names, rows: 1 }), "ply");
    assert.equal(splats.shDegree, Math.min(degree, 3));
    const k = (splats.shDegree + 1) ** 2;
    for (let c = 1; c < k; c++)
      for (let channel = 0; channel < 3; channel++) assert.equal(splats.sh[3 * c + channel], names.indexOf(`f_rest_${channel * stored + c - 1}`) + 1);
  }
});

test("a .splat", async () => {
  const row = new DataView(new ArrayBuffer(64));
  for (const at of [0, 32]) {
    for (let k = 0; k < 3; k++) {
      row.setFloat32(at + 4 * k, k + 1, true);
      row.setFloat32(at + 12 + 4 * k, Math.E, true);
      row.setUint8(at + 24 + k, 255);
    }
    row.setUint8(at + 27, 255);
    row.setUint8(at + 28, 255);
  }
  row.setFloat32(32, NaN, true);
  const file = blobOf(row);
  assert.equal(await recognise(file), "splat");
  const { splats, droppedRows } = await readSplats(file, "splat");
  assert.deepEqual([splats.count, splats.shDegree, droppedRows], [1, 0, 1]);
  assert.deepEqual([...splats.means], [1, 2, 3]);
  assert.ok(splats.logScales.every((v) => Math.abs(v - 1) < 1e-6) && splats.logScales.length === 3);
  assert.deepEqual([...splats.quats], [127 / 128, -1, -1, -1]);
  assert.ok(Math.abs(splats.sh[0] - 0.5 / 0.28209479) < 1e-6 && splats.opacityLogits[0] > 6);
});

const list = ["element face 1", "property list uchar int vertex_indices"];
for (const [what, file, expected] of [
  ["more rows than bytes", ply({ claims: 3 }), { kind: "truncated", field: "vertex", expected: "3 rows of 56 bytes", found: "112 bytes" }],
  ["a count beyond all bounds", ply({ claims: "999999999999999" }), { kind: "truncated", field: "vertex" }],
  ["a count that is none", ply({ claims: "-1" }), { kind: "corrupt", field: "header.element vertex" }],
  ["a property missing", ply({ names: NAMES.slice(1) }), { kind: "unsupported", field: "vertex", found: "none named x" }],
  ["half of the harmonics", ply({ names: [...NAMES, "f_rest_0"] }), { kind: "unsupported", field: "vertex.f_rest_*" }],
  ["a type that is none", ply({ type: "half" }), { kind: "corrupt", field: "header.property x" }],
  ["a name twice", ply({ names: [...NAMES, "x"] }), { kind: "corrupt", field: "header.property x" }],
  ["ASCII", ply({ format: "ascii" }), { kind: "unsupported", field: "header.format" }],
  ["lists first", ply({ extra: list }), { kind: "unsupported", field: "header.element face" }],
  ["no vertices", blobOf("ply\nformat binary_little_endian 1.0\nend_header\n"), { kind: "unsupported", field: "header" }],
  ["no end of the header", blobOf("ply\nformat binary_little_endian 1.0\n"), { kind: "truncated", field: "header" }],
  ["a property before its element", blobOf("ply\nformat binary_little_endian 1.0\nproperty float x\nend_header\n"), { kind: "corrupt", field: "header.property" }],
])
  test(`refuses a .ply with ${what}`, async () => {
    await assert.rejects(readSplats(file, "ply"), { name: "FormatError", ...expected });
  });

const packed = "ply\nformat binary_little_endian 1.0\nelement chunk 1\nproperty float min_x\nelement vertex 1\nproperty uint packed_position\nend_header\n";
for (const [what, file, found] of [
  ["packed .ply", blobOf(packed), "a compressed .ply"],
  [".spz", blobOf(Uint8Array.of(0x1f, 0x8b, 8)), "a .spz"],
  [".sog", blobOf("PK\x03\x04"), "a .sog (zip)"],
])
  test(`a ${what} is for the server`, async () => {
    await assert.rejects(recognise(file), (e) => e.kind === "unsupported" && e.found === found && e.message.includes("gscompress view FILE"));
  });

test("recognises .gsz, and nothing else", async () => {
  assert.equal(await recognise(blobOf("GSZ\x1a rest")), "gsz");
  for (const file of [blobOf(), blobOf("hello, world"), blobOf(new Uint8Array(64))]) await assert.rejects(recognise(file), { kind: "bad magic" });
});
