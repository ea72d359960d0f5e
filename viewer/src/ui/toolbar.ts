import { BACKGROUNDS, MODE_NAMES, MODES, type Mode, type Settings } from "../settings.ts";
import { button, choice, el } from "./dom.ts";
import { icon } from "./icons.ts";

/** What the buttons do. */
export interface Actions {
  frame(): void;
  reset(): void;
  step(by: 1 | -1): void;
  camera(index: number): void;
  picture(): void;
  fullScreen(): void;
  theme(): void;
  help(): void;
  open(): void;
  panel(which: "scene" | "stats"): void;
  change(settings: Partial<Settings>): void;
}

const BUDGETS: readonly (readonly [string, string])[] = [
  ["Infinity", "All splats"], ["1000000", "1,000,000"], ["500000", "500,000"], ["250000", "250,000"], ["100000", "100,000"], ["30000", "30,000"],
];

/** The row of buttons at the bottom. */
export class Toolbar {
  readonly element: HTMLElement;
  readonly #modes: HTMLSelectElement;
  readonly #cameras: HTMLSelectElement;
  readonly #cameraGroup: HTMLElement;
  readonly #degrees: HTMLSelectElement;
  readonly #backgrounds: HTMLSelectElement;

  constructor(actions: Actions) {
    this.#modes = choice("How to compare", [], (value) => actions.change({ mode: value as Mode }));
    this.#modes.hidden = true;
    this.#cameras = choice("Camera", [], (value) => actions.camera(Number(value)));
    this.#cameraGroup = el("span", { class: "group", hidden: true },
      button(icon("previous"), "Previous camera ([)", () => actions.step(-1)), this.#cameras, button(icon("next"), "Next camera (])", () => actions.step(1)));
    this.#degrees = choice("Harmonics", [["0", "SH 0"]], (value) => actions.change({ shDegree: Number(value) }));
    this.#backgrounds = choice("Background", Object.keys(BACKGROUNDS).map((name) => [name, name] as const), (value) => actions.change({ background: value }));
    const budgets = choice("Most splats to draw", BUDGETS, (value) => actions.change({ budget: Number(value) }));
    this.element = el("div", { class: "toolbar", role: "toolbar", "aria-label": "View" },
      button("Open", "Open files", () => actions.open()),
      this.#modes,
      button(icon("frame"), "Frame the scene (F)", () => actions.frame()),
      button(icon("reset"), "Back to the start (R)", () => actions.reset()),
      this.#cameraGroup,
      this.#degrees, this.#backgrounds, budgets,
      button(icon("picture"), "Save a picture (P)", () => actions.picture()),
      button(icon("fullScreen"), "Full screen (G)", () => actions.fullScreen()),
      button(icon("theme"), "Dark or light", () => actions.theme()),
      button(icon("info"), "Scene (I)", () => actions.panel("scene")),
      button(icon("stats"), "Frames and memory (M)", () => actions.panel("stats")),
      button(icon("help"), "Keys and gestures (H)", () => actions.help()));
  }

  /** Shows what `settings` are; comparing is offered with two scenes only. */
  show(settings: Settings, scenes: number, shDegree: number): void {
    this.#modes.hidden = scenes < 2;
    if (this.#modes.options.length === 0) this.#modes.append(...MODES.map((mode) => el("option", { value: mode }, MODE_NAMES[mode])));
    this.#modes.value = settings.mode;
    if (this.#degrees.options.length !== shDegree + 1) {
      this.#degrees.replaceChildren(...Array.from({ length: shDegree + 1 }, (_, i) => el("option", { value: i }, `SH ${i}`)));
    }
    this.#degrees.value = String(Math.min(settings.shDegree, shDegree));
    this.#backgrounds.value = String(settings.background);
  }

  /** Lists cameras by name; `chosen` is -1 for none. */
  cameras(names: readonly string[], chosen: number, anew = false): void {
    this.#cameraGroup.hidden = names.length === 0;
    if (anew) {
      this.#cameras.replaceChildren(...names.map((name, i) => el("option", { value: i }, name || `camera ${i + 1}`)));
    }
    this.#cameras.selectedIndex = chosen;
  }
}
