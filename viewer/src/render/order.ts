import type { Splats } from "../splats.ts";
import { DILATION, FAR, MIN_ALPHA, NEAR } from "./constants.ts";
import type { View } from "./view.ts";

/** The part of splats that their order depends on. */
export type Sortable = Pick<Splats, "means" | "logScales" | "opacityLogits">;

const RADIX = 1 << 16;

/**
 * Which splats a view may show, nearest first.
 *
 * Depths are compared as 32-bit floats, exactly, as the CPU rasteriser does: two rounds of a counting sort, by the lower and
 * then the upper half of their bits, which for positive floats grow with the number.
 */
export class Order {
  count = 0;
  /** [N, 3]. */
  private means = new Float32Array(0);
  /** [N], distance from the centre at which alpha is 1/255, in largest standard deviations; 0 where it never is. */
  private reach = new Float32Array(0);
  /** [N], the same in world units. */
  private radius = new Float32Array(0);
  /** [N], opacity times the area of the largest cross-section, world units². */
  private importance = new Float32Array(0);
  private readonly histograms = [new Uint32Array(RADIX), new Uint32Array(RADIX)];
  private scratch = [new Uint32Array(0), new Uint32Array(0), new Uint32Array(0), new Uint32Array(0)];

  /** Takes `rows` as all splats from number `from` on, and forgets others that were there. */
  set(from: number, rows: Sortable): void {
    const { means, logScales, opacityLogits } = rows;
    this.count = from + opacityLogits.length;
    this.reserve(this.count);
    this.means.set(means, 3 * from);
    for (let row = 0, i = from; i < this.count; row++, i++) {
      const a = logScales[3 * row];
      const b = logScales[3 * row + 1];
      const c = logScales[3 * row + 2];
      const opacity = 1 / (1 + Math.exp(-opacityLogits[row]));
      const importance = opacity * Math.exp(a + b + c - Math.min(a, b, c));
      const reach = opacity >= MIN_ALPHA && importance >= 0 ? Math.sqrt(2 * Math.log(opacity / MIN_ALPHA)) + 1e-3 : 0;
      this.reach[i] = reach;
      this.radius[i] = reach * Math.exp(Math.max(a, b, c));
      this.importance[i] = reach > 0 ? importance : 0;
    }
  }

  /**
   * Numbers of the splats to draw, by depth.
   *
   * @param budget if there are more than this, those with the least opacity times area in the image are left out.
   * @param out is used for the result if it is large enough.
   */
  sort(view: View, budget = Infinity, out?: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
    const [keys, ids, nextKeys, nextIds] = this.scratch;
    const [low, high] = this.histograms;
    let shown = this.visible(view, keys, ids);
    if (shown > budget) shown = this.strongest(shown, Math.max(0, Math.floor(budget)));
    low.fill(0);
    high.fill(0);
    for (let j = 0; j < shown; j++) {
      low[keys[j] & 0xffff]++;
      high[keys[j] >>> 16]++;
    }
    startsOf(low);
    startsOf(high);
    for (let j = 0; j < shown; j++) {
      const place = low[keys[j] & 0xffff]++;
      nextKeys[place] = keys[j];
      nextIds[place] = ids[j];
    }
    const order = out !== undefined && out.length >= shown ? out.subarray(0, shown) : new Uint32Array(shown);
    for (let j = 0; j < shown; j++) order[high[nextKeys[j] >>> 16]++] = nextIds[j];
    return order;
  }

  /** Writes bits of depths, and numbers, of splats that may touch the image, and returns how many those are. */
  private visible(view: View, keys: Uint32Array<ArrayBuffer>, ids: Uint32Array): number {
    const depths = new Float32Array(keys.buffer);
    const [r0, r1, r2, r3, r4, r5, r6, r7, r8] = view.rotation;
    const [tx, ty, tz] = view.translation;
    const { fx, fy, cx, cy, width, height, slopes } = view;
    // Largest gain from world units at depth 1 to pixels, for any slope at which a Jacobian is taken.
    const gainX = fx * Math.hypot(1, Math.max(-slopes[0], slopes[2]));
    const gainY = fy * Math.hypot(1, Math.max(-slopes[1], slopes[3]));
    const blur = Math.sqrt(DILATION);
    const { means, reach, radius, count } = this;
    let shown = 0;
    for (let i = 0, at = 0; i < count; i++, at += 3) {
      const x = means[at];
      const y = means[at + 1];
      const z = means[at + 2];
      const depth = r6 * x + r7 * y + r8 * z + tz;
      if (!(depth >= NEAR && depth <= FAR && reach[i] > 0)) continue;
      const inverse = 1 / depth;
      const around = radius[i] * inverse;
      const soft = reach[i] * blur;
      const u = fx * (r0 * x + r1 * y + r2 * z + tx) * inverse + cx;
      const sideX = gainX * around + soft;
      if (u + sideX < 0 || u - sideX > width) continue;
      const v = fy * (r3 * x + r4 * y + r5 * z + ty) * inverse + cy;
      const sideY = gainY * around + soft;
      if (v + sideY < 0 || v - sideY > height) continue;
      depths[shown] = depth;
      ids[shown++] = i;
    }
    return shown;
  }

  /** Keeps, of what `visible` wrote, the `budget` splats that matter most (to 1 %), in their order. */
  private strongest(shown: number, budget: number): number {
    const [keys, ids, weights] = this.scratch;
    const depths = new Float32Array(keys.buffer);
    const areas = new Float32Array(weights.buffer);
    const histogram = this.histograms[0].fill(0);
    for (let j = 0; j < shown; j++) {
      areas[j] = this.importance[ids[j]] / (depths[j] * depths[j]);
      histogram[weights[j] >>> 16]++;
    }
    // All of the larger classes, and of class `least` only `rest`.
    let least = RADIX;
    let rest = budget;
    while (least > 0 && histogram[least - 1] <= rest) rest -= histogram[--least];
    least--;
    let kept = 0;
    for (let j = 0; j < shown; j++) {
      const kind = weights[j] >>> 16;
      if (kind < least || (kind === least && rest-- <= 0)) continue;
      keys[kept] = keys[j];
      ids[kept++] = ids[j];
    }
    return kept;
  }

  private reserve(count: number): void {
    if (this.reach.length >= count) return;
    const capacity = Math.max(count, Math.min(2 * this.reach.length, count + 1_000_000));
    const grown = (old: Float32Array, width: number) => {
      const fresh = new Float32Array(width * capacity);
      fresh.set(old);
      return fresh;
    };
    this.means = grown(this.means, 3);
    this.reach = grown(this.reach, 1);
    this.radius = grown(this.radius, 1);
    this.importance = grown(this.importance, 1);
    this.scratch = this.scratch.map(() => new Uint32Array(capacity));
  }
}

/** Counts to the first place of each, in place. */
function startsOf(histogram: Uint32Array): void {
  let sum = 0;
  for (let k = 0; k < histogram.length; k++) {
    const here = histogram[k];
    histogram[k] = sum;
    sum += here;
  }
}
