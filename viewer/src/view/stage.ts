import type { Camera } from "../camera.ts";
import type { DrawOptions, Picture, Show, Slot } from "../render/options.ts";
import { Renderer } from "../render/renderer.ts";
import { BACKGROUNDS, DEFAULTS, DIFFERENCE_GAIN, type Settings, shownNow } from "../settings.ts";
import type { Splats } from "../splats.ts";
import { Controls, type Viewpoint } from "./controls.ts";
import { extentOf, type Extent } from "./extent.ts";
import { pick } from "./pick.ts";
import { between, cameraOf, lookAt, type Pose } from "./pose.ts";
import { scale, subtract, type Vec3 } from "./vectors.ts";

const FLIGHT_MS = 450;
/** While the view moves, pictures that take longer than this many milliseconds are drawn with fewer pixels. */
const SLUGGISH_MS = 45;
const [FINEST, COARSEST] = [1, 0.4];
/** Milliseconds without motion after which the picture is drawn in full and exactly. */
const STILL_MS = 120;
/** Share of the scene's radius that one flies in a second. */
const SPEED = 0.5;

/** What the stage tells its owner; `still` when a picture stands that is exact. */
export interface StageEvents {
  frame(milliseconds: number): void;
  flickered(): void;
  moved(pose: Pose): void;
  /** Someone takes the view into their hands. */
  grabbed(): void;
  still(camera: Camera): void;
  lost(gone: boolean): void;
}

/** The canvas: one camera, up to two scenes, drawn when something changed. */
export class Stage implements Viewpoint {
  readonly canvas = document.createElement("canvas");
  readonly #renderer: Renderer;
  readonly #controls: Controls;
  readonly #events: StageEvents;
  readonly #scenes: [Splats | null, Splats | null] = [null, null];
  #extent: Extent = { centre: [0, 0, 0], radius: 1 };
  #pose: Pose = lookAt([0, 0, -3], [0, 0, 0], [0, -1, 0]);
  #settings: Settings = DEFAULTS;
  #share = 0.5;
  #flight: { from: Pose; to: Pose; start: number } | null = null;
  #scale = FINEST;
  #frameMs = 16;
  #lastMotion = 0;
  #lastFrame = 0;
  #waiting = false;
  #drawn = false;
  #stillTimer = 0;
  /** A scene has moved on since the last picture. */
  #swapped = false;
  up: Vec3 = [0, -1, 0];

  /** @throws Error if the browser has no WebGL2. */
  constructor(events: StageEvents) {
    this.#events = events;
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("aria-label", "The scene. Drag to orbit; press H for keys.");
    this.canvas.setAttribute("role", "img");
    this.#renderer = new Renderer(this.canvas, {
      onOrder: () => this.redraw(),
      onLost: () => events.lost(true),
      onRestored: () => {
        events.lost(false);
        this.redraw();
      },
    });
    this.#controls = new Controls(this.canvas, this);
    new ResizeObserver(() => this.redraw()).observe(this.canvas);
    window.addEventListener("gamepadconnected", () => this.#watchPads());
    window.addEventListener("keydown", () => this.#controls.active && this.redraw());
  }

  get speed(): number {
    return SPEED * this.#extent.radius;
  }

  get extent(): Extent {
    return this.#extent;
  }

  get pose(): Pose {
    return this.#pose;
  }

  set pose(pose: Pose) {
    this.#pose = pose;
    this.#lastMotion = performance.now();
    this.#events.moved(pose);
    this.redraw();
  }

  get scenes(): readonly (Splats | null)[] {
    return this.#scenes;
  }

  get settings(): Settings {
    return this.#settings;
  }

  set settings(settings: Settings) {
    this.#settings = settings;
    this.redraw();
  }

  /** Where the slider is, share of the width. */
  set share(share: number) {
    this.#share = share;
    this.redraw();
  }

  /** @param keep first splats that are as they were in this slot, of the `capacity` that there will be. */
  setScene(slot: Slot, splats: Splats | null, keep = 0, capacity = 0): void {
    const refines = splats !== null && this.#scenes[slot]?.means.buffer === splats.means.buffer;
    this.#scenes[slot] = splats;
    this.#renderer.setScene(slot, splats, { refines, keep, capacity });
    const first = this.#scenes[0] ?? this.#scenes[1];
    if (first && first.count > 0) this.#extent = extentOf(first);
    this.redraw();
  }

  /** Another frame of a scene that moves: drawn at once in an order of its own, about the place where the first one was. */
  showFrame(slot: Slot, splats: Splats, capacity: number): void {
    this.#scenes[slot] = splats;
    this.#renderer.setScene(slot, splats, { capacity });
    this.#swapped = true;
    this.redraw();
  }

  /** Goes to a pose, smoothly where the user likes motion. */
  flyTo(to: Pose): void {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.pose = to;
      return;
    }
    this.#flight = { from: this.#pose, to, start: performance.now() };
    this.redraw();
  }

  grabbed(): void {
    this.#events.grabbed();
    this.#flight = null;
    this.redraw();
  }

  clicked(x: number, y: number): void {
    const scene = this.#scenes[0] ?? this.#scenes[1];
    if (!scene) return;
    const at = pick(scene, this.#camera(this.canvas.clientWidth, this.canvas.clientHeight), x, y);
    if (!at) return;
    const ahead = subtract(at, this.#pose.position);
    const distance = Math.hypot(...ahead);
    this.flyTo({ ...lookAt(this.#pose.position, at, scale(this.#pose.down, -1), this.#pose.fovY), distance });
  }

  /** The view as 8-bit pixels, drawn exactly, at the size that the canvas has on the screen. */
  picture(): Picture {
    const [width, height] = this.#size(FINEST);
    return this.#renderer.picture(this.#camera(width, height), this.#options(width));
  }

  /** dB between the two scenes in this view. */
  psnr(): number {
    const [width, height] = this.#size(FINEST);
    return this.#renderer.psnr(this.#camera(width, height), this.#options(width));
  }

  /** A gamepad says nothing by itself: it is looked at as long as there is one. */
  #watchPads(): void {
    if (!navigator.getGamepads().some((pad) => pad?.connected)) return;
    if (this.#controls.active) this.redraw();
    requestAnimationFrame(() => this.#watchPads());
  }

  redraw(): void {
    delete this.canvas.dataset.still;
    if (this.#waiting) return;
    this.#waiting = true;
    requestAnimationFrame((now) => this.#frame(now));
  }

  #frame(now: number): void {
    this.#waiting = false;
    const apart = now - this.#lastFrame;
    this.#lastFrame = now;
    if (this.#flight) this.#fly(now);
    if (this.#controls.active && this.#controls.tick(Math.min(apart, 100) / 1000)) this.redraw();
    const moving = now - this.#lastMotion < STILL_MS;
    if (moving && apart < 1000) {
      this.#frameMs += 0.2 * (apart - this.#frameMs);
      this.#events.frame(this.#frameMs);
      if (this.#frameMs > SLUGGISH_MS) this.#scale = Math.max(COARSEST, this.#scale * 0.9);
      else if (this.#frameMs < SLUGGISH_MS / 2) this.#scale = Math.min(FINEST, this.#scale * 1.1);
    }
    const [width, height] = this.#size(moving ? this.#scale : FINEST);
    const camera = this.#camera(width, height);
    if (this.#swapped) this.#renderer.drawExact(camera, this.#options(width));
    else this.#renderer.draw(camera, this.#options(width));
    this.#swapped = false;
    if (!this.#drawn && this.#scenes.some((scene) => scene?.count)) {
      this.#drawn = true;
      performance.mark("first picture");
    }
    clearTimeout(this.#stillTimer);
    this.#stillTimer = window.setTimeout(() => this.#settle(), STILL_MS);
    const flickers = this.#settings.mode === "flicker" && !this.#scenes.includes(null);
    if (flickers) this.#events.flickered();
    if (flickers || this.#controls.active) this.redraw();
  }

  #settle(): void {
    if (this.#renderer.gl.isContextLost()) return; // nothing is drawn, and what is read is black
    const [width, height] = this.#size(FINEST);
    const camera = this.#camera(width, height);
    this.#renderer.drawExact(camera, this.#options(width));
    this.canvas.dataset.still = ""; // for whoever takes pictures of the page
    this.#events.still(camera);
  }

  #fly(now: number): void {
    const { from, to, start } = this.#flight!;
    const t = Math.min(1, (now - start) / FLIGHT_MS);
    const flight = this.#flight;
    this.pose = t < 1 ? between(from, to, t * t * (3 - 2 * t)) : to;
    this.#flight = t < 1 ? flight : null;
  }

  #camera(width: number, height: number): Camera {
    return cameraOf(this.#pose, width, height);
  }

  #size(share: number): [number, number] {
    const ratio = (window.devicePixelRatio || 1) * share;
    return [Math.max(1, Math.round(this.canvas.clientWidth * ratio)), Math.max(1, Math.round(this.canvas.clientHeight * ratio))];
  }

  #options(width: number): DrawOptions {
    const { shDegree, budget, background } = this.#settings;
    return { show: this.#show(width), shDegree, budget, background: BACKGROUNDS[background] };
  }

  #show(width: number): Show {
    const both = this.#scenes[0] !== null && this.#scenes[1] !== null;
    if (!both) return { kind: "slot", slot: this.#scenes[0] === null && this.#scenes[1] !== null ? 1 : 0 };
    switch (this.#settings.mode) {
      case "first":
        return { kind: "slot", slot: 0 };
      case "second":
        return { kind: "slot", slot: 1 };
      case "slider":
        return { kind: "split", x: this.#share * width };
      case "side":
        return { kind: "side" };
      case "flicker":
        return { kind: "slot", slot: shownNow() };
      case "difference":
        return { kind: "difference", gain: DIFFERENCE_GAIN };
    }
  }
}
