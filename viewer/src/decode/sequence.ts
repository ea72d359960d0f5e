/** Header and table of a sequence of frames (FORMAT.md, "Sequences"), with the checks of Python's `parse_sequence`. */
import { FormatError, type FaultKind } from "../errors.ts";
import { crc32 } from "./crc32.ts";

export const SEQUENCE_VERSION = 2;
/** Bytes that tell a sequence from a scene. */
export const PROBE = 6;
const MAGIC = [0x47, 0x53, 0x5a, 0x1a];
const PREFIX = 16;
const LEAST = 32;
const ENTRY = 24;
const MAX_FRAMES = 2 ** 20;
const MAX_RATE = 2 ** 24;

/** A frame, in the order of the file. */
export interface FrameEntry {
  /** Its place in time, from 0. */
  frame: number;
  /** Entry of the frame that it follows; its own for a key frame. */
  reference: number;
  splats: number;
  /** Of the payload in the file, bytes. */
  offset: number;
  size: number;
}

export interface Sequence {
  /** Frames a second. */
  rate: number;
  /** Frames of the whole file. */
  frames: number;
  /** Those whose payloads are there. */
  entries: FrameEntry[];
  /** Bytes of the whole file. */
  size: number;
}

/** Whether a file that begins with `head` is a sequence. */
export function isSequence(head: ArrayLike<number>): boolean {
  return head.length >= PROBE && MAGIC.every((byte, i) => head[i] === byte) && head[4] + 256 * head[5] === SEQUENCE_VERSION;
}

/**
 * @param bytes a file, or the beginning of one that ends where a frame ends (with `partial`: anywhere after the table).
 * @throws FormatError
 */
export function parseSequence(bytes: Uint8Array, partial = false): Sequence {
  const wrong = (kind: FaultKind, field: string, expected: string | number, found: string | number) =>
    new FormatError({ kind, field, expected: `${expected}`, found: `${found}` });
  if (bytes.length < PREFIX || !isSequence(bytes)) throw wrong("unsupported", "header.version", SEQUENCE_VERSION, "another");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const u32 = (at: number) => view.getUint32(at, true);
  const flags = view.getUint16(6, true);
  const size = u32(8);
  if (flags) throw wrong("unsupported", "header.flags", 0, `${flags} (a newer gscompress wrote this file)`);
  if (size < LEAST + ENTRY || (size - LEAST) % ENTRY) throw wrong("corrupt", "header.header_size", `${LEAST} and ${ENTRY} a frame`, size);
  if (bytes.length < size) throw wrong("truncated", "header", `${size} bytes`, `${bytes.length} bytes`);
  if (crc32(bytes.subarray(PREFIX, size)) !== u32(12)) throw wrong("corrupt", "header.crc32", "the checksum of the header", "another");
  const [frames, numerator, denominator, reserved] = [16, 20, 24, 28].map(u32);
  const count = (size - LEAST) / ENTRY;
  if (frames !== count || frames > MAX_FRAMES) throw wrong("corrupt", "header.frames", `${count}, at most ${MAX_FRAMES}`, frames);
  for (const [field, value] of [["rate_numerator", numerator], ["rate_denominator", denominator]] as const) {
    if (value < 1 || value > MAX_RATE) throw wrong("corrupt", `header.${field}`, `1 to ${MAX_RATE}`, value);
  }
  if (reserved) throw wrong("corrupt", "header.reserved", 0, reserved);

  const entries: FrameEntry[] = [];
  const seen = new Uint8Array(frames);
  let [offset, whole] = [size, true];
  for (let i = 0; i < frames; i++) {
    const [frame, reference, splats, length, crc, zero] = [0, 4, 8, 12, 16, 20].map((at) => u32(LEAST + ENTRY * i + at));
    if (frame >= frames || seen[frame]) throw wrong("corrupt", `frame ${i}.frame`, `each of 0 to ${frames - 1} once`, frame);
    seen[frame] = 1;
    if (reference > i) throw wrong("corrupt", `frame ${i}.reference`, `at most ${i}`, reference);
    if (zero) throw wrong("corrupt", `frame ${i}.reserved`, 0, zero);
    const end = offset + length;
    if (whole && end > bytes.length) {
      whole = false;
      if (offset !== bytes.length && !partial) throw wrong("truncated", `frame ${i}`, `${length} bytes`, `${bytes.length - offset} bytes`);
    }
    if (whole) {
      if (crc32(bytes.subarray(offset, end)) !== crc) throw wrong("corrupt", `frame ${i}.crc32`, "the checksum of the payload", "another");
      entries.push({ frame, reference, splats, offset, size: length });
    }
    offset = end;
  }
  if (whole && offset !== bytes.length) throw wrong("corrupt", "file", `${offset} bytes`, `${bytes.length} bytes`);
  return { rate: numerator / denominator, frames, entries, size: offset };
}
