import { type GL, Program, WHOLE } from "./gl.ts";
import type { Show } from "./options.ts";
import type { Target } from "./target.ts";

const FRAGMENT = `
uniform sampler2D image0, image1;
uniform vec3 background;
uniform int kind;       // 0: slot 0, 1: slot 1, 2: split, 3: difference, 4: side by side
uniform float amount;   // of a split its x in px, of a difference its gain
uniform int flipFrom;   // height of a target whose row 0 is at the bottom, 0 if it is on top
out vec4 color;

vec3 over(vec4 image) {
  return clamp(image.rgb + image.a * background, 0.0, 1.0);
}

void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  if (flipFrom > 0) at.y = flipFrom - 1 - at.y;
  ivec2 aside = ivec2(kind == 4 ? textureSize(image0, 0).x / 4 : 0, 0);
  vec3 a = over(texelFetch(image0, at + aside, 0)), b = over(texelFetch(image1, at - aside, 0));
  vec3 shown = kind == 0 || (kind == 2 && gl_FragCoord.x < amount) || (kind == 4 && at.x < textureSize(image0, 0).x / 2) ? a : b;
  if (kind == 3) shown = amount * abs(a - b);
  color = vec4(shown, 1.0);
}`;

const KINDS = { split: 2, difference: 3, side: 4 } as const;
type Images = readonly [Target | null, Target | null];

/** Blended slots to 8-bit pixels. */
export class PresentPass {
  private readonly gl: GL;
  private readonly program: Program;

  constructor(gl: GL) {
    this.gl = gl;
    this.program = new Program(gl, WHOLE, FRAGMENT);
  }

  /**
   * @param framebuffer null for the canvas.
   * @param images of slots 0 and 1; one that is not shown may be missing.
   */
  present(framebuffer: WebGLFramebuffer | null, images: Images, show: Show, background: readonly number[]): void {
    const { gl, program } = this;
    const [first, second] = images;
    const some = (first ?? second)!;
    gl.bindFramebuffer(gl.FRAMEBUFFER, framebuffer);
    gl.viewport(0, 0, some.width, some.height);
    program.use();
    program.sample("image0", 0, (first ?? some).image);
    program.sample("image1", 1, (second ?? some).image);
    gl.uniform3f(program.at("background"), background[0], background[1], background[2]);
    gl.uniform1i(program.at("kind"), show.kind === "slot" ? show.slot : KINDS[show.kind]);
    gl.uniform1f(program.at("amount"), show.kind === "split" ? show.x : show.kind === "difference" ? show.gain : 0);
    gl.uniform1i(program.at("flipFrom"), framebuffer === null ? some.height : 0);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  dispose(): void {
    this.program.dispose();
  }
}
