import type { Splats } from "../splats.ts";
import type { GL, Program } from "./gl.ts";
import { RowTexture } from "./row_texture.ts";

/** Splats on the device, as they are stored: no value is worked on before a shader does. Harmonics become 16-bit floats. */
export class SceneTextures {
  private readonly gl: GL;
  readonly width: number;
  private readonly parts: Record<"means" | "quats" | "logScales" | "opacityLogits" | "sh", RowTexture>;
  private coefficients = 0;

  constructor(gl: GL) {
    this.gl = gl;
    this.width = widthOf(gl);
    const part = (internal: number, format: number, channels: number) =>
      new RowTexture(gl, { internal, format, type: gl.FLOAT, channels }, this.width);
    this.parts = {
      means: part(gl.RGB32F, gl.RGB, 3),
      quats: part(gl.RGBA32F, gl.RGBA, 4),
      logScales: part(gl.RGB32F, gl.RGB, 3),
      opacityLogits: part(gl.R32F, gl.RED, 1),
      sh: part(gl.RGB16F, gl.RGB, 3),
    };
  }

  /**
   * @param keep this many first splats are as they were.
   * @param capacity how many splats to expect in the end.
   * @throws RangeError if the device's textures are too small.
   */
  upload(splats: Splats, keep: number, capacity: number): void {
    const { count } = splats;
    const k = (splats.shDegree + 1) ** 2;
    const most = Math.floor((this.width * this.gl.getParameter(this.gl.MAX_TEXTURE_SIZE)) / k);
    if (count > most)
      throw new RangeError(`This device shows at most ${most} splats of degree ${splats.shDegree}, and the scene has ${count}`);
    const from = k === this.coefficients ? keep : 0;
    const room = Math.min(Math.max(capacity, count), most);
    this.coefficients = k;
    for (const name of ["means", "quats", "logScales", "opacityLogits"] as const)
      this.parts[name].upload(splats[name], from, count, room);
    this.parts.sh.upload(splats.sh, from * k, count * k, room * k);
  }

  /** Binds everything to units 0 to 4. */
  bind(program: Program): void {
    Object.entries(this.parts).forEach(([name, part], unit) => program.sample(name, unit, part.handle!));
    this.gl.uniform1i(program.at("coefficients"), this.coefficients);
  }

  dispose(): void {
    for (const part of Object.values(this.parts)) part.dispose();
  }
}

/** Width of folded rows, a power of two. */
export function widthOf(gl: GL): number {
  return 2 ** Math.floor(Math.log2(Math.min(gl.getParameter(gl.MAX_TEXTURE_SIZE), 8192)));
}
