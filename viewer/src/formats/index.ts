/** Scene files that a page can open by itself, judged by their content. */
import { FormatError } from "../errors.ts";
import { isPacked, readPly } from "./ply.ts";
import type { Loaded } from "./rows.ts";
import { looksLikeSplat, readSplat } from "./splat.ts";

export type { Loaded } from "./rows.ts";

const HEAD = 1 << 20;
const OURS = "a .gsz, a .ply of 3D Gaussians or a .splat";

/**
 * What a file is.
 *
 * @throws FormatError of a format that the page does not read, with what does.
 */
export async function recognise(file: Blob): Promise<"gsz" | "ply" | "splat"> {
  const head = new Uint8Array(await file.slice(0, HEAD).arrayBuffer());
  const starts = (...bytes: number[]) => bytes.every((byte, i) => head[i] === byte);
  if (starts(0x47, 0x53, 0x5a, 0x1a)) return "gsz";
  if (starts(0x70, 0x6c, 0x79) && (head[3] === 10 || head[3] === 13)) {
    if (isPacked(head)) throw converted("a compressed .ply");
    return "ply";
  }
  if (starts(0x1f, 0x8b) || starts(0x4e, 0x47, 0x53, 0x50)) throw converted("a .spz");
  if (starts(0x50, 0x4b)) throw converted("a .sog (zip)");
  if (looksLikeSplat(head, file.size)) return "splat";
  const first = Array.from(head.subarray(0, 4), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  throw new FormatError({ kind: "bad magic", field: "file", expected: OURS, found: file.size ? `${file.size} bytes that begin with ${first}` : "an empty file" });
}

/** Reads a file that is not a .gsz. */
export async function readSplats(file: Blob, format: "ply" | "splat"): Promise<Loaded> {
  return format === "ply" ? readPly(file) : readSplat(file);
}

const converted = (found: string) => new FormatError({ kind: "unsupported", field: "file", expected: `${OURS}; \`gscompress view FILE\` shows other formats`, found });
