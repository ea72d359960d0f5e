import { FormatError } from "../errors.ts";
import type { Splats } from "../splats.ts";
import type { FrameLane, FrameReply, OpenFrameLane } from "./frame_lane.ts";
import { parseSequence, type FrameEntry, type Sequence } from "./sequence.ts";

/** Where frames are decoded. */
export interface FrameWorkshop {
  module: WebAssembly.Module;
  openLane: OpenFrameLane;
  lanes: number;
}

/** Bytes of decoded frames that are kept. */
const KEPT_BYTES = 4e8;

export interface FrameHandlers {
  /** A frame that was wanted is there. */
  onFrame?(frame: number): void;
  /** A frame cannot be decoded; it is not asked for again. */
  onFault?(frame: number, error: FormatError): void;
}

const bytesOf = (splats: Splats) => splats.means.buffer.byteLength;

/** The frames of a sequence, decoded in workers when they are wanted, the most urgent first; the latest are kept. */
export class SequenceSource {
  readonly sequence: Sequence;
  /** Entry of each frame that is there. */
  private readonly indexOf = new Map<number, number>();
  /** Key frame's entry of each entry. */
  private readonly keyOf: number[] = [];
  private readonly lanes: { lane: FrameLane; at: number | null; key: number; since: number }[];
  private readonly decoded = new Map<number, Splats>();
  private readonly faults = new Map<number, FormatError>();
  private readonly waiting = new Map<number, { give: (splats: Splats) => void; fail: (error: unknown) => void }[]>();
  private readonly maxBytes: number;
  private wanted: number[] = [];
  private bytes = 0;
  /** Bytes of a frame, at most. */
  private largest = 0;
  private stopped = false;
  /** Milliseconds that a frame takes, about. */
  frameMs = 0;
  handlers: FrameHandlers = {};

  /** @throws FormatError what is wrong with the table, or with a payload's checksum. */
  static async open(file: Blob, workshop: FrameWorkshop, options: { partial?: boolean; maxBytes?: number } = {}): Promise<SequenceSource> {
    return new SequenceSource(file, parseSequence(new Uint8Array(await file.arrayBuffer()), options.partial), workshop, options.maxBytes);
  }

  private constructor(file: Blob, sequence: Sequence, workshop: FrameWorkshop, maxBytes = KEPT_BYTES) {
    this.sequence = sequence;
    this.maxBytes = maxBytes;
    const { entries } = sequence;
    entries.forEach(({ frame, reference }, i) => {
      this.indexOf.set(frame, i);
      this.keyOf.push(reference === i ? i : this.keyOf[reference]);
    });
    const count = Math.max(1, Math.min(workshop.lanes, entries.length));
    this.lanes = Array.from({ length: count }, (_, i) => {
      const lane = workshop.openLane((reply) => this.take(i, reply));
      lane.send({ kind: "sequence", module: workshop.module, file, entries });
      return { lane, at: null, key: -1, since: 0 };
    });
  }

  get complete(): boolean {
    return this.sequence.entries.length === this.sequence.frames;
  }

  get seconds(): number {
    return this.sequence.frames / this.sequence.rate;
  }

  entry(frame: number): FrameEntry | undefined {
    return this.sequence.entries[this.indexOf.get(frame) ?? -1];
  }

  /** The frame shown at a time; before the first one and after the last one, these. */
  at(seconds: number): number {
    return Math.min(Math.max(Math.floor(seconds * this.sequence.rate + 1e-9), 0), this.sequence.frames - 1);
  }

  /** A frame that has been decoded and is still kept; null of others. */
  ready(frame: number): Splats | null {
    return this.decoded.get(frame) ?? null;
  }

  /** Decodes these frames, the first one first, as many as can be kept; what was wanted before and has not begun is forgotten, but for `frame`'s. */
  want(frames: readonly number[]): void {
    const most = Math.max(1, Math.floor(this.maxBytes / Math.max(this.largest, 1)) - 1); // and the one that is shown
    this.wanted = frames.filter((frame) => this.indexOf.has(frame) && !this.faults.has(frame)).slice(0, most);
    for (const frame of this.wanted) this.touch(frame);
    this.start();
  }

  /**
   * One frame, as soon as it is decoded.
   *
   * @throws FormatError; or RangeError where it is not in the file.
   */
  frame(frame: number): Promise<Splats> {
    const known = this.ready(frame);
    if (known) return Promise.resolve(known);
    if (this.faults.has(frame)) return Promise.reject(this.faults.get(frame)!);
    if (!this.indexOf.has(frame)) return Promise.reject(new RangeError(`frame: expected one of the ${this.indexOf.size} that are there, found ${frame}`));
    return new Promise((give, fail) => {
      this.waiting.set(frame, [...(this.waiting.get(frame) ?? []), { give, fail }]);
      this.start();
    });
  }

  stop(): void {
    this.stopped = true;
    this.wanted = [];
    for (const { lane } of this.lanes) lane.stop();
    for (const { fail } of [...this.waiting.values()].flat()) fail(new DOMException("the sequence was closed", "AbortError"));
    this.waiting.clear();
    this.decoded.clear();
  }

  /** Gives every idle lane a frame: that which has its key frame, if one has. */
  private start(): void {
    if (this.stopped) return;
    const underWay = new Set(this.lanes.map(({ at }) => at));
    for (const frame of [...this.waiting.keys(), ...this.wanted]) {
      if (this.decoded.has(frame)) continue;
      const index = this.indexOf.get(frame)!;
      if (underWay.has(index)) continue;
      const idle = this.lanes.filter(({ at }) => at === null);
      const lane = idle.find(({ key }) => key === this.keyOf[index]) ?? idle[0];
      if (!lane) return;
      [lane.at, lane.key, lane.since] = [index, this.keyOf[index], performance.now()];
      underWay.add(index);
      lane.lane.send({ kind: "frame", index });
    }
  }

  private take(lane: number, reply: FrameReply): void {
    if (this.stopped) return;
    const state = this.lanes[lane];
    const took = performance.now() - state.since;
    this.frameMs += (this.frameMs ? 0.2 : 1) * (took - this.frameMs);
    state.at = null;
    const { frame } = this.sequence.entries[reply.index];
    const waiting = this.waiting.get(frame) ?? [];
    this.waiting.delete(frame);
    if (reply.kind === "frame") {
      this.keep(frame, reply.splats);
      for (const { give } of waiting) give(reply.splats);
      this.handlers.onFrame?.(frame);
    } else {
      const error = new FormatError(reply.fault);
      this.faults.set(frame, error);
      this.wanted = this.wanted.filter((other) => other !== frame);
      for (const { fail } of waiting) fail(error);
      this.handlers.onFault?.(frame, error);
    }
    this.start();
  }

  private touch(frame: number): void {
    const splats = this.decoded.get(frame);
    if (!splats) return;
    this.decoded.delete(frame); // to the end: the first is the first to go
    this.decoded.set(frame, splats);
  }

  private keep(frame: number, splats: Splats): void {
    this.decoded.set(frame, splats);
    this.bytes += bytesOf(splats);
    this.largest = Math.max(this.largest, bytesOf(splats));
    for (const [other, old] of this.decoded) {
      if (this.bytes <= this.maxBytes || other === frame) break;
      this.decoded.delete(other);
      this.bytes -= bytesOf(old);
    }
  }
}
