/** Small helpers around WebGL2. */

export type GL = WebGL2RenderingContext;

/** A linked program and where its uniforms are. */
export class Program {
  private readonly gl: GL;
  readonly handle: WebGLProgram;
  private readonly places = new Map<string, WebGLUniformLocation | null>();

  constructor(gl: GL, vertex: string, fragment: string) {
    this.gl = gl;
    this.handle = gl.createProgram();
    const shaders = [shaderOf(gl, gl.VERTEX_SHADER, vertex), shaderOf(gl, gl.FRAGMENT_SHADER, fragment)];
    for (const shader of shaders) gl.attachShader(this.handle, shader);
    gl.linkProgram(this.handle);
    for (const shader of shaders) gl.deleteShader(shader);
    if (!gl.getProgramParameter(this.handle, gl.LINK_STATUS) && !gl.isContextLost()) {
      const why = [...shaders.map((shader) => gl.getShaderInfoLog(shader)), gl.getProgramInfoLog(this.handle)];
      throw new Error(`A shader does not compile here: ${why.join("")}`);
    }
  }

  use(): void {
    this.gl.useProgram(this.handle);
  }

  at(name: string): WebGLUniformLocation | null {
    let place = this.places.get(name);
    if (place === undefined) {
      place = this.gl.getUniformLocation(this.handle, name);
      this.places.set(name, place);
    }
    return place;
  }

  /** Binds a texture to a unit and the sampler `name` to it. */
  sample(name: string, unit: number, texture: WebGLTexture): void {
    this.gl.activeTexture(this.gl.TEXTURE0 + unit);
    this.gl.bindTexture(this.gl.TEXTURE_2D, texture);
    this.gl.uniform1i(this.at(name), unit);
  }

  dispose(): void {
    this.gl.deleteProgram(this.handle);
  }
}

function shaderOf(gl: GL, kind: number, text: string): WebGLShader {
  const shader = gl.createShader(kind)!;
  const precisions = ["float", "int", "sampler2D", "usampler2D"].map((kind) => `precision highp ${kind};`);
  gl.shaderSource(shader, `#version 300 es\n${precisions.join("\n")}\n${text}`);
  gl.compileShader(shader);
  return shader;
}

/** An empty texture without filtering. */
export function textureOf(gl: GL, format: number, width: number, height: number): WebGLTexture {
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.texStorage2D(gl.TEXTURE_2D, 1, format, width, height);
  for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, filter, gl.NEAREST);
  for (const wrap of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, wrap, gl.CLAMP_TO_EDGE);
  return texture;
}

/** A framebuffer that draws to `colors`. */
export function framebufferOf(gl: GL, colors: WebGLTexture[]): WebGLFramebuffer {
  const framebuffer = gl.createFramebuffer();
  gl.bindFramebuffer(gl.FRAMEBUFFER, framebuffer);
  colors.forEach((texture, k) =>
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0 + k, gl.TEXTURE_2D, texture, 0));
  gl.drawBuffers(colors.map((_, k) => gl.COLOR_ATTACHMENT0 + k));
  return framebuffer;
}

/** Covers everything with one triangle; its vertices need no buffer. */
export const WHOLE = `
void main() {
  gl_Position = vec4(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0, 0.0, 1.0);
}`;
