import type { Camera } from "../camera.ts";
import type { Splats } from "../splats.ts";
import { type Vec3 } from "./vectors.ts";

/** Opacity that has to lie over each other before one calls it a surface. */
const SOLID = 0.5;
/** Standard deviations of a Gaussian that count as hit. */
const REACH = 1.5;

/** The point under a pixel: where enough opacity has come together along its ray; null where there is nothing. */
export function pick(splats: Splats, camera: Camera, x: number, y: number): Vec3 | null {
  const m = camera.worldToCamera;
  const hits: { depth: number; opacity: number }[] = [];
  for (let i = 0; i < splats.count; i++) {
    const [px, py, pz] = [splats.means[3 * i], splats.means[3 * i + 1], splats.means[3 * i + 2]];
    const depth = m[8] * px + m[9] * py + m[10] * pz + m[11];
    if (!(depth > 0.01)) continue;
    const across = camera.fx * (m[0] * px + m[1] * py + m[2] * pz + m[3]) - (x - camera.cx) * depth;
    const along = camera.fy * (m[4] * px + m[5] * py + m[6] * pz + m[7]) - (y - camera.cy) * depth;
    const widest = Math.max(splats.logScales[3 * i], splats.logScales[3 * i + 1], splats.logScales[3 * i + 2]);
    const sigma = camera.fx * Math.exp(widest) + 0.5 * depth;
    const distance = Math.hypot(across, along) / sigma;
    if (distance > REACH) continue;
    hits.push({ depth, opacity: Math.exp(-0.5 * distance * distance) / (1 + Math.exp(-splats.opacityLogits[i])) });
  }
  hits.sort((a, b) => a.depth - b.depth);
  let light = 1;
  for (const { depth, opacity } of hits) {
    light *= 1 - opacity;
    if (1 - light > SOLID) {
      const [cx, cy] = [((x - camera.cx) / camera.fx) * depth, ((y - camera.cy) / camera.fy) * depth];
      const p = [cx - m[3], cy - m[7], depth - m[11]];
      return [0, 1, 2].map((j) => m[j] * p[0] + m[4 + j] * p[1] + m[8 + j] * p[2]) as unknown as Vec3;
    }
  }
  return null;
}
