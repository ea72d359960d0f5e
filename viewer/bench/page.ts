/** Two renderers and their clocks, as frames.mjs drives them. */
import type { Camera } from "../src/camera.ts";
import type { DrawOptions } from "../src/render/options.ts";
import { Renderer } from "../src/render/renderer.ts";
import { cameraOf, loadSplats, type PlainCamera } from "../tests/load.ts";
import { PlayCanvas } from "./playcanvas.ts";

interface Drawer {
  gl: WebGL2RenderingContext;
  draw(camera: Camera): void;
}

let drawers: Record<string, Drawer> = {};
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until the canvas is drawn. */
function finish(gl: WebGL2RenderingContext): void {
  gl.bindFramebuffer(gl.FRAMEBUFFER, null);
  gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
}

const harness = {
  /** Milliseconds until the first finished frame whose orders have arrived, by renderer. */
  async load(url: string, camera: PlainCamera, options: DrawOptions, minPixelSize: number) {
    const splats = await loadSplats(url);
    const times: Record<string, number> = {};
    let start = performance.now();
    const own = new Renderer(document.querySelector("#own")!);
    own.setScene(0, splats);
    own.draw(cameraOf(camera), options);
    await own.settled();
    finish(own.gl);
    times.own = performance.now() - start;
    start = performance.now();
    const other = await PlayCanvas.create(document.querySelector("#playcanvas")!, minPixelSize);
    other.setScene(splats);
    times.playcanvas = performance.now() - start;
    drawers = { own: { gl: own.gl, draw: (c) => own.draw(c, options) }, playcanvas: other };
    return times;
  },
  /** Milliseconds of each frame, from its start to its last pixel and whatever messages came meanwhile. */
  async frames(name: string, cameras: PlainCamera[]) {
    const { gl } = drawers[name];
    const times: number[] = [];
    for (const camera of cameras.map(cameraOf)) {
      const start = performance.now();
      drawers[name].draw(camera);
      finish(gl);
      await pause(0);
      times.push(performance.now() - start);
    }
    return times;
  },
  /** Base64 of RGBA of the canvas, row 0 at the bottom, once orders have arrived. */
  async still(name: string, camera: PlainCamera) {
    const { gl } = drawers[name];
    for (let k = 0; k < 12; k++) {
      drawers[name].draw(cameraOf(camera));
      finish(gl);
      await pause(60);
    }
    drawers[name].draw(cameraOf(camera));
    const pixels = new Uint8Array(4 * camera.width * camera.height);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.readPixels(0, 0, camera.width, camera.height, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
    let text = "";
    for (let i = 0; i < pixels.length; i += 8192) text += String.fromCharCode(...pixels.subarray(i, i + 8192));
    return btoa(text);
  },
};

Object.assign(window, { harness });
