/** A pinhole camera as OpenCV and COLMAP have it: x right, y down, z forward. */
export interface Camera {
  /** 16 numbers, row by row. */
  worldToCamera: Float64Array;
  /** Pixels. */
  fx: number;
  fy: number;
  cx: number;
  cy: number;
  width: number;
  height: number;
}
