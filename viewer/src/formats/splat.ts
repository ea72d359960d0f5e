import { FormatFault } from "../decode/faults.ts";
import type { Splats } from "../splats.ts";

const ROW = 32;
const SH_C0 = 0.28209479177387814;
const [MOST_EXTENT, MOST_SCALE, SAMPLE] = [1e9, 1e6, 2048];
/** Least normal float32: the scale of a Gaussian that underflowed. */
const TINY = 1.1754943508222875e-38;

/** antimatter15's rows: float32 centre [3] and standard deviations [3], uint8 colour and opacity [4], uint8 rotation wxyz [4]. */
export function readSplat(bytes: Uint8Array): Splats {
  if (bytes.length === 0 || bytes.length % ROW) throw new FormatFault("truncated", "size", `a positive multiple of ${ROW} bytes`, String(bytes.length));
  const n = bytes.length / ROW;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const out: Splats = {
    count: n, shDegree: 0, antialiased: false, means: new Float32Array(3 * n), quats: new Float32Array(4 * n), logScales: new Float32Array(3 * n),
    opacityLogits: new Float32Array(n), sh: new Float32Array(3 * n),
  };
  for (let i = 0, at = 0; i < n; i++, at += ROW) {
    for (let j = 0; j < 3; j++) {
      out.means[3 * i + j] = view.getFloat32(at + 4 * j, true);
      out.logScales[3 * i + j] = Math.log(view.getFloat32(at + 12 + 4 * j, true) || TINY);
      out.sh[3 * i + j] = (bytes[at + 24 + j] / 255 - 0.5) / SH_C0;
    }
    const opacity = Math.min(Math.max(bytes[at + 27], 0.25), 254.75) / 255; // 0 and 1 have no logit
    out.opacityLogits[i] = Math.log(opacity / (1 - opacity));
    for (let j = 0; j < 4; j++) out.quats[4 * i + j] = (bytes[at + 28 + j] - 128) / 128;
  }
  return out;
}

/** Whether bytes without a magic may be rows of .splat: half of the first ones have sane centres and scales. */
export function looksLikeSplat(head: Uint8Array, size: number | null): boolean {
  if (head.length < ROW || (size !== null && size % ROW)) return false;
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const rows = Math.min(Math.floor(head.length / ROW), SAMPLE);
  let sane = 0;
  for (let i = 0; i < rows; i++) {
    const at = (j: number): number => view.getFloat32(ROW * i + 4 * j, true);
    sane += [0, 1, 2].every((j) => Math.abs(at(j)) < MOST_EXTENT && at(3 + j) > 0 && at(3 + j) <= MOST_SCALE) ? 1 : 0;
  }
  return 2 * sane >= rows;
}
