import type { Splats } from "../splats.ts";
import { Assembly } from "./assembly.ts";
import BlockWorker from "./block.worker.ts?worker&inline";
import type { ByteReader } from "./byte_reader.ts";
import { ABOUT, ANCHORS, BASIS, CONDITION, Decoder, GEOMETRY, type Head, HARMONICS, LEAST_HEAD, NETWORKS } from "./decoder.ts";
import { FormatFault } from "./faults.ts";
import type { FromWorker, ToWorker } from "./messages.ts";

/** What decoding tells on its way. */
export interface DecodeEvents {
  /** Header and table; `about` comes later, if at all. */
  head(head: Head): void;
  /** What the encoder says of itself. */
  about(about: Record<string, unknown>): void;
  /** The scene so far; `keep` first rows are as they were before. The arrays are written to until the end. */
  splats(splats: Splats, keep: number): void;
}

const MOST_WORKERS = 4;
/** A head says how long it is; nobody has so many sections. */
const MOST_HEAD_BYTES = 1 << 24;
/** Milliseconds between two pictures of a scene that comes in. */
const SHOW_EVERY_MS = 250;

/**
 * Decodes a .gsz file while it comes in: blocks in parallel, in workers; every beginning of the file is a scene.
 *
 * @returns whether the file was whole; one that ends between two sections is a coarser scene.
 * @throws FormatFault for anything else that is wrong with it; what was decoded until then has been told.
 */
export async function decodeGsz(bytes: ByteReader, module: WebAssembly.Module, events: DecodeEvents, signal: AbortSignal): Promise<boolean> {
  const reader = await Decoder.of(module);
  const size = reader.headSize(await padded(bytes)) ?? LEAST_HEAD;
  if (size > MOST_HEAD_BYTES) throw new FormatFault("corrupt", "header.size", `at most ${MOST_HEAD_BYTES} bytes`, String(size));
  const headBytes = await bytes.take(size);
  const head = reader.open(headBytes);
  events.head(head);
  const scene = new Assembly(head);
  let shown = -Infinity;
  const show = (last: boolean): void => {
    const now = performance.now();
    if (scene.count === 0 || (!last && now - shown < SHOW_EVERY_MS)) return;
    shown = now;
    const { splats, keep } = scene.taken();
    events.splats(splats, keep);
  };
  const pool = new Pool(module, head, headBytes, (index, rows) => {
    scene.put(index, rows, head.sections[index].splats);
    show(false);
  });
  const stop = (): void => pool.end();
  signal.addEventListener("abort", stop);
  let cut: FormatFault | null = null;
  const all = sections(bytes, reader, head, pool, events).catch((error: unknown) => {
    if (!(error instanceof FormatFault && error.kind === "truncated")) throw error;
    cut = error; // what is there is worth a look all the same
    return false;
  });
  try {
    const whole = await pool.watched(all);
    await pool.finished();
    show(true);
    if (cut) throw cut;
    return whole;
  } finally {
    signal.removeEventListener("abort", stop);
    pool.end();
  }
}

/** The first bytes, zeros where there are fewer; they stay. */
async function padded(bytes: ByteReader): Promise<Uint8Array> {
  const out = new Uint8Array(LEAST_HEAD);
  out.set(await bytes.peek(LEAST_HEAD));
  return out;
}

/** Hands sections on as they come; false where the file ends between two of them. */
async function sections(bytes: ByteReader, reader: Decoder, head: Head, pool: Pool, events: DecodeEvents): Promise<boolean> {
  for (const [index, section] of head.sections.entries()) {
    if ((await bytes.fill(1)) === 0 && section.size > 0) return false;
    const payload = await bytes.take(section.size);
    if (payload.length < section.size) throw new FormatFault("truncated", `section ${index}`, `${section.size} bytes`, `${payload.length} bytes; the file was cut`);
    switch (section.type) {
      case GEOMETRY:
      case ANCHORS:
      case HARMONICS:
        pool.chunk(index, section.block, payload);
        break;
      case BASIS:
      case NETWORKS:
      case CONDITION:
        pool.all(index, payload);
        break;
      default:
        reader.take(index, payload);
        if (section.type === ABOUT) events.about(parsed(payload));
    }
  }
  const more = await bytes.fill(1);
  if (more > 0) throw new FormatFault("corrupt", "file", "no bytes after the last section", `${more} or more`);
  return true;
}

/** Ancillary: whatever is wrong with it, the scene is sound. */
function parsed(payload: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(payload));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** Workers, each with blocks of its own. */
class Pool {
  readonly #workers: Worker[];
  readonly #ended: Promise<void>;
  #fail: (error: Error) => void = () => {};
  readonly #failed: Promise<never>;

  constructor(module: WebAssembly.Module, head: Head, headBytes: Uint8Array, rows: (index: number, rows: Float32Array<ArrayBuffer>) => void) {
    this.#failed = new Promise((_, reject) => (this.#fail = reject));
    this.#failed.catch(() => {}); // whoever waits hears of it
    const count = Math.max(1, Math.min(MOST_WORKERS, navigator.hardwareConcurrency || 1, head.blocks));
    this.#workers = Array.from({ length: count }, () => new BlockWorker());
    const finished = this.#workers.map(
      (worker) =>
        new Promise<void>((resolve) => {
          worker.onerror = (event): void => this.#fail(new Error(event.message || "a decoding worker ended"));
          worker.onmessage = ({ data }: MessageEvent<FromWorker>): void => {
            if (data.kind === "rows") rows(data.index, data.rows);
            else if (data.kind === "finished") resolve();
            else this.#fail(data.fault ? new FormatFault(data.fault.kind, data.fault.field, data.fault.expected, data.fault.found) : new Error(data.message));
          };
        }),
    );
    this.#ended = Promise.all(finished).then(() => {});
    for (const worker of this.#workers) post(worker, { kind: "open", module, head: headBytes });
  }

  /** A section that every block needs. */
  all(index: number, payload: Uint8Array): void {
    for (const worker of this.#workers) post(worker, { kind: "section", index, payload });
  }

  chunk(index: number, block: number, payload: Uint8Array<ArrayBuffer>): void {
    post(this.#workers[block % this.#workers.length], { kind: "section", index, payload }, [payload.buffer]);
  }

  /** `work`, or the first fault of a worker. */
  watched<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#failed]);
  }

  async finished(): Promise<void> {
    for (const worker of this.#workers) post(worker, { kind: "finish" });
    await this.watched(this.#ended);
  }

  end(): void {
    for (const worker of this.#workers) worker.terminate();
    this.#fail(new Error("stopped"));
  }
}

const post = (worker: Worker, message: ToWorker, transfer: Transferable[] = []): void => worker.postMessage(message, transfer);
