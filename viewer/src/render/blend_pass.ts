import { MAX_ALPHA, MIN_ALPHA, MIN_TRANSMITTANCE } from "./constants.ts";
import { type GL, Program, WHOLE } from "./gl.ts";
import type { Projected } from "./project_pass.ts";
import type { Target } from "./target.ts";

/**
 * Splats in one instance. Large, because software renderers, and some drivers, start over for every instance; a batch's
 * vertices fit 16-bit indices.
 */
const BATCH = 4096;

/** Splats are drawn in this many steps, between which pixels that can take no more are closed. */
const STEPS = 8;

const vertex = (bits: number) => `
uniform usampler2D shapes, paints;
uniform int first;
uniform vec2 toClip;
out vec2 offset;
flat out vec4 paint;

void main() {
  int j = first + gl_InstanceID * ${BATCH} + (gl_VertexID >> 2);
  ivec2 at = ivec2(j & ${(1 << bits) - 1}, j >> ${bits});
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

/** Closes pixels, by a depth nearer than that of splats. */
const CLOSE = `
uniform sampler2D image;
uniform float least;

void main() {
  if (texelFetch(image, ivec2(gl_FragCoord.xy), 0).a > least) discard;
}`;

/**
 * Blends projected splats, nearest first: a target's colour is what the splats add, its alpha the transmittance that is left.
 * Small numbers are then kept in full even in 16-bit floats.
 */
export class BlendPass {
  private readonly gl: GL;
  private readonly splats: Program;
  private readonly close: Program;
  private readonly indices: WebGLBuffer;
  private readonly corners: WebGLVertexArrayObject;
  private readonly none: WebGLVertexArrayObject;

  constructor(gl: GL, bits: number) {
    this.gl = gl;
    this.splats = new Program(gl, vertex(bits), FRAGMENT);
    this.close = new Program(gl, WHOLE, CLOSE);
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
    gl.depthMask(true);
    gl.clearColor(0, 0, 0, 1);
    gl.clearDepth(1);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
  }

  /** Draws into all of `target`, which is cleared before. */
  blend(projected: Projected, target: Target, steps = STEPS): void {
    const { gl } = this;
    this.clear(target);
    gl.viewport(0, 0, target.width, target.height);
    gl.enable(gl.DEPTH_TEST);
    const step = Math.max(1, Math.ceil(projected.count / steps / BATCH)) * BATCH;
    for (let first = 0; first < projected.count; first += step) {
      if (first > 0) this.closePixels(target);
      this.draw(projected, target, first, Math.min(projected.count, first + step));
    }
    gl.disable(gl.DEPTH_TEST);
    gl.disable(gl.BLEND);
  }

  private draw(projected: Projected, target: Target, first: number, end: number): void {
    const { gl, splats } = this;
    splats.use();
    splats.sample("shapes", 0, projected.shapes);
    splats.sample("paints", 1, projected.paints);
    gl.uniform2f(splats.at("toClip"), 2 / target.width, 2 / target.height);
    gl.enable(gl.BLEND);
    gl.blendFuncSeparate(gl.DST_ALPHA, gl.ONE, gl.ZERO, gl.ONE_MINUS_SRC_ALPHA);
    gl.depthMask(false);
    gl.depthFunc(gl.LESS);
    gl.bindVertexArray(this.corners);
    const whole = Math.floor((end - first) / BATCH);
    const rest = end - first - whole * BATCH;
    gl.uniform1i(splats.at("first"), first);
    if (whole > 0) gl.drawElementsInstanced(gl.TRIANGLES, 6 * BATCH, gl.UNSIGNED_SHORT, 0, whole);
    gl.uniform1i(splats.at("first"), end - rest);
    if (rest > 0) gl.drawElements(gl.TRIANGLES, 6 * rest, gl.UNSIGNED_SHORT, 0);
    gl.bindVertexArray(this.none);
  }

  private closePixels(target: Target): void {
    const { gl, close } = this;
    gl.bindFramebuffer(gl.FRAMEBUFFER, target.depthOnly);
    close.use();
    close.sample("image", 0, target.image);
    gl.uniform1f(close.at("least"), MIN_TRANSMITTANCE);
    gl.disable(gl.BLEND);
    gl.depthMask(true);
    gl.depthFunc(gl.ALWAYS);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    gl.bindFramebuffer(gl.FRAMEBUFFER, target.framebuffer);
  }

  dispose(): void {
    this.splats.dispose();
    this.close.dispose();
    this.gl.deleteBuffer(this.indices);
    this.gl.deleteVertexArray(this.corners);
    this.gl.deleteVertexArray(this.none);
  }
}
