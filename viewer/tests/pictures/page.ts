/** The renderer as pictures.mjs drives it. */
import { Renderer } from "../../src/render/renderer.ts";
import type { DrawOptions, Slot } from "../../src/render/options.ts";
import { cameraOf, loadSplats, type PlainCamera } from "../load.ts";

if (location.search === "?alone") {
  window.Worker = class {
    constructor() {
      throw new Error("no workers here");
    }
  } as unknown as typeof Worker;
}

const renderer = new Renderer(document.querySelector("canvas")!, {
  onLost: () => dispatchEvent(new Event("lost")),
  onRestored: () => dispatchEvent(new Event("restored")),
});

const base64 = (bytes: Uint8Array | Uint8ClampedArray) => {
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
};

/** What is on the canvas, row 0 on top. */
function canvasPixels(): Uint8Array {
  const { gl } = renderer;
  const { drawingBufferWidth: width, drawingBufferHeight: height } = gl;
  const upsideDown = new Uint8Array(4 * width * height);
  gl.bindFramebuffer(gl.FRAMEBUFFER, null);
  gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, upsideDown);
  const pixels = new Uint8Array(upsideDown.length);
  for (let y = 0; y < height; y++)
    pixels.set(upsideDown.subarray(4 * width * (height - 1 - y), 4 * width * (height - y)), 4 * width * y);
  return pixels;
}

const harness = {
  renderer,
  async load(slot: Slot, url: string | null) {
    renderer.setScene(slot, url === null ? null : await loadSplats(url));
  },
  /** As while a scene streams in: its first `count` splats are drawn before the others come. */
  async grow(url: string, count: number, camera: PlainCamera) {
    const whole = await loadSplats(url);
    const k = whole.sh.length / whole.count;
    const { means, quats, logScales, opacityLogits, sh } = whole;
    renderer.setScene(0, {
      ...whole, count, means: means.slice(0, 3 * count), quats: quats.slice(0, 4 * count), logScales: logScales.slice(0, 3 * count),
      opacityLogits: opacityLogits.slice(0, count), sh: sh.slice(0, k * count),
    }, { capacity: count });
    renderer.draw(cameraOf(camera));
    await renderer.settled();
    renderer.setScene(0, whole, { refines: true, keep: count });
  },
  /** Loses the device and gets it back. */
  async lose() {
    const device = renderer.gl.getExtension("WEBGL_lose_context")!;
    const heard = (name: string) => new Promise((resolve) => addEventListener(name, resolve, { once: true }));
    const lost = heard("lost");
    device.loseContext();
    await lost;
    await new Promise((resolve) => setTimeout(resolve, 50)); // it cannot come back while the event is still under way
    const restored = heard("restored");
    device.restoreContext();
    await restored;
  },
  /** Base64 of RGBA. */
  picture(camera: PlainCamera, options: DrawOptions) {
    return base64(renderer.picture(cameraOf(camera), options).pixels);
  },
  /** The same, of the canvas, by way of the worker. */
  async canvas(camera: PlainCamera, options: DrawOptions) {
    renderer.draw(cameraOf(camera), options);
    await renderer.settled();
    return base64(canvasPixels());
  },
  psnr: (camera: PlainCamera, options: DrawOptions) => renderer.psnr(cameraOf(camera), options),
};

Object.assign(window, { harness });
