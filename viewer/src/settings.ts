/** Ways to look at two scenes: one of them, a slider between them, side by side, by turns, or what differs. */
export const MODES = ["first", "second", "slider", "side", "flicker", "difference"] as const;
export type Mode = (typeof MODES)[number];

export const MODE_NAMES: Record<Mode, string> = {
  first: "First only", second: "Second only", slider: "Slider", side: "Side by side", flicker: "Flicker", difference: "Difference × 8",
};

/** Linear in the sense of the trainer's images: 0 to 1, red, green, blue. */
export const BACKGROUNDS: Record<string, readonly [number, number, number]> = {
  black: [0, 0, 0], grey: [0.5, 0.5, 0.5], white: [1, 1, 1],
};

/** What the user chose. */
export interface Settings {
  mode: Mode;
  /** Harmonics above this degree are left out. */
  shDegree: number;
  /** Most Gaussians that are drawn, the most important ones first; Infinity for all. */
  budget: number;
  background: keyof typeof BACKGROUNDS;
}

export const DEFAULTS: Settings = { mode: "first", shDegree: 3, budget: Infinity, background: "black" };

/** Brightness of a difference over its size. */
export const DIFFERENCE_GAIN = 8;
/** Milliseconds that either scene is shown in flicker mode. */
const FLICKER_MS = 500;

/** The slot that flicker mode shows. */
export const shownNow = (): 0 | 1 => (Math.floor(performance.now() / FLICKER_MS) % 2 === 0 ? 0 : 1);
