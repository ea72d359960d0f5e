import type { Camera } from "../camera.ts";

/** A camera with the name of its photograph. */
export interface NamedCamera extends Camera {
  name: string;
}

/** A camera file that cannot be read; says what was expected. */
export class CameraFault extends Error {}

/** Most cameras that a list shows. */
export const MOST_CAMERAS = 5000;
