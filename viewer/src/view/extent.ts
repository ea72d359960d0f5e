import type { Splats } from "../splats.ts";
import { type Vec3 } from "./vectors.ts";

/** Most Gaussians that are looked at. */
const SAMPLE = 50_000;
/** Share of the Gaussians beyond either end: floaters and far background. */
const OUTSIDE = 0.05;

/** A sphere about most of the scene, world units. */
export interface Extent {
  centre: Vec3;
  radius: number;
}

export function extentOf(splats: Splats): Extent {
  const step = Math.max(1, Math.floor(splats.count / SAMPLE));
  const ends = [0, 1, 2].map((axis) => {
    const values: number[] = [];
    for (let i = 0; i < splats.count; i += step) {
      const value = splats.means[3 * i + axis];
      if (Number.isFinite(value) && splats.opacityLogits[i] > -2) values.push(value);
    }
    values.sort((a, b) => a - b);
    const at = (share: number): number => values[Math.floor(share * (values.length - 1))] ?? 0;
    return [at(OUTSIDE), at(1 - OUTSIDE)];
  });
  const half = ends.map(([low, high]) => (high - low) / 2);
  const centre = ends.map(([low, high]) => (low + high) / 2) as unknown as Vec3;
  return { centre, radius: Math.max(Math.hypot(half[0], half[1], half[2]), 1e-3) };
}
