import type { Camera } from "../src/camera.ts";
import type { Splats } from "../src/splats.ts";

/** A scene as tools/bench/viewer_scenes.py writes it: `<url>.json` and `<url>.bin`, float32 arrays one after the other. */
export async function loadSplats(url: string): Promise<Splats> {
  const { count, shDegree, antialiased } = await (await fetch(`${url}.json`)).json();
  const buffer = await (await fetch(`${url}.bin`)).arrayBuffer();
  let at = 0;
  const part = (width: number) => {
    const array = new Float32Array(buffer, at, width * count);
    at += array.byteLength;
    return array;
  };
  return {
    count, shDegree, antialiased, means: part(3), quats: part(4), logScales: part(3), opacityLogits: part(1),
    sh: part(3 * (shDegree + 1) ** 2),
  };
}

/** A camera as JSON has it. */
export type PlainCamera = Omit<Camera, "worldToCamera"> & { worldToCamera: number[] };

export function cameraOf(plain: PlainCamera): Camera {
  return { ...plain, worldToCamera: Float64Array.from(plain.worldToCamera) };
}
