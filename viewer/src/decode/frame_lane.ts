import { FormatError, type Fault } from "../errors.ts";
import type { Splats } from "../splats.ts";
import { FrameDecoder } from "./frame_decoder.ts";
import type { FrameEntry } from "./sequence.ts";

/** What a lane of frames is asked: the file first, then frames by their entries' indices. */
export type FrameRequest = { kind: "sequence"; module: WebAssembly.Module; file: Blob; entries: FrameEntry[] } | { kind: "frame"; index: number };

/** One answer to each frame, in order. */
export type FrameReply = { kind: "frame"; index: number; splats: Splats } | { kind: "no frame"; index: number; fault: Fault };

export interface FrameLane {
  send(request: FrameRequest): void;
  stop(): void;
}

export type OpenFrameLane = (onReply: (reply: FrameReply) => void) => FrameLane;

/** The work of a lane, wherever it runs. A frame that cannot be decoded leaves the others as they are. */
export class FrameWork {
  private readonly reply: (reply: FrameReply) => void;
  private decoder: FrameDecoder | null = null;
  private before: Promise<void> = Promise.resolve();

  constructor(reply: (reply: FrameReply) => void) {
    this.reply = reply;
  }

  take(request: FrameRequest): void {
    if (request.kind === "sequence") {
      const { module, file, entries } = request;
      const payload = async ({ offset, size }: FrameEntry) => new Uint8Array(await file.slice(offset, offset + size).arrayBuffer());
      this.decoder = new FrameDecoder(module, entries, payload);
    } else {
      this.before = this.before.then(() => this.work(request.index));
    }
  }

  stop(): void {
    this.decoder = null;
  }

  private async work(index: number): Promise<void> {
    if (this.decoder === null) return;
    try {
      this.reply({ kind: "frame", index, splats: await this.decoder.frame(index) });
    } catch (error) {
      const { fault } =
        error instanceof FormatError ? error : new FormatError({ kind: "unsupported", field: "decoder", expected: "a browser that runs it", found: String(error) });
      this.reply({ kind: "no frame", index, fault });
    }
  }
}

/** A lane on the thread that opens it: for tests, and where there are no workers. */
export const openFramesHere: OpenFrameLane = (onReply) => {
  const work = new FrameWork(onReply);
  return { send: (request) => work.take(request), stop: () => work.stop() };
};
