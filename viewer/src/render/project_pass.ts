import { DILATION, FAR, MIN_ALPHA, NEAR } from "./constants.ts";
import { framebufferOf, type GL, Program, textureOf, WHOLE } from "./gl.ts";
import { HARMONICS } from "./harmonics.ts";
import { HIDDEN } from "./open_map.ts";
import { RowTexture } from "./row_texture.ts";
import { type SceneTextures, widthOf } from "./scene_textures.ts";
import type { View } from "./view.ts";

/** Projected splats in a row of their textures; a power of two. */
export const PROJECTED_BITS = 11;
export const PROJECTED_WIDTH = 1 << PROJECTED_BITS;

/**
 * One fragment per splat, in the order of drawing. A vertex shader would do the same work once for each corner.
 *
 * shape: bits of floats: centre in px, half axis of the ellipse where alpha is 1/255 in px.
 * paint: bits of: short half axis over long one, red and green as halves, blue, log2 of the opacity.
 * The long half axis is 0 for what is not to be drawn.
 */
const fragment = (bits: number) => `
const int rowBits = ${bits}, rowWidth = ${1 << bits};  // of the scene's textures
uniform usampler2D ids;
uniform sampler2D means, quats, logScales, opacityLogits;
uniform mat3 rotation;
uniform vec3 translation, position;
uniform vec4 intrinsics, slopes;
uniform int count, coefficients, degree;
uniform bool antialiased, culled;
layout(location = 0) out uvec4 shape;
layout(location = 1) out uvec4 paint;
${HARMONICS}
${HIDDEN}

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
  ivec2 here = ivec2(gl_FragCoord.xy);
  if (here.y * ${PROJECTED_WIDTH} + here.x >= count) return;
  int id = int(texelFetch(ids, here, 0).r);
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
  vec2 extent = reach * sqrt(vec2(xx, yy) + ${DILATION});
  if (culled && hidden(centre - extent, centre + extent)) return;
  vec3 rgb = shade(id * coefficients, degree, normalize(mean - position));
  // Not a number, and infinity, are not drawn.
  if (!(dot(rgb, vec3(1.0)) <= 3e4 && dot(axis, axis) < 1e12 && dot(centre, centre) < 1e12)) return;
  shape = floatBitsToUint(vec4(centre, axis));
  paint = uvec4(floatBitsToUint(sqrt(shortest / longest)), packHalf2x16(rgb.rg), floatBitsToUint(rgb.b), floatBitsToUint(level));
}`;

/** Projected splats of one slot, in the order of drawing, in rows of PROJECTED_WIDTH. */
export interface Projected {
  shapes: WebGLTexture;
  paints: WebGLTexture;
}

/** What the projection of a scene depends on. */
export interface Projection {
  scene: SceneTextures;
  view: View;
  degree: number;
  antialiased: boolean;
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
  private readonly ids: RowTexture;
  private targets: (Projected & { framebuffer: WebGLFramebuffer; rows: number }) | null = null;
  count = 0;

  constructor(gl: GL) {
    this.gl = gl;
    this.ids = new RowTexture(gl, { internal: gl.R32UI, format: gl.RED_INTEGER, type: gl.UNSIGNED_INT, channels: 1 }, PROJECTED_WIDTH);
  }

  get projected(): Projected {
    return this.targets!;
  }

  /** @param order numbers of splats, nearest first. */
  setOrder(order: Uint32Array<ArrayBuffer>): void {
    this.count = order.length;
    this.ids.upload(order, 0, order.length, Math.ceil(1.25 * order.length));
  }

  /** Binds everything for `project`. */
  begin({ program }: ProjectPass, { scene, view, degree, antialiased }: Projection): void {
    const { gl } = this;
    this.reserve(Math.ceil(this.count / PROJECTED_WIDTH));
    program.use();
    scene.bind(program);
    gl.uniformMatrix3fv(program.at("rotation"), true, view.rotation);
    gl.uniform3fv(program.at("translation"), view.translation);
    gl.uniform3fv(program.at("position"), view.position);
    gl.uniform4f(program.at("intrinsics"), view.fx, view.fy, view.cx, view.cy);
    gl.uniform4fv(program.at("slopes"), view.slopes);
    gl.uniform1i(program.at("count"), this.count);
    gl.uniform1i(program.at("degree"), degree);
    gl.uniform1i(program.at("antialiased"), Number(antialiased));
  }

  /**
   * Projects splats `first` to `end` of the order; `first` starts a row.
   *
   * @param openSums of an OpenMap: leaves out splats that no pixel can take any more.
   */
  project({ program }: ProjectPass, { scene }: Projection, first: number, end: number, openSums: WebGLTexture | null): void {
    const { gl } = this;
    const row = first / PROJECTED_WIDTH;
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.targets!.framebuffer);
    gl.viewport(0, row, PROJECTED_WIDTH, Math.ceil(end / PROJECTED_WIDTH) - row);
    program.use();
    scene.bind(program);
    program.sample("ids", 5, this.ids.handle!);
    program.sample("openSums", 6, openSums ?? this.ids.handle!);
    gl.uniform1i(program.at("culled"), Number(openSums !== null));
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  dispose(): void {
    this.ids.dispose();
    this.free();
  }

  private reserve(rows: number): void {
    if (this.targets !== null && this.targets.rows >= rows) return;
    this.free();
    const { gl } = this;
    const room = Math.max(1, Math.ceil(1.25 * rows));
    const [shapes, paints] = [0, 1].map(() => textureOf(gl, gl.RGBA32UI, PROJECTED_WIDTH, room));
    this.targets = { shapes, paints, framebuffer: framebufferOf(gl, [shapes, paints]), rows: room };
  }

  private free(): void {
    if (this.targets === null) return;
    this.gl.deleteFramebuffer(this.targets.framebuffer);
    this.gl.deleteTexture(this.targets.shapes);
    this.gl.deleteTexture(this.targets.paints);
    this.targets = null;
  }
}
