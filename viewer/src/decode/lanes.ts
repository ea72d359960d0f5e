import { FormatError } from "../errors.ts";
import { isChunk, type Head, type Section } from "./head.ts";
import type { Lane, OpenLane, Reply } from "./lane.ts";

/** How a file is decoded: the compiled decoder, and where it runs. */
export interface Workshop {
  module: WebAssembly.Module;
  openLane: OpenLane;
  /** Lanes at most. */
  lanes: number;
  /** Blocks that are decoded at the same time at most, each taking about 1 MB beside its splats; 256 if not given. */
  openBlocks?: number;
}

/**
 * Shares a file's blocks among lanes. A block stays with its lane, for its chunks build on each other. In a file with very many
 * blocks the chunks wait for the end of the file, and then go block by block.
 */
export class Lanes {
  private readonly module: WebAssembly.Module;
  private readonly lanes: Lane[];
  /** Lane of each block. */
  private readonly laneOf: Uint8Array;
  private readonly lastChunkOf: Map<number, number>;
  private readonly waiting: { section: Section; payload: Uint8Array<ArrayBuffer> }[] = [];
  private readonly waits: boolean;
  private underWay = 0;
  private whenIdle: (() => void) | null = null;

  /**
   * @param onValues gets what `Program.section` gives of every section that was sent.
   * @param onFault is told what stops everything.
   */
  constructor(head: Head, workshop: Workshop, onValues: (section: Section, values: Float32Array) => void, onFault: (error: Error) => void) {
    const { openLane, lanes, openBlocks = 256 } = workshop;
    const count = Math.max(1, Math.min(lanes, head.blocks));
    this.module = workshop.module;
    this.laneOf = share(head, count);
    this.waits = head.blocks > openBlocks;
    this.lastChunkOf = new Map(head.sections.filter(isChunk).map(({ block, index }) => [block, index]));
    const onReply = (reply: Reply) => {
      if (reply.kind === "fault") return onFault(new FormatError(reply.fault));
      onValues(head.sections[reply.index], reply.values);
      if (--this.underWay === 0) this.whenIdle?.();
    };
    this.lanes = Array.from({ length: count }, () => openLane(onReply));
  }

  open(head: Uint8Array): void {
    for (const lane of this.lanes) lane.send({ kind: "open", module: this.module, head: head.slice() });
  }

  /** Sends a payload to those who need it. */
  send(section: Section, payload: Uint8Array<ArrayBuffer>): void {
    if (!isChunk(section)) for (const lane of this.lanes) this.post(lane, section, payload.slice());
    else if (this.waits) this.waiting.push({ section, payload });
    else this.post(this.lanes[this.laneOf[section.block]], section, payload);
  }

  /** Waits until everything sent is decoded. */
  async finish(): Promise<void> {
    this.waiting.sort((a, b) => a.section.block - b.section.block || a.section.index - b.section.index);
    this.waiting.forEach(({ section, payload }, i) => {
      const closes = this.waiting[i + 1]?.section.block !== section.block;
      this.post(this.lanes[this.laneOf[section.block]], section, payload, closes);
    });
    if (this.underWay > 0) await new Promise<void>((resolve) => (this.whenIdle = resolve));
  }

  stop(): void {
    for (const lane of this.lanes) lane.stop();
  }

  private post(lane: Lane, { index, block }: Section, payload: Uint8Array<ArrayBuffer>, closes = this.lastChunkOf.get(block) === index): void {
    this.underWay++;
    lane.send({ kind: "section", index, payload, closes: closes ? block : null });
  }
}

/** Gives the largest blocks away first, each to the lane that has least. */
function share(head: Head, lanes: number): Uint8Array {
  const sizes = new Float64Array(head.blocks);
  for (const s of head.sections) if (isChunk(s)) sizes[s.block] += s.size;
  const loads = new Float64Array(lanes);
  const laneOf = new Uint8Array(head.blocks);
  for (const block of Array.from(sizes.keys()).sort((a, b) => sizes[b] - sizes[a])) {
    laneOf[block] = loads.indexOf(Math.min(...loads));
    loads[laneOf[block]] += sizes[block];
  }
  return laneOf;
}
