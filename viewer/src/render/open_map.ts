import { MIN_TRANSMITTANCE } from "./constants.ts";
import { framebufferOf, type GL, Program, textureOf, WHOLE } from "./gl.ts";
import type { Columns, Target } from "./target.ts";

/** Side of a square of pixels that is open or closed as one, px. */
export const CELL = 8;

/** 1 for a cell any pixel of which can take more splats. */
const CELLS = `
uniform sampler2D image;
uniform ivec2 columns;  // first and end; others are closed
out uint open;

void main() {
  ivec2 low = ${CELL} * ivec2(gl_FragCoord.xy), high = min(low + ${CELL}, textureSize(image, 0));
  low.x = max(low.x, columns.x);
  high.x = min(high.x, columns.y);
  float most = 0.0;
  for (int y = low.y; y < high.y; y++)
    for (int x = low.x; x < high.x; x++) most = max(most, texelFetch(image, ivec2(x, y), 0).a);
  open = most > ${MIN_TRANSMITTANCE} ? 1u : 0u;
}`;

/** Sums of `from` along one axis, up to each cell. */
const SUMS = `
uniform usampler2D from;
uniform ivec2 axis;
out uint sum;

void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  sum = 0u;
  for (int k = axis.x * at.x + axis.y * at.y; k >= 0; k--) sum += texelFetch(from, at - k * axis, 0).r;
}`;

/**
 * Part of a shader: `bool hidden(vec2 low, vec2 high)`, whether no pixel of a box in px can take more splats.
 *
 * `openSums` holds the number of open cells left of and above a cell, itself included, so that those of any box are four reads.
 */
export const HIDDEN = `
uniform usampler2D openSums;

int openUpTo(int x, int y) {
  return x < 0 || y < 0 ? 0 : int(texelFetch(openSums, ivec2(x, y), 0).r);
}

bool hidden(vec2 low, vec2 high) {
  ivec2 last = textureSize(openSums, 0) - 1;
  ivec2 a = clamp(ivec2(floor(low / ${CELL}.0)), ivec2(0), last) - 1, b = clamp(ivec2(floor(high / ${CELL}.0)), ivec2(0), last);
  return openUpTo(b.x, b.y) - openUpTo(a.x, b.y) - openUpTo(b.x, a.y) + openUpTo(a.x, a.y) == 0;
}`;

/** The programs; shared by both slots. */
export class OpenMapPass {
  readonly cells: Program;
  readonly sums: Program;

  constructor(gl: GL) {
    this.cells = new Program(gl, WHOLE, CELLS);
    this.sums = new Program(gl, WHOLE, SUMS);
  }

  dispose(): void {
    this.cells.dispose();
    this.sums.dispose();
  }
}

/** Where splats can still be seen, in cells of a target. */
export class OpenMap {
  private readonly gl: GL;
  private readonly width: number;
  private readonly height: number;
  private readonly textures: WebGLTexture[];
  private readonly framebuffers: WebGLFramebuffer[];

  /** @param width, height of the target, px. */
  constructor(gl: GL, width: number, height: number) {
    this.gl = gl;
    this.width = Math.ceil(width / CELL);
    this.height = Math.ceil(height / CELL);
    this.textures = [0, 1].map(() => textureOf(gl, gl.R32UI, this.width, this.height));
    this.framebuffers = this.textures.map((texture) => framebufferOf(gl, [texture]));
  }

  /** Sums as HIDDEN reads them. */
  get openSums(): WebGLTexture {
    return this.textures[0];
  }

  update({ cells, sums }: OpenMapPass, target: Target, columns: Columns): void {
    const { gl, textures, framebuffers } = this;
    const draw = (into: number) => {
      gl.bindFramebuffer(gl.FRAMEBUFFER, framebuffers[into]);
      gl.drawArrays(gl.TRIANGLES, 0, 3);
    };
    gl.viewport(0, 0, this.width, this.height);
    cells.use();
    cells.sample("image", 0, target.image);
    gl.uniform2i(cells.at("columns"), columns[0], columns[1]);
    draw(0);
    sums.use();
    sums.sample("from", 0, textures[0]);
    gl.uniform2i(sums.at("axis"), 1, 0);
    draw(1);
    sums.sample("from", 0, textures[1]);
    gl.uniform2i(sums.at("axis"), 0, 1);
    draw(0);
  }

  dispose(): void {
    for (const framebuffer of this.framebuffers) this.gl.deleteFramebuffer(framebuffer);
    for (const texture of this.textures) this.gl.deleteTexture(texture);
  }
}
