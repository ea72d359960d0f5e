/** Where scenes are: 0 is the one shown alone and left of a split, 1 the one it is compared with. */
export type Slot = 0 | 1;

/** What of the slots is shown. */
export type Show =
  | { kind: "slot"; slot: Slot }
  /** Slot 0 left of `x` (px from the left), slot 1 from there on. */
  | { kind: "split"; x: number }
  /** Absolute difference of the two images, times `gain`. */
  | { kind: "difference"; gain: number };

export interface DrawOptions {
  show?: Show;
  /** Highest band of harmonics used; all by default. */
  shDegree?: number;
  /** 0 to 1, behind everything; black by default. */
  background?: readonly [number, number, number];
  /** At most this many splats of a scene, the most important ones. */
  budget?: number;
  /** Bits of the floats in which splats are blended; the renderer's choice by default. */
  precision?: 16 | 32;
}

/** 8-bit pixels, row 0 on top. */
export interface Picture {
  width: number;
  height: number;
  /** RGBA, alpha is 255. */
  pixels: Uint8ClampedArray<ArrayBuffer>;
}
