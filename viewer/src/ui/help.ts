import { button, el } from "./dom.ts";

const KEYS: readonly (readonly [string, string])[] = [
  ["drag", "orbit; with Shift or the right button pan, with Ctrl look around, with Alt roll"],
  ["wheel, pinch", "closer and farther; with Alt change the field of view"],
  ["click", "focus: orbit what is there"],
  ["W A S D, Q E", "fly; Shift fast, Alt slow"],
  ["arrows", "orbit"],
  ["gamepad", "left stick moves, right stick looks, triggers go down and up"],
  ["F / R", "frame the scene / back to the start"],
  ["[ and ]", "previous and next camera"],
  ["1 – 9", "that camera"],
  ["space", "play and pause what moves"],
  [", and .", "previous and next frame"],
  ["C", "next way to compare"],
  ["X", "the other scene, where one is shown"],
  ["B", "next background"],
  ["P", "save a picture"],
  ["G", "full screen"],
  ["I", "the scene's panel"],
  ["M", "frames and memory"],
  ["H or ?", "this list"],
  ["drop", "a scene (.gsz, .ply, .splat; two to compare), or cameras (cameras.json, transforms.json, COLMAP's two files)"],
];

export function helpDialog(): HTMLDialogElement {
  const rows = KEYS.map(([key, text]) => el("tr", {}, el("th", { scope: "row" }, el("kbd", {}, key)), el("td", {}, text)));
  const dialog = el("dialog", { class: "help", "aria-label": "Keys and gestures" });
  dialog.append(el("h2", {}, "Keys and gestures"), el("table", {}, ...rows), button("Close", "Close", () => dialog.close()));
  return dialog;
}
