/**
 * Decodes files as the page does, but in this process: `node decode.mjs FOLDER FILE...`, a line of JSON for each file: the SHA-256 of
 * every array, with `rows` in the order of `gscompress.decompress`, or what is wrong. FOLDER takes the compiled modules.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "vite";

const [folder, ...files] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));
const compiled = join(folder, "decode_entry.js");
if (!existsSync(compiled)) {
  const options = { ssr: join(here, "decode_entry.ts"), outDir: folder, emptyOutDir: false, target: "node20" };
  await build({ root: join(here, ".."), publicDir: false, configFile: false, logLevel: "error", build: options });
}
const { Assembly, BlockQueue, Decoder, FormatFault, LEAST_HEAD, looksLikeSplat, readPly, readSplat } = await import(pathToFileURL(compiled));
const module = new WebAssembly.Module(readFileSync(join(here, "../public/decoder.wasm")));
const ARRAYS = ["means", "quats", "logScales", "opacityLogits", "sh"];

/** The whole scene of a .gsz file; chunks are given to the queue as they would come. */
async function gsz(bytes) {
  const reader = await Decoder.of(module);
  const start = new Uint8Array(LEAST_HEAD);
  start.set(bytes.subarray(0, LEAST_HEAD));
  const headBytes = bytes.subarray(0, reader.headSize(start) ?? LEAST_HEAD);
  const head = reader.open(headBytes);
  const decoder = await Decoder.of(module);
  decoder.open(headBytes);
  const scene = new Assembly(head);
  const queue = new BlockQueue(decoder, head, (index, rows) => scene.put(index, rows, head.sections[index].splats));
  for (const [index, section] of head.sections.entries()) {
    if (section.offset >= bytes.length) break;
    const payload = bytes.subarray(section.offset, section.offset + section.size);
    if (payload.length < section.size) throw new FormatFault("truncated", `section ${index}`, `${section.size} bytes`, `${payload.length} bytes`);
    queue.add(index, payload);
    queue.step();
    if (index % 3 === 0) queue.flush();
  }
  const last = head.sections.at(-1);
  if (last && bytes.length > last.offset + last.size) throw new FormatFault("corrupt", "file", "no bytes after the last section", "more");
  queue.flush();
  const { splats } = scene.taken();
  return { splats, order: fileOrder(head, splats.count) };
}

/** For each row of `decompress` the row of ours: block by block in place of layer by layer. */
function fileOrder(head, count) {
  const chunks = [];
  let first = 0;
  for (const { type, block, layer, splats } of head.sections) {
    if (type !== 2 && type !== 4) continue;
    if (first + splats <= count) chunks.push({ block, layer, first, splats });
    first += splats;
  }
  chunks.sort((a, b) => a.block - b.block || a.layer - b.layer);
  return chunks.flatMap(({ first, splats }) => Array.from({ length: splats }, (_, i) => first + i));
}

function digests({ splats, order }) {
  const out = { count: splats.count, shDegree: splats.shDegree, antialiased: splats.antialiased };
  for (const name of ARRAYS) {
    const width = splats.count ? splats[name].length / (splats.means.length / 3) : 0;
    const rows = order ? new Float32Array(width * order.length) : splats[name];
    order?.forEach((row, i) => rows.set(splats[name].subarray(width * row, width * (row + 1)), width * i));
    out[name] = createHash("sha256").update(new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength)).digest("hex");
  }
  return out;
}

async function scene(bytes) {
  if (bytes.subarray(0, 3).toString("latin1") === "ply") return { splats: readPly(bytes) };
  if (looksLikeSplat(bytes, bytes.length)) return { splats: readSplat(bytes) };
  return gsz(bytes);
}

for (const file of files) {
  try {
    console.log(JSON.stringify(digests(await scene(readFileSync(file)))));
  } catch (error) {
    if (!(error instanceof FormatFault)) throw error;
    const { kind, field, expected, found } = error;
    console.log(JSON.stringify({ fault: { kind, field, expected, found } }));
  }
}
