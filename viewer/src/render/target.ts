import { framebufferOf, type GL, textureOf } from "./gl.ts";

/** Where splats are blended: colours and what shines through, row 0 on top, and a depth that says which pixels are closed. */
export class Target {
  private readonly gl: GL;
  readonly format: number;
  readonly width: number;
  readonly height: number;
  readonly image: WebGLTexture;
  readonly framebuffer: WebGLFramebuffer;
  /** Only the depth, so that the image can be read while pixels are closed. */
  readonly depthOnly: WebGLFramebuffer;
  private readonly depth: WebGLRenderbuffer;

  /** @param format internal format of the image. */
  constructor(gl: GL, format: number, width: number, height: number) {
    this.gl = gl;
    this.format = format;
    this.width = width;
    this.height = height;
    this.image = textureOf(gl, format, width, height);
    this.depth = gl.createRenderbuffer();
    gl.bindRenderbuffer(gl.RENDERBUFFER, this.depth);
    gl.renderbufferStorage(gl.RENDERBUFFER, gl.DEPTH_COMPONENT16, width, height);
    this.framebuffer = framebufferOf(gl, [this.image], this.depth);
    this.depthOnly = framebufferOf(gl, [], this.depth);
  }

  dispose(): void {
    const { gl } = this;
    gl.deleteFramebuffer(this.framebuffer);
    gl.deleteFramebuffer(this.depthOnly);
    gl.deleteRenderbuffer(this.depth);
    gl.deleteTexture(this.image);
  }
}
