import type { Pose } from "./pose.ts";
import { cross, unit, type Vec3 } from "./vectors.ts";

const DIGITS = 6;

/** The pose, and of what moves the time in seconds, as the part of an address behind "#", so that a view can be sent on. */
export function toHash(pose: Pose, seconds = 0): string {
  const list = (values: readonly number[]): string => values.map((v) => Number(v.toPrecision(DIGITS))).join(",");
  const parts = { at: list(pose.position), to: list(pose.forward), right: list(pose.right), d: list([pose.distance]), fov: list([pose.fovY]) };
  const all = seconds > 0 ? { ...parts, t: list([seconds]) } : parts;
  return Object.entries(all).map(([key, value]) => `${key}=${value}`).join("&");
}

/** The time in an address, seconds: behind "#" or, for people, `?t=`. */
export function timeFrom({ hash, search }: Pick<Location, "hash" | "search">): number {
  const seconds = Number(new URLSearchParams(hash.replace(/^#/, "")).get("t") ?? new URLSearchParams(search).get("t") ?? 0);
  return Number.isFinite(seconds) && seconds > 0 ? seconds : 0;
}

/** What `toHash` wrote; null where it is anything else. */
export function fromHash(hash: string): Pose | null {
  const fields = new URLSearchParams(hash.replace(/^#/, ""));
  const numbers = (key: string, count: number): number[] | null => {
    const found = (fields.get(key) ?? "").split(",").map(Number);
    return found.length === count && found.every(Number.isFinite) && fields.get(key) ? found : null;
  };
  const [position, to, across, distance, fov] = [numbers("at", 3), numbers("to", 3), numbers("right", 3), numbers("d", 1), numbers("fov", 1)];
  if (!position || !to || !across || !distance || !fov || distance[0] <= 0 || fov[0] <= 0 || fov[0] >= Math.PI) return null;
  const forward = unit(to as unknown as Vec3);
  const down = unit(cross(forward, unit(across as unknown as Vec3)), [0, 1, 0]);
  return { position: position as unknown as Vec3, forward, down, right: cross(down, forward), distance: distance[0], fovY: fov[0] };
}
