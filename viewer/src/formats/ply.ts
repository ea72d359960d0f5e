import { FormatFault } from "../decode/faults.ts";
import type { Splats } from "../splats.ts";

/** Bytes and reader of the PLY number types; both of its names for each. */
const TYPES: Record<string, [size: number, read: (view: DataView, at: number) => number]> = {
  char: [1, (v, at) => v.getInt8(at)], uchar: [1, (v, at) => v.getUint8(at)],
  short: [2, (v, at) => v.getInt16(at, true)], ushort: [2, (v, at) => v.getUint16(at, true)],
  int: [4, (v, at) => v.getInt32(at, true)], uint: [4, (v, at) => v.getUint32(at, true)],
  float: [4, (v, at) => v.getFloat32(at, true)], double: [8, (v, at) => v.getFloat64(at, true)],
};
const ALIASES: Record<string, string> = {
  int8: "char", uint8: "uchar", int16: "short", uint16: "ushort", int32: "int", uint32: "uint", float32: "float", float64: "double",
};
const DEGREES: Record<number, number> = { 0: 0, 9: 1, 24: 2, 45: 3 };
const NEEDED = ["x", "y", "z", "opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3", "f_dc_0", "f_dc_1", "f_dc_2"];
/** A header is longer than this for no scene. */
const MOST_HEADER_BYTES = 1 << 16;

interface Column {
  at: number;
  read(view: DataView, at: number): number;
}

/** A trained scene in the layout of Kerbl et al. 2023, little-endian, properties in any order and type. */
export function readPly(bytes: Uint8Array): Splats {
  const head = new TextDecoder("latin1").decode(bytes.subarray(0, MOST_HEADER_BYTES));
  const end = /end_header[ \t]*\r?\n/.exec(head);
  if (!end) throw new FormatFault("truncated", "header", "end_header", "none");
  const lines = head.slice(0, end.index).split(/\r?\n/).map((line) => line.trim().split(/\s+/));
  const format = lines.find(([word]) => word === "format")?.[1];
  if (format !== "binary_little_endian") throw new FormatFault("unsupported", "format", "binary_little_endian", `${format}; gscompress view FILE shows it`);
  const first = lines.findIndex(([word]) => word === "element");
  const [, name, count] = lines[first] ?? [];
  if (name !== "vertex") throw new FormatFault("unsupported", "header", "the element vertex first", `${name}; gscompress view FILE shows more kinds`);
  const { columns, stride } = columnsOf(lines.slice(first + 1));
  const n = Number(count);
  const start = end.index + end[0].length;
  if (!Number.isSafeInteger(n) || n < 0) throw new FormatFault("corrupt", "vertex", "a count", count);
  if (bytes.length < start + n * stride) throw new FormatFault("truncated", "vertex", `${n * stride} bytes`, `${bytes.length - start}`);
  const antialiased = lines.some((words) => words.join(" ") === "comment SplatRenderMode: mip");
  return scene(new DataView(bytes.buffer, bytes.byteOffset + start, n * stride), n, stride, columns, antialiased);
}

function columnsOf(lines: readonly string[][]): { columns: Map<string, Column>; stride: number } {
  const columns = new Map<string, Column>();
  let stride = 0;
  for (const [word, type, name] of lines) {
    if (word === "element") break;
    if (word !== "property") continue;
    const known = TYPES[ALIASES[type] ?? type];
    if (!known) throw new FormatFault("unsupported", `vertex.${name ?? type}`, "a number", type);
    columns.set(name, { at: stride, read: known[1] });
    stride += known[0];
  }
  const missing = NEEDED.filter((name) => !columns.has(name));
  if (missing.length > 0) throw new FormatFault("unsupported", "vertex", "the properties of a splat scene", `none of ${missing.join(", ")}`);
  return { columns, stride };
}

function scene(view: DataView, n: number, stride: number, columns: Map<string, Column>, antialiased: boolean): Splats {
  const rest = [...columns.keys()].filter((name) => name.startsWith("f_rest_")).length;
  const shDegree = DEGREES[rest];
  if (shDegree === undefined) throw new FormatFault("unsupported", "vertex.f_rest_*", "0, 9, 24 or 45 properties", String(rest));
  const k = (shDegree + 1) ** 2;
  const out: Splats = {
    count: n, shDegree, antialiased, means: new Float32Array(3 * n), quats: new Float32Array(4 * n), logScales: new Float32Array(3 * n),
    opacityLogits: new Float32Array(n), sh: new Float32Array(3 * k * n),
  };
  const fill = (name: string, to: Float32Array, width: number, place: number): void => {
    const column = columns.get(name);
    if (!column) throw new FormatFault("unsupported", "vertex", name, "none");
    for (let i = 0, at = column.at; i < n; i++, at += stride) to[i * width + place] = column.read(view, at);
  };
  "xyz".split("").forEach((axis, i) => fill(axis, out.means, 3, i));
  for (let i = 0; i < 4; i++) fill(`rot_${i}`, out.quats, 4, i);
  for (let i = 0; i < 3; i++) fill(`scale_${i}`, out.logScales, 3, i);
  fill("opacity", out.opacityLogits, 1, 0);
  for (let channel = 0; channel < 3; channel++) {
    fill(`f_dc_${channel}`, out.sh, 3 * k, channel);
    for (let j = 1; j < k; j++) fill(`f_rest_${channel * (k - 1) + j - 1}`, out.sh, 3 * k, 3 * j + channel); // channel after channel
  }
  return out;
}
