import { ANCHORS, type Decoder, GEOMETRY, type Head, HARMONICS } from "./decoder.ts";

/** Rows of a chunk of geometry. */
export type Give = (index: number, rows: Float32Array<ArrayBuffer>) => void;

/**
 * Sections as they come, decoded one by one. A chunk's Gaussians are given out with their harmonics, and before that without, if
 * there is nothing else to do or it is the first layer, so that something is seen early.
 */
export class BlockQueue {
  readonly #decoder: Decoder;
  readonly #head: Head;
  readonly #give: Give;
  readonly #waiting: { index: number; payload: Uint8Array }[] = [];
  /** Chunks of geometry that are decoded, but not given out yet. */
  readonly #held: number[] = [];

  constructor(decoder: Decoder, head: Head, give: Give) {
    [this.#decoder, this.#head, this.#give] = [decoder, head, give];
  }

  get empty(): boolean {
    return this.#waiting.length === 0;
  }

  add(index: number, payload: Uint8Array): void {
    this.#waiting.push({ index, payload });
  }

  /** Decodes the next section, if there is one. */
  step(): void {
    const next = this.#waiting.shift();
    if (!next) return;
    const section = this.#head.sections[next.index];
    this.#decoder.take(next.index, next.payload);
    if (section.type === GEOMETRY || section.type === ANCHORS) {
      this.#decoder.geometry(next.index);
      if (section.layer === 0) this.#give(next.index, this.#decoder.rows(next.index, null));
      else this.#held.push(next.index);
    } else if (section.type === HARMONICS) {
      const { sections } = this.#head;
      const own = sections.findIndex((s) => (s.type === GEOMETRY || s.type === ANCHORS) && s.block === section.block && s.layer === section.layer);
      this.#give(own, this.#decoder.rows(own, next.index));
      const held = this.#held.indexOf(own);
      if (held >= 0) this.#held.splice(held, 1);
    }
  }

  /** Gives out what has no harmonics yet. */
  flush(): void {
    for (const index of this.#held.splice(0)) this.#give(index, this.#decoder.rows(index, null));
  }
}
