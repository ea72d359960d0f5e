import type { Splats } from "../splats.ts";

/** A scene from a file that is read at once. */
export interface Loaded {
  splats: Splats;
  format: "ply" | "splat";
  /** Rows left out because a value is not finite or a rotation is zero. */
  droppedRows: number;
}

/** Bytes of a file that are in memory at a time. */
const PIECE = 1 << 24;

/**
 * Reads rows of a fixed size, a piece of the file at a time.
 *
 * @param read puts the row at this byte of `view` into row `to` of the scene.
 * @returns how many rows were broken, and left out of `splats`.
 */
export async function readRows(file: Blob, start: number, rowSize: number, splats: Splats, read: (view: DataView, at: number, to: number) => void): Promise<number> {
  const rows = splats.count;
  const step = Math.max(1, Math.floor(PIECE / rowSize));
  let kept = 0;
  for (let first = 0; first < rows; first += step) {
    const end = Math.min(first + step, rows);
    const view = new DataView(await file.slice(start + first * rowSize, start + end * rowSize).arrayBuffer());
    for (let at = 0; at < view.byteLength; at += rowSize) {
      read(view, at, kept);
      if (isSound(splats, kept)) kept++;
    }
  }
  if (kept < rows) shorten(splats, kept);
  return rows - kept;
}

function isSound({ means, quats, logScales, opacityLogits, sh, count }: Splats, row: number): boolean {
  const width = sh.length / count;
  let sum = opacityLogits[row];
  for (let k = 0; k < 3; k++) sum += means[3 * row + k] + logScales[3 * row + k];
  for (let k = 0; k < width; k++) sum += sh[width * row + k];
  let turned = false;
  for (let k = 0; k < 4; k++) {
    sum += quats[4 * row + k];
    turned ||= quats[4 * row + k] !== 0;
  }
  return turned && Number.isFinite(sum);
}

function shorten(splats: Splats, count: number): void {
  for (const key of ["means", "quats", "logScales", "opacityLogits", "sh"] as const) splats[key] = splats[key].slice(0, (splats[key].length / splats.count) * count);
  splats.count = count;
}
