import { allocateSplats } from "../allocate.ts";
import { FormatError } from "../errors.ts";
import { readRows, type Loaded } from "./rows.ts";

/** Bytes of a row: f32 centre [3], f32 scale [3], u8 colour and opacity [4], u8 rotation wxyz [4] as 128 q + 128. */
const ROW = 32;
const SAMPLE = 2048;
/** Least normal float: a scale of zero is legal and invisible, its logarithm would not be finite. */
const TINY = 2 ** -126;
const SH_C0 = 0.28209479177387814;

/** Logits of opacities in 1/255; the ends stand for the middle of what rounds to them. */
const LOGITS = Float32Array.from({ length: 256 }, (_, level) => {
  const opacity = Math.min(Math.max(level, 0.25), 254.75) / 255;
  return Math.log(opacity / (1 - opacity));
});

/**
 * Whether a file without any magic is plausibly a .splat: at least half of its first rows have a centre within 1e9 units and
 * scales in (0, 1e6]. Random bytes do in about one row of a thousand.
 *
 * @param head its beginning.
 * @param size of all of it, bytes.
 */
export function looksLikeSplat(head: Uint8Array, size: number): boolean {
  if (size === 0 || size % ROW) return false;
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const rows = Math.min(Math.floor(head.length / ROW), SAMPLE);
  let sane = 0;
  for (let row = 0; row < rows; row++) {
    const at = (k: number) => view.getFloat32(ROW * row + 4 * k, true);
    if ([0, 1, 2].every((k) => Math.abs(at(k)) < 1e9 && at(3 + k) > 0 && at(3 + k) <= 1e6)) sane++;
  }
  return rows > 0 && 2 * sane >= rows;
}

/** Reads a .splat; it has no harmonics. */
export async function readSplat(file: Blob): Promise<Loaded> {
  if (file.size === 0 || file.size % ROW) throw new FormatError({ kind: "truncated", field: "size", expected: `a positive multiple of ${ROW} bytes`, found: `${file.size}` });
  const splats = allocateSplats({ count: file.size / ROW, shDegree: 0, antialiased: false }, "size");
  const droppedRows = await readRows(file, 0, ROW, splats, (view, at, to) => {
    for (let k = 0; k < 3; k++) {
      splats.means[3 * to + k] = view.getFloat32(at + 4 * k, true);
      splats.logScales[3 * to + k] = Math.log(view.getFloat32(at + 12 + 4 * k, true) || TINY);
      splats.sh[3 * to + k] = (view.getUint8(at + 24 + k) / 255 - 0.5) / SH_C0;
    }
    splats.opacityLogits[to] = LOGITS[view.getUint8(at + 27)];
    for (let k = 0; k < 4; k++) splats.quats[4 * to + k] = (view.getUint8(at + 28 + k) - 128) / 128;
  });
  return { splats, format: "splat", droppedRows };
}
