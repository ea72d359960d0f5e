import { coefficients } from "../allocate.ts";
import { FormatError } from "../errors.ts";
import type { Splats } from "../splats.ts";
import { Program } from "./program.ts";
import type { FrameEntry } from "./sequence.ts";

/** Slots of the program: the key frame that is kept, and two to go along a chain of frames that follow each other. */
const [KEY, CHAIN] = [0, [1, 2]];
const MAX_BYTES = 1.5e9;

/** Decodes single frames. A key frame is kept until another one is wanted, as in Python's `SequenceReader`. */
export class FrameDecoder {
  private readonly module: WebAssembly.Module;
  private readonly entries: readonly FrameEntry[];
  private readonly payload: (entry: FrameEntry) => Promise<Uint8Array>;
  private program: Program | null = null;
  private kept = -1;

  /** @param payload gives an entry's bytes. */
  constructor(module: WebAssembly.Module, entries: readonly FrameEntry[], payload: (entry: FrameEntry) => Promise<Uint8Array>) {
    this.module = module;
    this.entries = entries;
    this.payload = payload;
  }

  /**
   * One frame, by the index of its entry; its arrays are of one buffer of their own.
   *
   * @throws FormatError
   */
  async frame(index: number): Promise<Splats> {
    try {
      return this.values(await this.decoded(index), index);
    } catch (error) {
      [this.program, this.kept] = [null, -1]; // it stopped in the middle of something
      throw error;
    }
  }

  /** Decodes the frames from the key frame on; the slot that holds the last. */
  private async decoded(index: number): Promise<number> {
    this.program ??= await Program.create(this.module);
    const chain = [index];
    while (chain[0] !== this.kept && this.entries[chain[0]].reference !== chain[0]) chain.unshift(this.entries[chain[0]].reference);
    let slot = KEY;
    for (const [i, at] of chain.entries()) {
      if (at === this.kept) continue;
      const entry = this.entries[at];
      const bytes = await this.payload(entry);
      const from = slot;
      slot = i === 0 ? KEY : CHAIN[i % 2];
      if (i === 0) this.kept = -1;
      const splats = i === 0 ? this.program.keyFrame(slot, bytes) : this.program.followingFrame(from, slot, bytes);
      if (splats !== entry.splats) throw new FormatError({ kind: "corrupt", field: `frame ${at}.splats`, expected: `${splats}`, found: `${entry.splats}` });
      if (i === 0) this.kept = at;
    }
    return slot;
  }

  private values(slot: number, index: number): Splats {
    const { shRest, antialiased } = this.program!.frameKind(slot);
    const [count, shDegree] = [this.entries[index].splats, Math.sqrt(1 + shRest) - 1];
    const most = Math.floor(MAX_BYTES / (4 * (11 + 3 * (1 + shRest))));
    if (count > most) throw new FormatError({ kind: "unsupported", field: `frame ${index}.splats`, expected: `at most ${most}`, found: `${count}` });
    const values = this.program!.frameValues(slot);
    let at = 0;
    const next = (width: number) => values.subarray(at, (at += width * count));
    return {
      count, shDegree, antialiased,
      means: next(3), quats: next(4), logScales: next(3), opacityLogits: next(1), sh: next(3 * coefficients(shDegree)),
    };
  }
}
