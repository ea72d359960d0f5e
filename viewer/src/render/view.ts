import type { Camera } from "../camera.ts";
import { MARGIN } from "./constants.ts";

/** A camera as the shaders and the sort use it. World to camera is `rotation * p + translation`. */
export interface View {
  /** [9], row by row. */
  rotation: Float64Array;
  /** [3]. */
  translation: Float64Array;
  /** [3], the camera's centre in world units. */
  position: Float64Array;
  fx: number;
  fy: number;
  cx: number;
  cy: number;
  /** Pixels. */
  width: number;
  height: number;
  /** Slopes x / z and y / z between which Jacobians are taken: low x, low y, high x, high y. */
  slopes: [number, number, number, number];
}

export function viewOf(camera: Camera): View {
  const { fx, fy, cx, cy, width, height, worldToCamera: m } = camera;
  const rotation = Float64Array.of(m[0], m[1], m[2], m[4], m[5], m[6], m[8], m[9], m[10]);
  const translation = Float64Array.of(m[3], m[7], m[11]);
  const position = new Float64Array(3);
  for (let k = 0; k < 3; k++)
    position[k] = -(m[k] * translation[0] + m[4 + k] * translation[1] + m[8 + k] * translation[2]);
  const marginX = (MARGIN * width) / fx;
  const marginY = (MARGIN * height) / fy;
  return {
    rotation, translation, position, fx, fy, cx, cy, width, height,
    slopes: [-cx / fx - marginX, -cy / fy - marginY, (width - cx) / fx + marginX, (height - cy) / fy + marginY],
  };
}

/** Whether both see the same image. */
export function sameView(a: View | null, b: View): boolean {
  if (a === null) return false;
  if (a.fx !== b.fx || a.fy !== b.fy || a.cx !== b.cx || a.cy !== b.cy) return false;
  if (a.width !== b.width || a.height !== b.height) return false;
  return a.rotation.every((v, k) => v === b.rotation[k]) && a.translation.every((v, k) => v === b.translation[k]);
}
