import { countText, el, sizeText } from "./dom.ts";

/** How far a scene is on its way. */
export interface Progress {
  name: string;
  bytes: number;
  /** Null where nobody told. */
  total: number | null;
  splats: number;
  done: boolean;
}

/** A bar for each scene that is loading. */
export class ProgressBars {
  readonly element = el("div", { class: "progress", role: "status", "aria-live": "off" });
  readonly #bars = new Map<number, { row: HTMLElement; bar: HTMLProgressElement; text: HTMLElement }>();

  show(slot: number, progress: Progress): void {
    const known = this.#bars.get(slot) ?? this.#made(slot, progress.name);
    if (progress.total) [known.bar.max, known.bar.value] = [progress.total, progress.bytes];
    const bytes = progress.total ? `${sizeText(progress.bytes)} of ${sizeText(progress.total)}` : sizeText(progress.bytes);
    known.text.textContent = `${progress.name}: ${bytes}, ${countText(progress.splats)} splats`;
    if (progress.done) this.remove(slot);
  }

  remove(slot: number): void {
    this.#bars.get(slot)?.row.remove();
    this.#bars.delete(slot);
  }

  #made(slot: number, name: string): { row: HTMLElement; bar: HTMLProgressElement; text: HTMLElement } {
    const [bar, text] = [el("progress", { "aria-label": `Loading ${name}` }), el("span")];
    const row = el("div", {}, text, bar);
    this.element.append(row);
    this.#bars.set(slot, { row, bar, text });
    return { row, bar, text };
  }
}
