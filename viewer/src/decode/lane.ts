import { FormatError, type Fault } from "../errors.ts";
import { Program } from "./program.ts";

/** What a lane, a thread that decodes some of a file's blocks, is asked. The head comes first, then sections in order. */
export type Request =
  | { kind: "open"; module: WebAssembly.Module; head: Uint8Array<ArrayBuffer> }
  | { kind: "section"; index: number; payload: Uint8Array<ArrayBuffer>; closes: number | null };

/** One answer to each section, in order; after a fault nothing more comes. */
export type Reply = { kind: "values"; index: number; values: Float32Array<ArrayBuffer> } | { kind: "fault"; fault: Fault };

export interface Lane {
  /** What is in the request's memory is the lane's from now on. */
  send(request: Request): void;
  stop(): void;
}

/** Opens a lane that sends its answers to `onReply`. */
export type OpenLane = (onReply: (reply: Reply) => void) => Lane;

/** The work of a lane, wherever it runs. */
export class LaneWork {
  private readonly reply: (reply: Reply) => void;
  private program: Program | null = null;
  private before: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(reply: (reply: Reply) => void) {
    this.reply = reply;
  }

  take(request: Request): void {
    this.before = this.before.then(() => (this.stopped ? undefined : this.work(request))).catch((error: unknown) => this.fail(error));
  }

  stop(): void {
    this.stopped = true;
    this.program = null;
  }

  private async work(request: Request): Promise<void> {
    if (request.kind === "open") {
      this.program = await Program.create(request.module);
      this.program.open(request.head);
      return;
    }
    const values = this.program!.section(request.index, request.payload);
    if (request.closes !== null) this.program!.close(request.closes);
    this.reply({ kind: "values", index: request.index, values });
  }

  private fail(error: unknown): void {
    this.stop();
    const { fault } =
      error instanceof FormatError ? error : new FormatError({ kind: "unsupported", field: "decoder", expected: "a browser that runs it", found: String(error) });
    this.reply({ kind: "fault", fault });
  }
}

/** A lane on the thread that opens it: for tests, and where there are no workers. */
export const openHere: OpenLane = (onReply) => {
  const work = new LaneWork(onReply);
  return { send: (request) => work.take(request), stop: () => work.stop() };
};
