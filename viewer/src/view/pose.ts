import type { Camera } from "../camera.ts";
import { add, cross, dot, scale, subtract, turned, unit, type Vec3 } from "./vectors.ts";

/** Where one looks from; what one orbits lies `distance` ahead. */
export interface Pose {
  position: Vec3;
  /** Unit vectors of the camera's axes in the world, as OpenCV has them. */
  right: Vec3;
  down: Vec3;
  forward: Vec3;
  /** World units. */
  distance: number;
  /** Vertical field of view, radians. */
  fovY: number;
}

export const DEFAULT_FOV = (50 * Math.PI) / 180;
/** Closest that the view may come to straight up or down, radians. */
const POLE = 0.03;
const [LEAST_FOV, MOST_FOV] = [0.05, 2.6];

export const target = (pose: Pose): Vec3 => add(pose.position, scale(pose.forward, pose.distance));

/** Axes made orthonormal again, `forward` kept. */
function settled(pose: Pose): Pose {
  const forward = unit(pose.forward);
  const right = unit(subtract(pose.right, scale(forward, dot(pose.right, forward))), unit(cross([0, 1, 0], forward), [1, 0, 0]));
  return { ...pose, forward, right, down: cross(forward, right) };
}

/** From `position` towards `at`, with `up` upwards. */
export function lookAt(position: Vec3, at: Vec3, up: Vec3, fovY = DEFAULT_FOV): Pose {
  const ahead = subtract(at, position);
  const forward = unit(ahead);
  const right = unit(cross(forward, up), unit(cross(forward, [up[1], up[2], up[0]]), [1, 0, 0]));
  return settled({ position, right, down: cross(forward, right), forward, distance: Math.max(Math.hypot(...ahead), 1e-6), fovY });
}

/** The pose of a camera; `distance` is what it cannot tell. */
export function poseOf(camera: Camera, distance: number): Pose {
  const m = camera.worldToCamera;
  const row = (i: number): Vec3 => [m[4 * i], m[4 * i + 1], m[4 * i + 2]];
  const [right, down, forward] = [row(0), row(1), row(2)];
  const t: Vec3 = [m[3], m[7], m[11]];
  const position = scale(add(add(scale(right, t[0]), scale(down, t[1])), scale(forward, t[2])), -1);
  return settled({ position, right, down, forward, distance, fovY: 2 * Math.atan(camera.height / 2 / camera.fy) });
}

/** The camera of a pose for an image of that size, pixels. */
export function cameraOf(pose: Pose, width: number, height: number): Camera {
  const focal = height / 2 / Math.tan(pose.fovY / 2);
  const rows = [pose.right, pose.down, pose.forward].flatMap((axis) => [...axis, -dot(axis, pose.position)]);
  return {
    worldToCamera: Float64Array.from([...rows, 0, 0, 0, 1]),
    fx: focal,
    fy: focal,
    cx: width / 2,
    cy: height / 2,
    width,
    height,
  };
}

/** `pitch` (radians, upwards) that keeps the view off the poles of `up`. */
function allowed(pose: Pose, pitch: number, up: Vec3): number {
  const from = Math.acos(Math.min(1, Math.max(-1, dot(pose.forward, up))));
  return Math.min(Math.max(POLE, from) - POLE, Math.max(pitch, Math.min(Math.PI - POLE, from) - (Math.PI - POLE)));
}

function rotated(pose: Pose, yaw: number, pitch: number, up: Vec3): Pose {
  const tilt = allowed(pose, pitch, up);
  const spin = (v: Vec3): Vec3 => turned(turned(v, pose.right, tilt), up, yaw);
  return settled({ ...pose, right: spin(pose.right), down: spin(pose.down), forward: spin(pose.forward) });
}

/** Turns on the spot; radians: `yaw` to the left, `pitch` upwards. */
export const look = (pose: Pose, yaw: number, pitch: number, up: Vec3): Pose => rotated(pose, yaw, pitch, up);

/** Moves about the target, which stays in the middle. */
export function orbit(pose: Pose, yaw: number, pitch: number, up: Vec3): Pose {
  const at = target(pose);
  const made = rotated(pose, yaw, pitch, up);
  return { ...made, position: subtract(at, scale(made.forward, made.distance)) };
}

/** Turns the picture about its middle, radians. */
export function roll(pose: Pose, angle: number): Pose {
  return settled({ ...pose, right: turned(pose.right, pose.forward, angle) });
}

/** Shifts the scene by so many image heights. */
export function pan(pose: Pose, x: number, y: number): Pose {
  const size = 2 * pose.distance * Math.tan(pose.fovY / 2);
  return { ...pose, position: subtract(pose.position, add(scale(pose.right, x * size), scale(pose.down, y * size))) };
}

/** Changes the distance to the target by a factor. */
export function dolly(pose: Pose, factor: number): Pose {
  const at = target(pose);
  const distance = Math.max(pose.distance * factor, 1e-6);
  return { ...pose, distance, position: subtract(at, scale(pose.forward, distance)) };
}

/** Moves by [right, down, forward], world units. */
export function move(pose: Pose, by: Vec3): Pose {
  const step = add(add(scale(pose.right, by[0]), scale(pose.down, by[1])), scale(pose.forward, by[2]));
  return { ...pose, position: add(pose.position, step) };
}

export const zoomed = (pose: Pose, factor: number): Pose => ({ ...pose, fovY: Math.min(MOST_FOV, Math.max(LEAST_FOV, pose.fovY * factor)) });

/** Keeps the direction and steps back until a sphere fills the picture. */
export function framed(pose: Pose, centre: Vec3, radius: number): Pose {
  const distance = Math.max(radius / Math.sin(Math.min(pose.fovY, 2) / 2), 1e-6);
  return { ...pose, distance, position: subtract(centre, scale(pose.forward, distance)) };
}

/** Between two poses, for flights from one to the other; t from 0 to 1. */
export function between(a: Pose, b: Pose, t: number): Pose {
  const mix = (p: Vec3, q: Vec3): Vec3 => add(scale(p, 1 - t), scale(q, t));
  const number = (p: number, q: number): number => p * (1 - t) + q * t;
  return settled({
    position: mix(a.position, b.position),
    right: mix(a.right, b.right),
    down: mix(a.down, b.down),
    forward: mix(a.forward, b.forward),
    distance: number(a.distance, b.distance),
    fovY: number(a.fovY, b.fovY),
  });
}
