/** Decoding in node, for tests and benchmarks: the page's modules, with lanes on this thread or in worker threads. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { runnerImport } from "vite";

const SOURCE = new URL("../src/", import.meta.url);

/** A module of viewer/src. */
export const load = async (name) => (await runnerImport(fileURLToPath(new URL(`${name}.ts`, SOURCE)), { logLevel: "error" })).module;

const { decodeStream } = await load("decode/stream");
const { openHere } = await load("decode/lane");
export const { readHead, isChunk } = await load("decode/head");

const { openFramesHere } = await load("decode/frame_lane");
const { SequenceSource } = await load("decode/sequence_source");

export const compile = () => WebAssembly.compile(readFileSync(new URL("decode/decoder.wasm", SOURCE)));
const module = await compile();

/** A stream of `bytes` in pieces of these sizes, over and over. */
export function streamOf(bytes, sizes = [65536]) {
  let at = 0;
  let piece = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, (at += sizes[piece++ % sizes.length])));
    },
  });
}

/** Decodes to the end: the last update, and what was said on the way. */
export const decode = (bytes, { sizes, ...options } = {}) => decodeFrom(streamOf(bytes, sizes), options);

export async function decodeFrom(source, { lanes = 3, openBlocks, openLane = openHere, onSplats, ...options }) {
  const infos = [];
  const progress = [];
  let last = null;
  const handlers = {
    onInfo: (info) => infos.push(info),
    onProgress: (received, splats) => progress.push({ received, splats }),
    onSplats(update) {
      last = update;
      onSplats?.(update);
    },
  };
  await decodeStream(source, { module, openLane, lanes, openBlocks }, handlers, options);
  return { ...last, infos, progress };
}

/** The frames of a sequence. */
export const sequenceOf = (bytes, { lanes = 2, ...options } = {}) => SequenceSource.open(new Blob([bytes]), { module, openLane: openFramesHere, lanes }, options);

const ARRAYS = { means: "means", quats: "quats", log_scales: "logScales", opacity_logits: "opacityLogits", sh: "sh" };

/** Checksums of rows [first, first + n) of the arrays, one such piece after the other. */
export function checksumsOf(splats, pieces = [{ first: 0, splats: splats.count }]) {
  return Object.fromEntries(
    Object.entries(ARRAYS).map(([name, key]) => {
      const hash = createHash("sha256");
      const width = splats.count ? splats[key].length / splats.count : 0;
      for (const { first, splats: n } of pieces) hash.update(splats[key].slice(width * first, width * (first + n)));
      return [name, hash.digest("hex")];
    }),
  );
}

/** The same of a decoded file, with the rows as the native decoder has them: block after block, in each layer after layer. */
export function checksums(bytes, splats) {
  const head = readHead(bytes.subarray(0, new DataView(bytes.buffer, bytes.byteOffset).getUint32(8, true)));
  let row = 0;
  const chunks = head.sections.filter((s) => isChunk(s) && s.kind !== "harmonics").map((s) => ({ ...s, first: (row += s.splats) - s.splats }));
  const here = chunks.filter(({ first, splats: n }) => first + n <= splats.count);
  return checksumsOf(splats, here.sort((a, b) => a.block - b.block || a.layer - b.layer));
}
