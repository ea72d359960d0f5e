/**
 * What the page's readers make of files, for tests/viewer to compare with Python's.
 *
 *     node tests/verdicts.mjs < [{"path": ..., "partial": false}, ...]
 *
 * Prints a JSON list: of each file {splats, sha256}, of a sequence {frames: [{splats, sha256}, ...]}, or {kind, field}; anything but
 * a FormatError ends the program.
 */
import { openAsBlob, readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { checksums, checksumsOf, decode, load, sequenceOf } from "./decoding.mjs";

const { isSequence } = await load("decode/sequence");
const { recognise, readSplats } = await load("formats/index");

async function read({ path, partial = false, sizes }) {
  const blob = await openAsBlob(path);
  const format = path.endsWith(".gsz") ? "gsz" : await recognise(blob);
  if (format !== "gsz") {
    const { splats, droppedRows } = await readSplats(blob, format);
    return { format, splats: splats.count, droppedRows, antialiased: splats.antialiased, sha256: checksumsOf(splats) };
  }
  const bytes = new Uint8Array(readFileSync(path));
  if (isSequence(bytes)) {
    const source = await sequenceOf(bytes, { partial });
    const frames = [];
    for (const { frame } of source.sequence.entries) {
      const splats = await source.frame(frame);
      frames[frame] = { splats: splats.count, antialiased: splats.antialiased, sha256: checksumsOf(splats) };
    }
    return { format: "sequence", frames };
  }
  const { splats } = await decode(bytes, { partial, sizes });
  return { format, splats: splats.count, antialiased: splats.antialiased, sha256: checksums(bytes, splats) };
}

const verdicts = [];
for (const file of JSON.parse(await text(process.stdin))) {
  try {
    verdicts.push(await read(file));
  } catch (error) {
    if (error.name !== "FormatError") throw error;
    verdicts.push({ kind: error.kind, field: error.field });
  }
}
console.log(JSON.stringify(verdicts));
