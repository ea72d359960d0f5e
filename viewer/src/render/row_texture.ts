import { type GL, textureOf } from "./gl.ts";

/** What an array of rows of 1, 3 or 4 numbers is called in WebGL. */
interface Layout {
  internal: number;
  format: number;
  type: number;
  /** Numbers in a texel. */
  channels: number;
}

/** A long row of texels, folded: texel t is at (t mod width, floor(t / width)). */
export class RowTexture {
  private readonly gl: GL;
  private readonly layout: Layout;
  private readonly width: number;
  handle: WebGLTexture | null = null;
  private rows = 0;

  constructor(gl: GL, layout: Layout, width: number) {
    this.gl = gl;
    this.layout = layout;
    this.width = width;
  }

  /**
   * Uploads texels of `data` from number `from` on; earlier ones stay unless the texture has to grow.
   *
   * @param texels how many there are in all.
   * @param capacity for how many to make room where there is none.
   */
  upload(data: ArrayBufferView & (Float32Array | Uint32Array), from: number, texels: number, capacity: number): void {
    const { gl, layout, width } = this;
    const { format, type, channels } = layout;
    let first = Math.floor(from / width);
    if (Math.ceil(texels / width) > this.rows || this.handle === null) {
      this.dispose();
      this.rows = Math.max(1, Math.ceil(Math.max(texels, capacity) / width));
      this.handle = textureOf(gl, layout.internal, width, this.rows);
      first = 0;
    }
    gl.bindTexture(gl.TEXTURE_2D, this.handle);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 4);
    const put = (row: number, columns: number, rows: number) =>
      gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, row, columns, rows, format, type, data, row * width * channels);
    const whole = Math.floor(texels / width);
    const rest = texels - whole * width;
    if (whole > first) put(first, width, whole - first);
    if (rest > 0) put(whole, rest, 1);
  }

  dispose(): void {
    this.gl.deleteTexture(this.handle);
    this.handle = null;
    this.rows = 0;
  }
}
