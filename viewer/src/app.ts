import { readCameras } from "./cameras/cameras.ts";
import { CameraFault, type NamedCamera } from "./cameras/named_camera.ts";
import type { SequenceSource } from "./decode/index.ts";
import { loadScene } from "./load/load.ts";
import { ofFile, served, type Opening, type SceneSource } from "./load/sources.ts";
import type { Slot } from "./render/options.ts";
import { BACKGROUNDS, DEFAULTS, MODES, type Settings } from "./settings.ts";
import type { Splats } from "./splats.ts";
import { Divider } from "./ui/divider.ts";
import { button, el } from "./ui/dom.ts";
import { helpDialog } from "./ui/help.ts";
import { shortcuts } from "./ui/keys.ts";
import { Labels } from "./ui/labels.ts";
import { Messages } from "./ui/messages.ts";
import { type SceneFacts, ScenePanel, StatsPanel } from "./ui/panels.ts";
import { ProgressBars } from "./ui/progress.ts";
import { savePicture } from "./ui/save.ts";
import { TimeBar } from "./ui/timebar.ts";
import { Toolbar } from "./ui/toolbar.ts";
import { Player } from "./view/player.ts";
import { framed, lookAt, type Pose } from "./view/pose.ts";
import { Presets } from "./view/presets.ts";
import { Stage } from "./view/stage.ts";
import { fromHash, timeFrom, toHash } from "./view/url.ts";
import { add, scale, unit } from "./view/vectors.ts";

const SCENE_ENDINGS = /\.(gsz|ply|splat|spz|sog|zip)$/i;
const POLL_MS = 1000;
/** The address follows the view no more often than this. */
const ADDRESS_MS = 300;

/** The page: what is shown, where it comes from, and every control. */
export class App {
  readonly #root: HTMLElement;
  readonly #stage: Stage;
  readonly #toolbar: Toolbar;
  readonly #messages = new Messages();
  readonly #bars = new ProgressBars();
  readonly #panel = new ScenePanel();
  readonly #stats = new StatsPanel();
  readonly #help = helpDialog();
  readonly #divider: Divider;
  readonly #labels = new Labels();
  readonly #player: Player;
  readonly #welcome: HTMLElement;
  readonly #facts: [SceneFacts | null, SceneFacts | null] = [null, null];
  readonly #loads: [AbortController | null, AbortController | null] = [null, null];
  #presets = new Presets();
  #start: Pose | null = null;
  #placed = false;
  /** Someone has moved the view, which is left alone from then on. */
  #byHand = false;
  #psnr: number | null = null;
  #psnrHere: number | null = null;
  #hashTimer = 0;
  /** Most splats of a sequence's frames. */
  readonly #capacities: [number, number] = [0, 0];

  /** @throws Error if the browser has no WebGL2. */
  constructor(root: HTMLElement) {
    this.#root = root;
    root.classList.add("viewer");
    this.#stage = new Stage({
      frame: (ms) => this.#showStats(ms),
      flickered: () => this.#labels.flicker(),
      moved: () => this.#moved(),
      grabbed: () => (this.#byHand = true),
      still: () => this.#still(),
      lost: (gone) => gone && this.#messages.show("Graphics", "The browser took the graphics device away; the picture comes back by itself."),
    });
    const act = {
      frame: () => this.#stage.flyTo(framed(this.#stage.pose, this.#stage.extent.centre, this.#stage.extent.radius)),
      reset: () => this.#start && this.#stage.flyTo(this.#start),
      step: (by: 1 | -1) => this.#camera(this.#presets.chosen + by),
      camera: (index: number) => this.#camera(index),
      picture: () => void savePicture(this.#stage.picture(), this.#facts[0]?.name ?? "scene"),
      fullScreen: () => void (document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen()),
      theme: () => toggleTheme(),
      help: () => this.#help.showModal(),
      open: () => picker.click(),
      panel: (which: "scene" | "stats") => this.#toggle(which),
      change: (settings: Partial<Settings>) => this.#change(settings),
    };
    this.#toolbar = new Toolbar(act);
    const timebar = new TimeBar({
      toggle: () => this.#player.toggle(),
      step: (by) => this.#player.step(by),
      seek: (seconds) => this.#player.seek(seconds),
      speed: (speed) => (this.#player.speed = speed),
    });
    this.#player = new Player({
      show: (slot, splats) => this.#showFrame(slot, splats),
      fault: (slot, frame, error) => this.#messages.show(`${this.#facts[slot]?.name ?? "Sequence"}, frame ${frame}`, error.message),
      moment: (moment) => {
        timebar.show(moment);
        if (!moment?.playing) this.#address();
      },
    });
    this.#divider = new Divider(() => this.#stage && (this.#stage.share = this.#divider?.share ?? 0.5));
    const picker = el("input", { type: "file", multiple: true, hidden: true, "aria-label": "Files" });
    picker.addEventListener("change", () => {
      void this.open([...(picker.files ?? [])]);
      picker.value = ""; // so that the same file can be opened again
    });
    this.#welcome = el("div", { class: "welcome", hidden: true }, el("h1", {}, "gscompress"),
      el("p", {}, "Drop a .gsz, .ply or .splat here, or two to compare them."), button("Open files", "Open files", () => picker.click()));
    const dock = el("div", { class: "dock" }, this.#bars.element, this.#labels.element, timebar.element, this.#toolbar.element);
    root.append(this.#stage.canvas, this.#divider.element, dock, this.#panel.element, this.#stats.element, this.#welcome,
      this.#messages.element, picker, this.#help);
    shortcuts(act, {
      play: () => this.#player.toggle(),
      stepFrame: (by) => this.#player.step(by),
      modes: () => this.#change({ mode: next(MODES, this.#stage.settings.mode) }),
      backgrounds: () => this.#change({ background: next(Object.keys(BACKGROUNDS), this.#stage.settings.background) }),
      swap: () => this.#change({ mode: this.#stage.settings.mode === "first" ? "second" : "first" }),
    });
    this.#drops();
    this.#change(DEFAULTS);
  }

  /** Shows what the page was opened with. */
  async start(opening: Opening): Promise<void> {
    this.#setCameras(opening.cameras);
    this.#welcome.hidden = opening.scenes.length > 0;
    if (opening.scenes.length > 1) this.#change({ mode: "slider" });
    this.#psnr = typeof opening.psnr === "number" ? opening.psnr : null;
    if (opening.fault) this.#messages.show("Cameras", opening.fault);
    const loading = opening.scenes.slice(0, 2).map((source, i) => this.#load(i as Slot, source));
    if (opening.psnr === "pending") void this.#awaitPsnr();
    await Promise.all(loading);
  }

  /** Opens dropped or chosen files: cameras, and one scene or two. A single scene takes the second place where the first is taken by its original. */
  async open(files: readonly File[]): Promise<void> {
    this.#messages.clear();
    const scenes = files.filter((file) => SCENE_ENDINGS.test(file.name));
    const others = files.filter((file) => !scenes.includes(file));
    if (others.length > 0) await this.#openCameras(others, scenes.length === 0);
    if (scenes.length === 0) return;
    this.#welcome.hidden = true;
    this.#psnr = null;
    const joins = scenes.length === 1 && this.#facts[0] !== null && this.#facts[1] === null;
    if (!joins && this.#presets.cameras.length === 0) [this.#placed, this.#byHand] = [false, false]; // another scene, seen from where it looks best
    if (scenes.length === 1 && !joins) this.#clear(1);
    if (scenes.length > 1 || joins) this.#change({ mode: "slider" });
    await Promise.all(scenes.slice(0, 2).map((file, i) => this.#load((joins ? 1 : i) as Slot, ofFile(file, file.name))));
  }

  async #openCameras(files: readonly File[], alone: boolean): Promise<void> {
    try {
      const cameras = await readCameras(files);
      if (cameras) this.#setCameras(cameras);
      else if (alone) this.#messages.show(files[0].name, "expected a scene (.gsz, .ply, .splat) or cameras (cameras.json, transforms.json, COLMAP), found something else");
      if (cameras?.length) this.#camera(0);
    } catch (error) {
      if (!(error instanceof CameraFault)) throw error;
      this.#messages.show("Cameras", error.message);
    }
  }

  async #load(slot: Slot, source: SceneSource): Promise<void> {
    this.#loads[slot]?.abort();
    const load = (this.#loads[slot] = new AbortController());
    this.#player.set(slot, null);
    this.#facts[slot] = null; // of what is going to be replaced
    this.#psnrHere = null;
    this.#describe();
    try {
      await loadScene(source, {
        progress: (progress) => this.#bars.show(slot, progress),
        splats: (...scene) => this.#splats(slot, ...scene),
        sequence: (...scene) => this.#sequence(slot, ...scene),
        facts: (facts) => {
          this.#facts[slot] = facts;
          if (!this.#byHand) this.#place(); // what came first may have been a corner of the scene
          performance.mark(`scene ${slot}: loaded`);
          this.#describe();
        },
      }, load.signal, timeFrom(location));
    } catch (error) {
      if (load.signal.aborted) return;
      this.#messages.show(source.name, (error as Error).message);
      console.warn(source.name, error);
    } finally {
      if (!load.signal.aborted) this.#bars.remove(slot);
    }
  }

  #clear(slot: Slot): void {
    this.#loads[slot]?.abort();
    this.#player.set(slot, null);
    this.#bars.remove(slot);
    this.#facts[slot] = null;
    this.#stage.setScene(slot, null);
    this.#change({ mode: "first" });
  }

  #splats(slot: Slot, splats: Splats, keep: number, capacity: number): void {
    this.#stage.setScene(slot, splats, keep, capacity);
    performance.mark(`scene ${slot}: ${splats.count} splats`);
    if (!this.#placed && splats.count > 0) this.#place();
    this.#change({});
  }

  #sequence(slot: Slot, source: SequenceSource, splats: Splats, frame: number): void {
    this.#capacities[slot] = Math.max(...source.sequence.entries.map((entry) => entry.splats));
    this.#splats(slot, splats, 0, this.#capacities[slot]);
    const seconds = this.#player.active ? this.#player.seconds : timeFrom(location);
    this.#player.set(slot, source, frame);
    this.#player.seek(seconds);
  }

  #showFrame(slot: Slot, splats: Splats): void {
    this.#stage.showFrame(slot, splats, this.#capacities[slot]);
    if (this.#psnrHere === null) return;
    this.#psnrHere = null; // of another moment
    this.#describe();
  }

  /** The first view: the address's, the first camera's, or one of the whole scene from outside. */
  #place(): void {
    const { extent, up } = this.#stage;
    const from = add(extent.centre, scale(unit([0.4, -0.35, -1]), 2.4 * extent.radius));
    this.#start = this.#presets.pose(0, extent) ?? lookAt(from, extent.centre, up);
    this.#stage.pose = fromHash(location.hash) ?? this.#start;
    this.#placed = true;
  }

  #setCameras(cameras: readonly NamedCamera[]): void {
    this.#presets = new Presets(cameras);
    this.#stage.up = this.#presets.up;
    this.#toolbar.cameras(this.#presets.names, this.#presets.chosen, true);
  }

  #camera(index: number): void {
    const pose = this.#presets.pose(index, this.#stage.extent);
    if (pose) this.#stage.flyTo(pose);
    this.#toolbar.cameras(this.#presets.names, this.#presets.chosen);
  }

  #change(settings: Partial<Settings>): void {
    this.#psnrHere = null; // of another picture
    this.#stage.settings = { ...this.#stage.settings, ...settings };
    const scenes = this.#stage.scenes.filter((scene) => scene !== null);
    const { mode } = this.#stage.settings;
    this.#toolbar.show(this.#stage.settings, scenes.length, Math.max(0, ...scenes.map((scene) => scene.shDegree)));
    this.#divider.element.hidden = scenes.length < 2 || mode !== "slider";
    this.#describe();
  }

  #describe(): void {
    this.#panel.show(this.#facts.filter((facts) => facts !== null), this.#psnr);
    this.#labels.show(this.#facts, this.#stage.settings.mode, this.#psnr, this.#psnrHere);
  }

  #moved(): void {
    if (this.#psnrHere !== null) {
      this.#psnrHere = null;
      this.#describe();
    }
    this.#address();
  }

  #address(): void {
    clearTimeout(this.#hashTimer);
    this.#hashTimer = window.setTimeout(() => {
      if (this.#placed) history.replaceState(null, "", `#${toHash(this.#stage.pose, this.#player.playing ? 0 : this.#player.seconds)}`);
    }, ADDRESS_MS);
  }

  /** A view that stands is measured, once both scenes are whole. */
  #still(): void {
    if (this.#psnrHere !== null || this.#facts.includes(null) || this.#stage.scenes.includes(null)) return;
    this.#psnrHere = this.#stage.psnr();
    this.#describe();
  }

  #showStats(frameMs: number | null): void {
    if (this.#stats.element.hidden) return;
    const scenes = this.#stage.scenes.filter((scene) => scene !== null);
    const arrays = (s: Splats): number => s.means.byteLength + s.quats.byteLength + s.logScales.byteLength + s.opacityLogits.byteLength + s.sh.byteLength;
    this.#stats.show({
      frameMs, width: this.#stage.canvas.width, height: this.#stage.canvas.height,
      splats: scenes.reduce((sum, s) => sum + s.count, 0), bytes: 2 * scenes.reduce((sum, s) => sum + arrays(s), 0),
    });
  }

  #toggle(which: "scene" | "stats"): void {
    const { element } = which === "scene" ? this.#panel : this.#stats;
    element.hidden = !element.hidden;
    this.#showStats(null);
    this.#stage.redraw();
  }

  /** Waits for the server to have measured the two scenes. */
  async #awaitPsnr(): Promise<void> {
    const loads = [...this.#loads];
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      const description = await served();
      if (!description || this.#loads.some((load, i) => loads[i] && load !== loads[i])) return; // other scenes by now
      if (typeof description.psnr === "number") this.#psnr = description.psnr;
      this.#describe();
      if (!description.psnr_pending) return;
    }
  }

  #drops(): void {
    const mark = (on: boolean): void => void this.#root.classList.toggle("dropping", on);
    window.addEventListener("dragover", (event) => {
      event.preventDefault();
      mark(true);
    });
    window.addEventListener("dragleave", (event) => event.relatedTarget === null && mark(false));
    window.addEventListener("drop", (event) => {
      event.preventDefault();
      mark(false);
      void this.open([...(event.dataTransfer?.files ?? [])]);
    });
  }
}

function next<T>(list: readonly T[], current: T): T {
  return list[(list.indexOf(current) + 1) % list.length];
}

function toggleTheme(): void {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
}
