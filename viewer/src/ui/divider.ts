import { el } from "./dom.ts";

const STEP = 0.02;

/** The compare slider's handle: left of it the first scene, right of it the other. */
export class Divider {
  /** Share of the width. */
  share = 0.5;
  readonly element: HTMLDivElement;
  readonly #changed: () => void;

  constructor(changed: () => void) {
    this.#changed = changed;
    this.element = el("div", {
      class: "divider", role: "slider", tabindex: 0, "aria-label": "Compare: where one scene ends and the other begins",
      "aria-valuemin": 0, "aria-valuemax": 100, "aria-orientation": "horizontal", hidden: true,
    });
    this.element.addEventListener("pointerdown", (e) => {
      this.element.setPointerCapture(e.pointerId);
      e.stopPropagation();
    });
    this.element.addEventListener("pointermove", (e) => {
      const parent = this.element.parentElement!.getBoundingClientRect();
      if (this.element.hasPointerCapture(e.pointerId)) this.set((e.clientX - parent.left) / parent.width);
    });
    this.element.addEventListener("keydown", (e) => {
      const by = { ArrowLeft: -STEP, ArrowRight: STEP, Home: -1, End: 1 }[e.key];
      if (by === undefined) return;
      e.preventDefault();
      e.stopPropagation();
      this.set(this.share + by);
    });
    this.set(0.5);
  }

  set(share: number): void {
    this.share = Math.min(1, Math.max(0, share));
    this.element.style.left = `${100 * this.share}%`;
    this.element.setAttribute("aria-valuenow", String(Math.round(100 * this.share)));
    this.#changed();
  }
}
