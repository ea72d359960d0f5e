import type { Splats } from "../splats.ts";
import { ANCHORS, GEOMETRY, type Head } from "./decoder.ts";

/**
 * The scene as its chunks come in. Rows lie in the order of the chunks of geometry in the file: layer by layer, in each layer block by
 * block, so that what comes first is a beginning of the arrays. (`gscompress.decompress` has block by block, in each layer by layer.)
 * Memory: 236 bytes a Gaussian at degree 3, allocated at once.
 */
export class Assembly {
  readonly #scene: Splats;
  readonly #first = new Map<number, number>();
  readonly #order: number[] = [];
  readonly #arrived = new Set<number>();
  #ready = 0;
  #changed = 0;

  constructor(head: Head) {
    const n = head.splats;
    let row = 0;
    head.sections.forEach((section, index) => {
      if (section.type !== GEOMETRY && section.type !== ANCHORS) return;
      this.#first.set(index, row);
      this.#order.push(index);
      row += section.splats;
    });
    this.#scene = {
      count: n,
      shDegree: head.shDegree,
      antialiased: head.antialiased,
      means: new Float32Array(3 * n),
      quats: new Float32Array(4 * n),
      logScales: new Float32Array(3 * n),
      opacityLogits: new Float32Array(n),
      sh: new Float32Array(3 * n * (head.shDegree + 1) ** 2),
    };
  }

  /** Takes in a chunk's rows, as `Decoder.rows` has them; again, where its harmonics have come. */
  put(index: number, rows: Float32Array, splats: number): void {
    const first = this.#first.get(index)!;
    let at = 0;
    const { means, quats, logScales, opacityLogits, sh, shDegree } = this.#scene;
    for (const [array, width] of [[means, 3], [quats, 4], [logScales, 3], [opacityLogits, 1], [sh, 3 * (shDegree + 1) ** 2]] as const) {
      array.set(rows.subarray(at, at + splats * width), first * width);
      at += splats * width;
    }
    this.#arrived.add(index);
    this.#changed = Math.min(this.#changed, first);
    while (this.#ready < this.#order.length && this.#arrived.has(this.#order[this.#ready])) this.#ready++;
  }

  /** Rows from the start without a gap. */
  get count(): number {
    return this.#ready < this.#order.length ? this.#first.get(this.#order[this.#ready])! : this.#scene.count;
  }

  /** The scene so far, and how many first rows are as at the last call. The arrays are those that later rows are written to. */
  taken(): { splats: Splats; keep: number } {
    const keep = this.#changed;
    this.#changed = this.count;
    return { splats: { ...this.#scene, count: this.count }, keep };
  }
}
