import type { Actions } from "./toolbar.ts";

/** Further things that have a key but no button. */
export interface Cycles {
  play(): void;
  stepFrame(by: 1 | -1): void;
  modes(): void;
  backgrounds(): void;
  swap(): void;
}

/** The page's keys, wherever the focus is but in a list, a field or a dialog. */
export function shortcuts(act: Actions, cycles: Cycles): void {
  const keys: Record<string, () => void> = {
    f: act.frame, r: act.reset, p: act.picture, g: act.fullScreen, h: act.help, "?": act.help, o: act.open,
    i: () => act.panel("scene"), m: () => act.panel("stats"), "[": () => act.step(-1), "]": () => act.step(1),
    " ": cycles.play, ",": () => cycles.stepFrame(-1), ".": () => cycles.stepFrame(1), c: cycles.modes, b: cycles.backgrounds, x: cycles.swap,
  };
  window.addEventListener("keydown", (event) => {
    const within = event.target as HTMLElement | null;
    if (event.ctrlKey || event.metaKey || event.altKey || within?.closest("select, textarea, dialog[open]")) return;
    const slides = within?.matches("input[type=range]") && (event.key === " " || event.key === "," || event.key === "."); // keys that it has no use for
    if (!slides && within?.closest("input")) return;
    if (event.key === " " && within?.closest("button")) return; // presses it
    const digit = /^[1-9]$/.test(event.key) ? Number(event.key) - 1 : -1;
    const action = digit >= 0 ? (): void => act.camera(digit) : keys[event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    action();
  });
}
