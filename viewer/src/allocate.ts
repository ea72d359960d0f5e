import { FormatError } from "./errors.ts";
import type { Splats } from "./splats.ts";

/** Bytes that a scene may take in memory where nothing else is asked for. */
const MAX_BYTES = 1.5e9;

/** Coefficients of a channel. */
export const coefficients = (shDegree: number) => (shDegree + 1) ** 2;

/**
 * A scene of zeros, which a file asks for in its `field`.
 *
 * @throws FormatError more than `maxBytes`, or than the browser gives.
 */
export function allocateSplats(shape: Pick<Splats, "count" | "shDegree" | "antialiased">, field: string, maxBytes = MAX_BYTES): Splats {
  const { count, shDegree } = shape;
  const width = 3 * coefficients(shDegree);
  const most = Math.floor(maxBytes / (4 * (11 + width)));
  const refuse = (expected: string) => new FormatError({ kind: "unsupported", field, expected, found: `${count}` });
  if (count > most) throw refuse(`at most ${most} splats, which take ${maxBytes / 1e6} MB of memory`);
  try {
    return {
      ...shape,
      means: new Float32Array(3 * count),
      quats: new Float32Array(4 * count),
      logScales: new Float32Array(3 * count),
      opacityLogits: new Float32Array(count),
      sh: new Float32Array(width * count),
    };
  } catch {
    throw refuse("as many splats as fit into memory");
  }
}
