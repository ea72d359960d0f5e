import { allocateSplats, coefficients } from "../allocate.ts";
import type { Splats } from "../splats.ts";
import { isChunk, type Head, type Section } from "./head.ts";

/** The scene as far as it has been decoded. */
export interface SceneUpdate {
  /**
   * Its rows so far: views of arrays that are filled further by and by. They come in the order of the file's chunks (layer by
   * layer, so that the first rows are a coarse picture of all); every row stays in its place.
   */
  splats: Splats;
  /** This many first rows are as they were in the update before. */
  keep: number;
  /** Rows that there are in the end, if the file is not cut. */
  capacity: number;
  /** Nothing more comes. */
  complete: boolean;
}

/** Puts the values of chunks, which come in any order, into the arrays of one scene. */
export class GrowingScene {
  private readonly head: Head;
  private readonly arrays: Splats;
  /** Of every chunk of geometry and harmonics, by index of its section: its first row. */
  private readonly firstRow = new Map<number, number>();
  private readonly lastOfLayer = new Set<number>();
  private readonly order: number[] = [];
  private readonly here = new Set<number>();
  private nextInOrder = 0;
  private rows = 0;
  private changed = 0;
  /** Whether there is something that no update has told of. */
  pending = false;
  /** Whether a layer has become whole since the last update. */
  layerDone = false;

  /** @param maxBytes that its arrays may take. */
  constructor(head: Head, maxBytes?: number) {
    this.head = head;
    this.arrays = allocateSplats({ count: head.splats, shDegree: head.shDegree, antialiased: head.antialiased }, "header.splats", maxBytes);
    const rows = { geometry: 0, harmonics: 0 };
    for (const section of head.sections.filter(isChunk)) {
      const kind = section.kind === "harmonics" ? "harmonics" : "geometry";
      this.firstRow.set(section.index, rows[kind]);
      rows[kind] += section.splats;
      if (section.block === head.blocks - 1) this.lastOfLayer.add(section.index);
      this.order.push(section.index);
    }
  }

  /** Splats that are there, without gaps from the first row. */
  get count(): number {
    return this.rows;
  }

  /** Takes what `Program.section` gives of a chunk. */
  add({ index, kind, splats: n }: Section, values: Float32Array): void {
    const first = this.firstRow.get(index)!;
    if (kind === "harmonics") this.addHarmonics(first, n, values);
    else this.addGeometry(first, n, values);
    this.here.add(index);
    this.advance();
  }

  /** What has changed since the update before. */
  update(complete: boolean): SceneUpdate {
    const { shDegree, antialiased, means, quats, logScales, opacityLogits, sh } = this.arrays;
    const n = this.rows;
    const update = {
      splats: {
        count: n, shDegree, antialiased,
        means: means.subarray(0, 3 * n), quats: quats.subarray(0, 4 * n), logScales: logScales.subarray(0, 3 * n),
        opacityLogits: opacityLogits.subarray(0, n), sh: sh.subarray(0, 3 * coefficients(shDegree) * n),
      },
      keep: Math.min(this.changed, n), capacity: this.head.splats, complete,
    };
    this.changed = n;
    this.pending = this.layerDone = false;
    return update;
  }

  private addGeometry(first: number, n: number, values: Float32Array): void {
    let at = 0;
    const next = (width: number) => values.subarray(at, (at += width * n));
    this.arrays.means.set(next(3), 3 * first);
    this.arrays.quats.set(next(4), 4 * first);
    this.arrays.logScales.set(next(3), 3 * first);
    this.arrays.opacityLogits.set(next(1), first);
    this.scatter(next(3), 3, first, n, 0);
  }

  private addHarmonics(first: number, n: number, values: Float32Array): void {
    this.scatter(values, 3 * coefficients(this.head.shDegree) - 3, first, n, 3);
    this.changed = Math.min(this.changed, first);
  }

  /** Rows of `width` numbers to place `offset` of each splat's coefficients. */
  private scatter(values: Float32Array, width: number, first: number, n: number, offset: number): void {
    const { sh } = this.arrays;
    const stride = 3 * coefficients(this.head.shDegree);
    for (let i = 0, from = 0, row = first * stride + offset; i < n; i++, row += stride) for (let k = 0; k < width; k++) sh[row + k] = values[from++];
  }

  /** Chunks count in their order, whatever order they come in. */
  private advance(): void {
    for (; this.here.has(this.order[this.nextInOrder]); this.nextInOrder++) {
      const { index, kind, splats } = this.head.sections[this.order[this.nextInOrder]];
      if (kind !== "harmonics") this.rows += splats;
      this.pending = true;
      this.layerDone ||= this.lastOfLayer.has(index);
    }
  }
}
