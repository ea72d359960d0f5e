import type { NamedCamera } from "../cameras/named_camera.ts";
import type { Extent } from "./extent.ts";
import { poseOf, type Pose } from "./pose.ts";
import { add, scale, unit, type Vec3 } from "./vectors.ts";

/** COLMAP's and the trainer's scenes mostly have y downwards. */
const UP: Vec3 = [0, -1, 0];

/** Cameras that one can jump to, and the one that was jumped to last; -1 for none. */
export class Presets {
  readonly cameras: readonly NamedCamera[];
  chosen: number;

  constructor(cameras: readonly NamedCamera[] = []) {
    this.cameras = cameras;
    this.chosen = cameras.length > 0 ? 0 : -1;
  }

  get names(): string[] {
    return this.cameras.map((camera) => camera.name);
  }

  /** What is upwards for most of the cameras. */
  get up(): Vec3 {
    const down = this.cameras.reduce<Vec3>((sum, { worldToCamera: m }) => add(sum, [m[4], m[5], m[6]]), [0, 0, 0]);
    return this.cameras.length > 0 ? unit(scale(down, -1), UP) : UP;
  }

  /** The pose of a camera, counted round; null where there is none. One orbits what lies at the depth of the scene's middle. */
  pose(index: number, { centre, radius }: Extent): Pose | null {
    const count = this.cameras.length;
    if (count === 0) return null;
    this.chosen = ((index % count) + count) % count;
    const camera = this.cameras[this.chosen];
    const m = camera.worldToCamera;
    const depth = m[8] * centre[0] + m[9] * centre[1] + m[10] * centre[2] + m[11];
    return poseOf(camera, Math.max(depth, 0.1 * radius));
  }
}
