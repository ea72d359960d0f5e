import type { FormatFault } from "./faults.ts";

/** To a worker that decodes some blocks of a file. */
export type ToWorker =
  | { kind: "open"; module: WebAssembly.Module; head: Uint8Array }
  /** A section that every block needs, or a chunk of one of the worker's blocks. */
  | { kind: "section"; index: number; payload: Uint8Array }
  /** No more sections come. */
  | { kind: "finish" };

export type FromWorker =
  /** Rows as `Decoder.rows` gives them, of a chunk of geometry, with or without its harmonics. */
  | { kind: "rows"; index: number; rows: Float32Array<ArrayBuffer> }
  | { kind: "finished" }
  | { kind: "fault"; fault: Pick<FormatFault, "kind" | "field" | "expected" | "found"> | null; message: string };
