import type { Camera } from "../camera.ts";
import type { Splats } from "../splats.ts";
import { BlendPass } from "./blend_pass.ts";
import { framebufferOf, type GL, textureOf } from "./gl.ts";
import { Layer, type Passes, type Shot } from "./layer.ts";
import type { DrawOptions, Growth, Picture, Show, Slot } from "./options.ts";
import { OpenMapPass } from "./open_map.ts";
import { PresentPass } from "./present_pass.ts";
import { ProjectPass } from "./project_pass.ts";
import { psnr } from "./psnr.ts";
import type { Columns, Target } from "./target.ts";
import { viewOf } from "./view.ts";

/** What a renderer tells its owner; all optional. */
export interface RendererEvents {
  /** An order of splats has arrived that the last frame did not have: draw again. */
  onOrder?: () => void;
  /** The device is gone; nothing is drawn until `onRestored`. */
  onLost?: () => void;
  /** The device is back, and scenes are uploaded again: draw again. */
  onRestored?: () => void;
}

/**
 * Draws up to two scenes as `gscompress.render.render_view` does, by WebGL2.
 *
 * Three steps for each scene: splats are projected and coloured, once each; blended nearest first into floats; and the slots
 * are put together on the canvas. The order of splats comes from a worker, so a frame of a moving camera has an order that is a
 * little old; `drawExact` and `settled` are for images that must not.
 */
export class Renderer {
  private readonly canvas: HTMLCanvasElement;
  private readonly events: RendererEvents;
  readonly gl: GL;
  /** The device is no GPU: frames take long, and a page may want to say so. */
  readonly software: boolean;
  private passes!: Passes & { present: PresentPass };
  private readonly layers: [Layer, Layer];
  private formats!: { 16: number; 32: number; auto: number };
  private last: { camera: Camera; options: DrawOptions } | null = null;

  /** @throws Error if the browser has no WebGL2. */
  constructor(canvas: HTMLCanvasElement, events: RendererEvents = {}) {
    this.canvas = canvas;
    this.events = events;
    // Frames that were drawn stay, so that a page may draw only when something changed, and copy the canvas at any time.
    const gl = canvas.getContext("webgl2", {
      alpha: false, antialias: false, depth: false, preserveDrawingBuffer: true, powerPreference: "high-performance",
    });
    if (gl === null) throw new Error("This browser has no WebGL2, or it is switched off");
    this.gl = gl;
    this.software = drawnByCpu(gl);
    this.prepare();
    const onOrder = () => events.onOrder?.();
    this.layers = [new Layer(gl, onOrder), new Layer(gl, onOrder)];
    canvas.addEventListener("webglcontextlost", this.lost);
    canvas.addEventListener("webglcontextrestored", this.restored);
  }

  /**
   * Puts a scene into a slot, or empties it. Arrays are not copied and must stay as they are.
   *
   * @throws RangeError if the scene is too large for the device.
   */
  setScene(slot: Slot, splats: Splats | null, growth: Growth = {}): void {
    this.layers[slot].setScene(splats, growth);
  }

  /** Draws with the newest orders there are, and asks for better ones. */
  draw(camera: Camera, options: DrawOptions = {}): void {
    this.frame(camera, options, false);
  }

  /** Draws with orders of exactly this view, sorted on this thread. */
  drawExact(camera: Camera, options: DrawOptions = {}): void {
    this.frame(camera, options, true);
  }

  /** Resolves when the canvas shows the last drawn camera with its own orders. */
  async settled(): Promise<void> {
    const { last } = this;
    if (last === null) return;
    this.draw(last.camera, last.options); // the scene may be newer than the last request for an order
    await Promise.all(this.layers.map((layer) => layer.settled()));
    if (this.last !== null) this.draw(this.last.camera, this.last.options);
  }

  /** The image of a camera as 8-bit pixels, drawn exactly; the canvas is left alone. */
  picture(camera: Camera, options: DrawOptions = {}): Picture {
    const { gl } = this;
    const { width, height } = camera;
    const texture = textureOf(gl, gl.RGBA8, width, height);
    const framebuffer = framebufferOf(gl, [texture]);
    this.compose(framebuffer, camera, options, true);
    const pixels = new Uint8ClampedArray(4 * width * height);
    gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
    gl.deleteFramebuffer(framebuffer);
    gl.deleteTexture(texture);
    return { width, height, pixels };
  }

  /** dB, of slot 1 against slot 0, of 8-bit pixels; infinite where they are the same. */
  psnr(camera: Camera, options: DrawOptions = {}): number {
    const [a, b] = ([0, 1] as const).map((slot) => this.picture(camera, { ...options, show: { kind: "slot", slot } }));
    return psnr(a, b);
  }

  /** How many splats of a slot may touch the image that was drawn last. */
  drawn(slot: Slot): number {
    return this.layers[slot].drawn;
  }

  /** Gives the device's memory back and ends workers. */
  dispose(): void {
    this.canvas.removeEventListener("webglcontextlost", this.lost);
    this.canvas.removeEventListener("webglcontextrestored", this.restored);
    for (const layer of this.layers) layer.dispose();
    this.passes.project.program.dispose();
    this.passes.blend.dispose();
    this.passes.openMap.dispose();
    this.passes.present.dispose();
    this.last = null;
  }

  private frame(camera: Camera, options: DrawOptions, exact: boolean): void {
    if (this.gl.isContextLost() || camera.width < 1 || camera.height < 1) return;
    this.last = { camera, options };
    if (this.canvas.width !== camera.width) this.canvas.width = camera.width;
    if (this.canvas.height !== camera.height) this.canvas.height = camera.height;
    this.compose(null, camera, options, exact);
  }

  private compose(framebuffer: WebGLFramebuffer | null, camera: Camera, options: DrawOptions, exact: boolean): void {
    const show: Show = options.show ?? { kind: "slot", slot: 0 };
    const shot: Shot = {
      view: viewOf(camera),
      shDegree: options.shDegree ?? 3,
      budget: options.budget ?? Infinity,
      format: this.formats[options.precision ?? "auto"],
    };
    const image = (slot: Slot): Target | null => {
      if (show.kind === "slot" && show.slot !== slot) return null;
      return this.layers[slot].image(this.passes, shot, columnsOf(show, slot, camera.width), exact);
    };
    this.passes.present.present(framebuffer, [image(0), image(1)], show, options.background ?? [0, 0, 0]);
  }

  private prepare(): void {
    const { gl } = this;
    const full = gl.getExtension("EXT_color_buffer_float") !== null;
    const half = full || gl.getExtension("EXT_color_buffer_half_float") !== null;
    const blended = full && gl.getExtension("EXT_float_blend") !== null;
    const format16 = half ? gl.RGBA16F : gl.RGBA8;
    const format32 = blended ? gl.RGBA32F : format16;
    this.formats = { 16: format16, 32: format32, auto: this.software ? format32 : format16 };
    this.passes = {
      project: new ProjectPass(gl),
      blend: new BlendPass(gl),
      openMap: new OpenMapPass(gl),
      present: new PresentPass(gl),
    };
  }

  private readonly lost = (event: Event): void => {
    event.preventDefault(); // or it would never come back
    this.events.onLost?.();
  };

  private readonly restored = (): void => {
    this.prepare();
    for (const layer of this.layers) layer.restore();
    this.events.onRestored?.();
  };
}

/** Columns of a slot that are looked at. */
function columnsOf(show: Show, slot: Slot, width: number): Columns {
  if (show.kind === "side") return [Math.floor(width / 4), Math.ceil((3 * width) / 4)];
  if (show.kind !== "split") return [0, width];
  const x = Math.min(width, Math.max(0, Math.ceil(show.x)));
  return slot === 0 ? [0, x] : [Math.max(0, x - 1), width];
}

/** Whether the device is no GPU. Such ones take half the time for 32-bit floats that they take for 16-bit ones. */
function drawnByCpu(gl: GL): boolean {
  const about = gl.getExtension("WEBGL_debug_renderer_info");
  const name: string = gl.getParameter(about === null ? gl.RENDERER : about.UNMASKED_RENDERER_WEBGL) ?? "";
  return /swiftshader|llvmpipe|softpipe|software|basic render/i.test(name);
}
