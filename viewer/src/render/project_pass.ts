import { DILATION, FAR, MIN_ALPHA, NEAR } from "./constants.ts";
import { framebufferOf, type GL, Program, textureOf, WHOLE } from "./gl.ts";
import { HARMONICS } from "./harmonics.ts";
import { RowTexture } from "./row_texture.ts";
import { type SceneTextures, widthOf } from "./scene_textures.ts";
import type { View } from "./view.ts";

/**
 * One fragment per splat, in the order of drawing. A vertex shader would do the same work once for each corner.
 *
 * shape: bits of floats: centre in px, half axis of the ellipse where alpha is 1/255 in px.
 * paint: bits of: short half axis over long one, red and green as halves, blue, log2 of the opacity.
 * The long half axis is 0 for what is not to be drawn.
 */
const fragment = (bits: number) => `
const int rowBits = ${bits}, rowWidth = ${1 << bits};
uniform usampler2D ids;
uniform sampler2D means, quats, logScales, opacityLogits;
uniform mat3 rotation;
uniform vec3 translation, position;
uniform vec4 intrinsics, slopes;
uniform int count, coefficients, degree;
uniform bool antialiased;
layout(location = 0) out uvec4 shape;
layout(location = 1) out uvec4 paint;
${HARMONICS}
ivec2 place(int i) {
  return ivec2(i & (rowWidth - 1), i >> rowBits);
}

mat3 rotationOf(vec4 q) {
  q /= max(max(abs(q.x), abs(q.y)), max(abs(q.z), abs(q.w)));
  q = normalize(q);
  float w = q.x, x = q.y, y = q.z, z = q.w;
  return mat3(1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y + w * z), 2.0 * (x * z - w * y),
              2.0 * (x * y - w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z + w * x),
              2.0 * (x * z + w * y), 2.0 * (y * z - w * x), 1.0 - 2.0 * (x * x + y * y));
}

void main() {
  shape = uvec4(0u);
  paint = uvec4(0u);
  int j = int(gl_FragCoord.y) * rowWidth + int(gl_FragCoord.x);
  if (j >= count) return;
  int id = int(texelFetch(ids, place(j), 0).r);
  ivec2 at = place(id);
  vec3 mean = texelFetch(means, at, 0).rgb;
  vec3 local = rotation * mean + translation;
  if (!(local.z >= ${NEAR} && local.z <= ${FAR.toExponential()})) return;

  vec2 slope = local.xy / local.z;
  vec2 centre = intrinsics.xy * slope + intrinsics.zw;
  vec2 held = clamp(slope, slopes.xy, slopes.zw);
  vec2 gain = intrinsics.xy / local.z;
  mat3 own = rotationOf(texelFetch(quats, at, 0));
  vec3 scale = exp(texelFetch(logScales, at, 0).rgb);
  mat3 columns = rotation * own;  // of the camera's frame
  vec3 rowX = gain.x * scale * vec3(columns[0].x - held.x * columns[0].z, columns[1].x - held.x * columns[1].z,
                                    columns[2].x - held.x * columns[2].z);
  vec3 rowY = gain.y * scale * vec3(columns[0].y - held.y * columns[0].z, columns[1].y - held.y * columns[1].z,
                                    columns[2].y - held.y * columns[2].z);
  float xx = dot(rowX, rowX), yy = dot(rowY, rowY), xy = dot(rowX, rowY);
  // Cauchy-Binet: without the cancellation of xx yy - xy xy, which needles would suffer from.
  vec3 crossed = cross(rowX, rowY);
  float sharp = dot(crossed, crossed);
  float det = sharp + ${DILATION} * (xx + yy) + ${DILATION * DILATION};
  float opacity = 1.0 / (1.0 + exp(-texelFetch(opacityLogits, at, 0).r));
  if (antialiased) opacity *= sqrt(sharp / det);
  if (!(opacity >= ${MIN_ALPHA})) return;

  // Half axes: square roots of the eigenvalues, times the distance at which alpha is 1/255.
  float half_ = 0.5 * (xx - yy), middle = 0.5 * (xx + yy) + ${DILATION};
  float apart = length(vec2(half_, xy));
  float longest = middle + apart, shortest = det / longest;
  vec2 direction = half_ >= 0.0 ? vec2(apart + half_, xy) : vec2(xy, apart - half_);
  direction = apart > 1e-6 * middle ? normalize(direction) : vec2(1.0, 0.0);
  float level = log2(opacity);
  float reach = sqrt(${2 * Math.LN2} * max(level - ${Math.log2(MIN_ALPHA)}, 0.0));
  vec2 axis = direction * reach * sqrt(longest);
  vec3 rgb = shade(id * coefficients, degree, normalize(mean - position));
  // Not a number, and infinity, are not drawn.
  if (!(dot(rgb, vec3(1.0)) <= 3e4 && dot(axis, axis) < 1e12 && dot(centre, centre) < 1e12)) return;
  shape = floatBitsToUint(vec4(centre, axis));
  paint = uvec4(floatBitsToUint(sqrt(shortest / longest)), packHalf2x16(rgb.rg), floatBitsToUint(rgb.b), floatBitsToUint(level));
}`;

/** Projected splats of one slot, in the order of drawing. */
export interface Projected {
  shapes: WebGLTexture;
  paints: WebGLTexture;
  count: number;
}

/** The program; shared by both slots. */
export class ProjectPass {
  readonly program: Program;

  constructor(gl: GL) {
    this.program = new Program(gl, WHOLE, fragment(Math.log2(widthOf(gl))));
  }
}

/** An order on the device and what it projects to. */
export class Projector {
  private readonly gl: GL;
  private readonly width: number;
  private readonly ids: RowTexture;
  private targets: { shapes: WebGLTexture; paints: WebGLTexture; framebuffer: WebGLFramebuffer; rows: number } | null = null;
  count = 0;

  constructor(gl: GL) {
    this.gl = gl;
    this.width = widthOf(gl);
    this.ids = new RowTexture(gl, { internal: gl.R32UI, format: gl.RED_INTEGER, type: gl.UNSIGNED_INT, channels: 1 }, this.width);
  }

  /** @param order numbers of splats, nearest first. */
  setOrder(order: Uint32Array<ArrayBuffer>): void {
    this.count = order.length;
    this.ids.upload(order, 0, order.length, Math.ceil(1.25 * order.length));
  }

  project({ program }: ProjectPass, scene: SceneTextures, view: View, degree: number, antialiased: boolean): Projected {
    const { gl, count } = this;
    const rows = Math.ceil(count / this.width);
    const targets = this.targetsFor(rows);
    gl.bindFramebuffer(gl.FRAMEBUFFER, targets.framebuffer);
    gl.viewport(0, 0, this.width, rows);
    gl.disable(gl.BLEND);
    gl.disable(gl.DEPTH_TEST);
    gl.disable(gl.SCISSOR_TEST);
    program.use();
    scene.bind(program);
    program.sample("ids", 5, this.ids.handle!);
    gl.uniformMatrix3fv(program.at("rotation"), true, view.rotation);
    gl.uniform3fv(program.at("translation"), view.translation);
    gl.uniform3fv(program.at("position"), view.position);
    gl.uniform4f(program.at("intrinsics"), view.fx, view.fy, view.cx, view.cy);
    gl.uniform4fv(program.at("slopes"), view.slopes);
    gl.uniform1i(program.at("count"), count);
    gl.uniform1i(program.at("degree"), degree);
    gl.uniform1i(program.at("antialiased"), Number(antialiased));
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    return { shapes: targets.shapes, paints: targets.paints, count };
  }

  dispose(): void {
    this.ids.dispose();
    this.free();
  }

  private targetsFor(rows: number) {
    if (this.targets !== null && this.targets.rows >= rows) return this.targets;
    this.free();
    const { gl } = this;
    const room = Math.max(1, Math.ceil(1.25 * rows));
    const shapes = textureOf(gl, gl.RGBA32UI, this.width, room);
    const paints = textureOf(gl, gl.RGBA32UI, this.width, room);
    this.targets = { shapes, paints, framebuffer: framebufferOf(gl, [shapes, paints]), rows: room };
    return this.targets;
  }

  private free(): void {
    if (this.targets === null) return;
    this.gl.deleteFramebuffer(this.targets.framebuffer);
    this.gl.deleteTexture(this.targets.shapes);
    this.gl.deleteTexture(this.targets.paints);
    this.targets = null;
  }
}
