import { framebufferOf, type GL, textureOf } from "./gl.ts";
import { OpenMap } from "./open_map.ts";

/** First column and end, px. */
export type Columns = readonly [number, number];

/** Where splats are blended: colours and what shines through, row 0 on top. */
export class Target {
  private readonly gl: GL;
  readonly format: number;
  readonly width: number;
  readonly height: number;
  readonly image: WebGLTexture;
  readonly framebuffer: WebGLFramebuffer;
  readonly openMap: OpenMap;

  /** @param format internal format of the image. */
  constructor(gl: GL, format: number, width: number, height: number) {
    this.gl = gl;
    this.format = format;
    this.width = width;
    this.height = height;
    this.image = textureOf(gl, format, width, height);
    this.framebuffer = framebufferOf(gl, [this.image]);
    this.openMap = new OpenMap(gl, width, height);
  }

  dispose(): void {
    const { gl } = this;
    this.openMap.dispose();
    gl.deleteFramebuffer(this.framebuffer);
    gl.deleteTexture(this.image);
  }
}
