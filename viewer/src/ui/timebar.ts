import type { Moment } from "../view/player.ts";
import { button, choice, el } from "./dom.ts";
import { icon } from "./icons.ts";

const SPEEDS = ["0.25", "0.5", "1", "2"].map((speed) => [speed, `${speed}×`] as const);

export interface TimeActions {
  toggle(): void;
  step(by: 1 | -1): void;
  seek(seconds: number): void;
  speed(speed: number): void;
}

/** Play, the time of a sequence, its frames and its speed; hidden where nothing moves. */
export class TimeBar {
  readonly element: HTMLElement;
  readonly #play: HTMLButtonElement;
  readonly #slider = el("input", { type: "range", min: 0, step: 1, "aria-label": "Time" });
  readonly #label = el("span", { class: "moment" });
  readonly #speeds: HTMLSelectElement;
  #playing: boolean | null = null;
  #rate = 1;

  constructor(act: TimeActions) {
    this.#play = button("", "Play (space)", () => act.toggle());
    this.#slider.addEventListener("input", () => act.seek(this.#slider.valueAsNumber / this.#rate));
    this.#speeds = choice("Speed", SPEEDS, (value) => act.speed(Number(value)));
    this.element = el("div", { class: "timebar", role: "toolbar", "aria-label": "Time", hidden: true },
      button(icon("previous"), "Previous frame (,)", () => act.step(-1)), this.#play, button(icon("next"), "Next frame (.)", () => act.step(1)),
      this.#slider, this.#label, this.#speeds);
  }

  show(moment: Moment | null): void {
    this.element.hidden = moment === null;
    if (moment === null) return;
    const { playing, seconds, duration, frame, frames, speed } = moment;
    if (playing !== this.#playing) {
      this.#playing = playing;
      const label = `${playing ? "Pause" : "Play"} (space)`;
      this.#play.replaceChildren(icon(playing ? "pause" : "play"));
      this.#play.setAttribute("aria-label", label);
      this.#play.title = label;
    }
    this.#rate = frames / duration;
    this.#slider.max = String(frames - 1);
    this.#slider.value = String(frame);
    this.#label.textContent = `${frame + 1} / ${frames}  ${seconds.toFixed(2)} s`;
    this.#slider.setAttribute("aria-valuetext", `frame ${frame + 1} of ${frames}, ${seconds.toFixed(2)} of ${duration.toFixed(2)} seconds`);
    this.#speeds.value = String(speed);
  }
}
