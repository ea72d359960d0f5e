/** Where scenes are: 0 is the one shown alone and left of a split, 1 the one it is compared with. */
export type Slot = 0 | 1;

/** What of the slots is shown. */
export type Show =
  | { kind: "slot"; slot: Slot }
  /** Slot 0 left of `x` (px from the left), slot 1 from there on. */
  | { kind: "split"; x: number }
  /** The middle halves of the two images, slot 0 on the left. */
  | { kind: "side" }
  /** Absolute difference of the two images, times `gain`. */
  | { kind: "difference"; gain: number };

/** How a scene follows the one that its slot had before, while it streams in. */
export interface Growth {
  /**
   * The scene has all splats of the one before, in their places, and perhaps more of them or better values: the order of those
   * serves until the new one has come, so that nothing flickers.
   */
  refines?: boolean;
  /** This many first splats have not changed at all and need no upload; only of a scene that refines. */
  keep?: number;
  /** How many splats there will be in the end. */
  capacity?: number;
}

export interface DrawOptions {
  show?: Show;
  /** Highest band of harmonics used; all by default. */
  shDegree?: number;
  /** 0 to 1, behind everything; black by default. */
  background?: readonly [number, number, number];
  /** At most this many splats of a scene: those with the most opacity times area in the image. */
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
