import { MAX_ALPHA, MIN_ALPHA } from "./constants.ts";
import { type GL, Program } from "./gl.ts";
import { PROJECTED_BITS, PROJECTED_WIDTH, type Projected } from "./project_pass.ts";
import type { Columns, Target } from "./target.ts";

/**
 * Splats in one instance. Large, because software renderers, and some drivers, start over for every instance; a batch's
 * vertices fit 16-bit indices.
 */
const BATCH = 4096;

const VERTEX = `
uniform usampler2D shapes, paints;
uniform int first;
uniform vec2 toClip;
out vec2 offset;
flat out vec4 paint;

void main() {
  int j = first + gl_InstanceID * ${BATCH} + (gl_VertexID >> 2);
  ivec2 at = ivec2(j & ${PROJECTED_WIDTH - 1}, j >> ${PROJECTED_BITS});
  vec4 shape = uintBitsToFloat(texelFetch(shapes, at, 0));
  uvec4 rest = texelFetch(paints, at, 0);
  vec2 corner = vec2(gl_VertexID & 1, (gl_VertexID >> 1) & 1) * 2.0 - 1.0;
  float level = uintBitsToFloat(rest.w);
  vec2 across = uintBitsToFloat(rest.x) * vec2(-shape.w, shape.z);
  // So that alpha = 2^(level - offset . offset), and 1/255 where the ellipse touches the quad.
  offset = corner * sqrt(max(level - ${Math.log2(MIN_ALPHA)}, 0.0));
  paint = vec4(unpackHalf2x16(rest.y), uintBitsToFloat(rest.z), level);
  vec2 pixel = shape.xy + corner.x * shape.zw + corner.y * across;
  gl_Position = vec4(pixel * toClip - 1.0, 0.0, 1.0);
}`;

const FRAGMENT = `
in vec2 offset;
flat in vec4 paint;
out vec4 color;

void main() {
  float alpha = min(exp2(paint.a - dot(offset, offset)), ${MAX_ALPHA});
  alpha = alpha >= ${MIN_ALPHA} ? alpha : 0.0;
  color = vec4(alpha * paint.rgb, alpha);
}`;

/**
 * Blends projected splats, nearest first: a target's colour is what the splats add, its alpha the transmittance that is left.
 * Small numbers are then kept in full even in 16-bit floats.
 */
export class BlendPass {
  private readonly gl: GL;
  private readonly splats: Program;
  private readonly indices: WebGLBuffer;
  private readonly corners: WebGLVertexArrayObject;
  private readonly none: WebGLVertexArrayObject;

  constructor(gl: GL) {
    this.gl = gl;
    this.splats = new Program(gl, VERTEX, FRAGMENT);
    const indices = new Uint16Array(6 * BATCH);
    for (let i = 0; i < BATCH; i++) indices.set([4 * i, 4 * i + 1, 4 * i + 2, 4 * i + 2, 4 * i + 1, 4 * i + 3], 6 * i);
    this.none = gl.createVertexArray();
    this.corners = gl.createVertexArray();
    this.indices = gl.createBuffer();
    gl.bindVertexArray(this.corners);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.indices);
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, indices, gl.STATIC_DRAW);
    gl.bindVertexArray(this.none);
  }

  /** Nothing, all of which shines through. */
  clear(target: Target): void {
    const { gl } = this;
    gl.bindFramebuffer(gl.FRAMEBUFFER, target.framebuffer);
    gl.clearColor(0, 0, 0, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
  }

  /** Blends splats `first` to `end` into `columns` of `target`. */
  blend(projected: Projected, target: Target, columns: Columns, first: number, end: number): void {
    const { gl, splats } = this;
    gl.bindFramebuffer(gl.FRAMEBUFFER, target.framebuffer);
    gl.viewport(0, 0, target.width, target.height);
    splats.use();
    splats.sample("shapes", 0, projected.shapes);
    splats.sample("paints", 1, projected.paints);
    gl.uniform2f(splats.at("toClip"), 2 / target.width, 2 / target.height);
    gl.enable(gl.BLEND);
    gl.blendFuncSeparate(gl.DST_ALPHA, gl.ONE, gl.ZERO, gl.ONE_MINUS_SRC_ALPHA);
    gl.enable(gl.SCISSOR_TEST);
    gl.scissor(columns[0], 0, columns[1] - columns[0], target.height);
    gl.bindVertexArray(this.corners);
    const whole = Math.floor((end - first) / BATCH);
    const rest = end - first - whole * BATCH;
    gl.uniform1i(splats.at("first"), first);
    if (whole > 0) gl.drawElementsInstanced(gl.TRIANGLES, 6 * BATCH, gl.UNSIGNED_SHORT, 0, whole);
    gl.uniform1i(splats.at("first"), end - rest);
    if (rest > 0) gl.drawElements(gl.TRIANGLES, 6 * rest, gl.UNSIGNED_SHORT, 0);
    gl.bindVertexArray(this.none);
    gl.disable(gl.SCISSOR_TEST);
    gl.disable(gl.BLEND);
  }

  dispose(): void {
    this.splats.dispose();
    this.gl.deleteBuffer(this.indices);
    this.gl.deleteVertexArray(this.corners);
    this.gl.deleteVertexArray(this.none);
  }
}
