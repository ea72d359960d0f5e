import { allocateSplats, coefficients } from "../allocate.ts";
import { FormatError } from "../errors.ts";
import { readRows, type Loaded } from "./rows.ts";

/** Bytes within which a header has to end. */
const MAX_HEADER = 1 << 20;

/** Size and reading of a property, by the names of its type. */
const TYPES: Record<string, [number, (view: DataView, at: number, little: boolean) => number]> = {
  char: [1, (v, at) => v.getInt8(at)],
  uchar: [1, (v, at) => v.getUint8(at)],
  short: [2, (v, at, little) => v.getInt16(at, little)],
  ushort: [2, (v, at, little) => v.getUint16(at, little)],
  int: [4, (v, at, little) => v.getInt32(at, little)],
  uint: [4, (v, at, little) => v.getUint32(at, little)],
  float: [4, (v, at, little) => v.getFloat32(at, little)],
  double: [8, (v, at, little) => v.getFloat64(at, little)],
};
const OTHER_NAMES = { int8: "char", uint8: "uchar", int16: "short", uint16: "ushort", int32: "int", uint32: "uint", float32: "float", float64: "double" };
for (const [name, same] of Object.entries(OTHER_NAMES)) TYPES[name] = TYPES[same];

interface Element {
  name: string;
  rows: number;
  rowSize: number;
  /** Of each property its type and place in a row. */
  properties: Map<string, { type: string; at: number }>;
  hasLists: boolean;
}

interface Header {
  /** Bytes of it. */
  size: number;
  little: boolean;
  antialiased: boolean;
  elements: Element[];
}

const corrupt = (field: string, expected: string, found: string) => new FormatError({ kind: "corrupt", field, expected, found: found.slice(0, 80) });
const unsupported = (field: string, expected: string, found: string) => new FormatError({ kind: "unsupported", field, expected, found: found.slice(0, 200) });

/** Reads the binary .ply that trainers of 3D Gaussians write: float properties by their names in any order, with normals or without. */
export async function readPly(file: Blob): Promise<Loaded> {
  const header = readHeader(new Uint8Array(await file.slice(0, MAX_HEADER).arrayBuffer()));
  let start = header.size;
  for (const element of header.elements) {
    if (element.hasLists) throw unsupported(`header.element ${element.name}`, "rows of a fixed size before the vertices", "a list");
    const left = file.size - start;
    if (element.rows * element.rowSize > left)
      throw new FormatError({ kind: "truncated", field: element.name, expected: `${element.rows} rows of ${element.rowSize} bytes`, found: `${left} bytes` });
    if (element.name === "vertex") return readVertices(file, start, element, header);
    start += element.rows * element.rowSize;
  }
  throw unsupported("header", "an element 'vertex'", header.elements.map(({ name }) => name).join(", ") || "no element");
}

/** Whether this is the header of PlayCanvas' packed layout. */
export const isPacked = (head: Uint8Array) => /^element chunk /m.test(headerText(head)) && headerText(head).includes("packed_position");

function headerText(head: Uint8Array): string {
  const text = new TextDecoder("latin1").decode(head);
  const end = /(^|\r|\n)end_header(\r\n|\r|\n)/.exec(text);
  return end ? text.slice(0, end.index + end[0].length) : "";
}

function readHeader(head: Uint8Array): Header {
  const text = headerText(head);
  if (!text) throw new FormatError({ kind: "truncated", field: "header", expected: "'end_header' within the first MiB", found: `none in ${head.length} bytes` });
  const elements: Element[] = [];
  let format = "";
  let antialiased = false;
  for (const line of text.split(/\r\n|\r|\n/)) {
    const words = line.trim().split(/\s+/);
    if (words[0] === "format") format = words[1] ?? "";
    // Brush's and Postshot's ways to say it.
    if (words[0] === "comment") antialiased ||= /^SplatRenderMode[: ]+mip$|^antialiased[: ]+1$/.test(words.slice(1).join(" "));
    if (words[0] === "element") elements.push(readElement(words));
    if (words[0] === "property") readProperty(words, elements.at(-1));
  }
  if (!format.startsWith("binary_")) throw unsupported("header.format", "binary; others are for `gscompress view FILE`", format || "none");
  return { size: text.length, little: format !== "binary_big_endian", antialiased, elements };
}

function readElement([, name = "", rows = ""]: string[]): Element {
  if (!/^\d{1,15}$/.test(rows)) throw corrupt(`header.element ${name}`, "a row count", rows || "none");
  return { name, rows: Number(rows), rowSize: 0, properties: new Map(), hasLists: false };
}

function readProperty([, type = "", name = ""]: string[], element: Element | undefined): void {
  if (!element) throw corrupt("header.property", "an element before it", name);
  if (type === "list") {
    element.hasLists = true;
    return;
  }
  if (!Object.hasOwn(TYPES, type)) throw corrupt(`header.property ${name}`, "a type of PLY 1.0", type);
  if (element.properties.has(name)) throw corrupt(`header.property ${name}`, "each name once", "it twice");
  element.properties.set(name, { type, at: element.rowSize });
  element.rowSize += TYPES[type][0];
}

const GEOMETRY = ["x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"];

async function readVertices(file: Blob, start: number, { rows, rowSize, properties }: Element, { little, antialiased }: Header): Promise<Loaded> {
  const missing = GEOMETRY.filter((name) => !properties.has(name));
  if (missing.length) throw unsupported("vertex", `properties ${GEOMETRY.join(" ")}`, `none named ${missing.join(" ")}`);
  const rest = [...properties.keys()].filter((name) => name.startsWith("f_rest_")).length;
  const stored = 1 + rest / 3;
  const degree = Math.sqrt(stored) - 1;
  const numbered = Array.from({ length: rest }, (_, i) => properties.has(`f_rest_${i}`)).every(Boolean);
  if (![0, 1, 2, 3, 4].includes(degree) || !numbered) throw unsupported("vertex.f_rest_*", "0, 9, 24, 45 or 72 properties numbered from 0", `${rest}`);
  const splats = allocateSplats({ count: rows, shDegree: Math.min(degree, 3), antialiased }, "vertex");
  const width = coefficients(splats.shDegree);
  const copies: { read: (view: DataView, at: number, little: boolean) => number; at: number; target: Float32Array; stride: number; offset: number }[] = [];
  const copy = (name: string, target: Float32Array, stride: number, offset: number) => {
    const { type, at } = properties.get(name)!;
    copies.push({ read: TYPES[type][1], at, target, stride, offset });
  };
  for (let k = 0; k < 3; k++) {
    copy("xyz"[k], splats.means, 3, k);
    copy(`scale_${k}`, splats.logScales, 3, k);
    copy(`f_dc_${k}`, splats.sh, 3 * width, k);
    // Channel by channel in the file, coefficient by coefficient here.
    for (let c = 1; c < width; c++) copy(`f_rest_${k * (stored - 1) + c - 1}`, splats.sh, 3 * width, 3 * c + k);
  }
  for (let k = 0; k < 4; k++) copy(`rot_${k}`, splats.quats, 4, k);
  copy("opacity", splats.opacityLogits, 1, 0);
  const droppedRows = await readRows(file, start, rowSize, splats, (view, from, to) => {
    for (const { read, at, target, stride, offset } of copies) target[to * stride + offset] = read(view, from + at, little);
  });
  return { splats, format: "ply", droppedRows };
}
