import { FormatError } from "../errors.ts";
import { ByteQueue, piecesOf } from "./byte_queue.ts";
import { GrowingScene, type SceneUpdate } from "./growing_scene.ts";
import { isAncillary, isChunk, readHead, type Head, type Section } from "./head.ts";
import { describe, readAbout, type Arrived, type FileInfo } from "./info.ts";
import { Lanes, type Workshop } from "./lanes.ts";
import { Program } from "./program.ts";

export interface Handlers {
  /** When the head has come, and again at the end. */
  onInfo?(info: FileInfo): void;
  /** After every layer, while one comes every now and then, and at the end. Its arrays stay the scene's: they are not to be changed. */
  onSplats(update: SceneUpdate): void;
  /** Bytes that have come, and splats that have been decoded. */
  onProgress?(bytes: number, splats: number): void;
}

export interface DecodeOptions {
  signal?: AbortSignal;
  /** Takes the whole chunks of a file that ends inside one, instead of refusing it. */
  partial?: boolean;
  /** Bytes that the decoded scene may take, 1.5e9 if not given; a file that says it takes more is refused before anything is allocated. */
  maxBytes?: number;
  /** Milliseconds between updates while a layer comes; 250 if not given. */
  interval?: number;
}

const PREFIX = 16; // bytes that tell how long the head is
const MAX_HEAD = 270 + 24 * 65536; // bytes; some thousand sections are enough for any scene that fits into memory

/**
 * Decodes a .gsz file while it comes.
 *
 * Memory: the scene's arrays (44 + 12 K bytes a splat, K coefficients a channel), the bytes that have come and are not decoded
 * yet, and in the lanes about 250 bytes a splat, 1 MB for each of the blocks, and twice the values of the largest chunk.
 *
 * @throws FormatError what is wrong with the file, with some of its scene perhaps already given out; or the signal's reason.
 */
export async function decodeStream(source: ReadableStream<Uint8Array> | Blob, workshop: Workshop, handlers: Handlers, options: DecodeOptions = {}): Promise<void> {
  const { signal } = options;
  signal?.throwIfAborted();
  const pieces = piecesOf(source);
  let give!: (reason: unknown) => void;
  const givenUp = new Promise<never>((_, reject) => (give = reject));
  const onAbort = () => give(signal!.reason);
  signal?.addEventListener("abort", onAbort);
  const decoding = new Decoding(pieces, workshop, handlers, options, give);
  try {
    await Promise.race([decoding.run(), givenUp]);
  } finally {
    signal?.removeEventListener("abort", onAbort);
    decoding.stop();
    pieces.stop("decoding has ended");
  }
}

class Decoding {
  private readonly queue: ByteQueue;
  private lanes: Lanes | null = null;
  private scene: GrowingScene | null = null;
  private over = false;
  private told = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly arrived: Arrived = { sections: 0, bytes: 0, anchors: 0, about: {} };
  private readonly workshop: Workshop;
  private readonly handlers: Handlers;
  private readonly options: DecodeOptions;
  private readonly onFault: (error: unknown) => void;

  /** @param onFault is told what happens while `run` waits for something else. */
  constructor(pieces: AsyncIterator<Uint8Array>, workshop: Workshop, handlers: Handlers, options: DecodeOptions, onFault: (error: unknown) => void) {
    this.workshop = workshop;
    this.handlers = handlers;
    this.options = options;
    this.onFault = onFault;
    this.queue = new ByteQueue(pieces, () => this.tellProgress());
  }

  async run(): Promise<void> {
    const program = await Program.create(this.workshop.module);
    const bytes = await this.readHead(program);
    if (this.over) return;
    const head = readHead(bytes);
    this.scene = new GrowingScene(head, this.options.maxBytes);
    this.tellInfo(head);
    this.lanes = this.openLanes(head, bytes);
    await this.readSections(head, program);
    await this.lanes.finish();
    if (this.over) return;
    this.tellInfo(head);
    this.tellSplats(true);
  }

  stop(): void {
    this.over = true;
    clearTimeout(this.timer);
    this.lanes?.stop();
  }

  /** Header and table, checked. */
  private async readHead(program: Program): Promise<Uint8Array<ArrayBuffer>> {
    await this.queue.fill(PREFIX);
    const first = this.queue.take(PREFIX);
    const size = program.headSize(first);
    if (size > MAX_HEAD) throw new FormatError({ kind: "unsupported", field: "header.size", expected: `at most ${MAX_HEAD} bytes`, found: `${size}` });
    this.queue.putBack(first);
    await this.queue.fill(size);
    const bytes = this.queue.take(size);
    program.open(bytes);
    return bytes;
  }

  private openLanes(head: Head, bytes: Uint8Array): Lanes {
    const lanes = new Lanes(head, this.workshop, (section, values) => this.take(section, values), this.onFault);
    lanes.open(bytes);
    return lanes;
  }

  /** Every section that comes goes to its lane; what is ancillary is only checked. */
  private async readSections(head: Head, program: Program): Promise<void> {
    for (const section of head.sections) {
      if (!(await this.queue.fill(section.size))) return this.cut(section);
      if (this.over) return;
      const payload = this.queue.take(section.size);
      this.arrived.sections++;
      if (section.kind === "about") this.arrived.about = readAbout(payload);
      if (section.kind === "anchors" && payload.length >= 4) this.arrived.anchors += new DataView(payload.buffer).getUint32(0, true);
      if (isAncillary(section)) program.section(section.index, payload);
      else this.lanes!.send(section, payload);
    }
    if (await this.queue.fill(1)) {
      const end = this.queue.received - this.queue.size;
      throw new FormatError({ kind: "corrupt", field: "file", expected: `${end} bytes`, found: `${this.queue.received} or more` });
    }
  }

  /** The file ends before the end of a section. */
  private cut({ index, size }: Section): void {
    const { size: left } = this.queue;
    if (left > 0 && !this.options.partial)
      throw new FormatError({ kind: "truncated", field: `section ${index}`, expected: `${size} bytes`, found: `${left} bytes` });
  }

  private take(section: Section, values: Float32Array): void {
    if (!isChunk(section)) return;
    this.guarded(() => {
      const scene = this.scene!;
      scene.add(section, values);
      this.tellProgress();
      if (scene.layerDone) this.tellSplats(false);
      else if (scene.pending) this.tellSoon();
    });
  }

  private tellInfo(head: Head): void {
    this.arrived.bytes = this.queue.received;
    this.handlers.onInfo?.(describe(head, this.arrived));
    this.told = performance.now();
  }

  private tellSplats(complete: boolean): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.handlers.onSplats(this.scene!.update(complete));
    this.told = performance.now();
  }

  /** Tells what there is when the interval has passed, even if nothing more comes until then. */
  private tellSoon(): void {
    const left = this.told + (this.options.interval ?? 250) - performance.now();
    if (left <= 0) return this.tellSplats(false);
    this.timer ??= setTimeout(() => this.guarded(() => this.tellSplats(false)), left);
  }

  /** Runs what may throw outside of `run`. */
  private guarded(work: () => void): void {
    try {
      if (!this.over) work();
    } catch (error) {
      this.onFault(error);
    }
  }

  private tellProgress(): void {
    if (!this.over) this.handlers.onProgress?.(this.queue.received, this.scene?.count ?? 0);
  }
}
