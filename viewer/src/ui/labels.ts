import { type Mode, shownNow } from "../settings.ts";
import { el, sizeText } from "./dom.ts";
import type { SceneFacts } from "./panels.ts";

/** Which scene is where, how much smaller one is, and how alike they look. */
export class Labels {
  readonly #sides = [el("div", { class: "label first", hidden: true }), el("div", { class: "label second", hidden: true })] as const;
  readonly #between = el("div", { class: "label between", hidden: true, role: "status" });
  readonly element = el("div", { class: "labels" }, this.#between, ...this.#sides);

  /**
   * @param facts of both scenes; null where one is missing.
   * @param psnr between them over their cameras, dB; null where nobody measured it.
   * @param here the same of this view; null where it is not known.
   */
  show(facts: readonly [SceneFacts | null, SceneFacts | null], mode: Mode, psnr: number | null, here: number | null): void {
    const [first, second] = facts;
    const both = first !== null && second !== null;
    this.#sides.forEach((side, slot) => {
      const fact = facts[slot];
      side.hidden = !both || mode === (slot === 0 ? "second" : "first");
      side.style.opacity = "";
      if (fact) side.textContent = `${fact.name}  ${sizeText(fact.bytes)}${fact.sequence ? ` of ${fact.sequence.frames} frames` : ""}`;
    });
    this.#between.hidden = !both;
    if (!both) return;
    const each = (fact: SceneFacts): number => fact.bytes / (fact.sequence?.frames ?? 1); // of a sequence, a frame's
    const times = each(second) / Math.max(1, each(first));
    const parts = [times >= 1 ? `${times.toFixed(1)} × smaller` : `${(1 / times).toFixed(1)} × larger`];
    if (psnr !== null) parts.push(`${psnr.toFixed(2)} dB`);
    if (here !== null) parts.push(Number.isFinite(here) ? `this view ${here.toFixed(2)} dB` : "this view identical");
    this.#between.textContent = parts.join("  ·  ");
  }

  /** While scenes are shown by turns: the label of the one that is hidden fades. */
  flicker(): void {
    const slot = shownNow();
    this.#sides.forEach((side, i) => (side.style.opacity = i === slot ? "1" : "0.25"));
  }
}
