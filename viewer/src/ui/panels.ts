import { countText, el, sizeText } from "./dom.ts";

/** A float32 .ply of the field: degree 3 with normals, whatever the scene has; what ratios are quoted against. */
const PLY_BYTES_PER_SPLAT = 4 * 62;

/** What the scene panel tells of a scene. */
export interface SceneFacts {
  name: string;
  format: string;
  bytes: number;
  splats: number;
  shDegree: number;
  antialiased: boolean;
  /** Of a sequence, whose `splats` are those of all frames. */
  sequence?: { frames: number; seconds: number };
  /** Empty for formats without. */
  sections: readonly { name: string; count: number; bytes: number }[];
  /** The encoder's own words, key by key. */
  about: Readonly<Record<string, unknown>>;
}

/** Name, size, sections and bits per splat of the scenes at hand. */
export class ScenePanel {
  readonly element = el("aside", { class: "panel scene", "aria-label": "Scene", hidden: true });

  show(scenes: readonly SceneFacts[], psnr: number | null): void {
    const note = psnr !== null && scenes.length > 1 ? el("p", {}, `PSNR between them: ${psnr.toFixed(2)} dB over their cameras`) : null;
    this.element.replaceChildren(...scenes.map(facts), ...(note ? [note] : []));
  }
}

function facts(scene: SceneFacts): HTMLElement {
  const bits = scene.splats ? (8 * scene.bytes) / scene.splats : 0;
  const rows: [string, string][] = [
    ["Format", scene.format],
    ["Size", sizeText(scene.bytes)],
    ...(scene.sequence ? ([["Frames", `${countText(scene.sequence.frames)}, ${scene.sequence.seconds.toFixed(2)} s`]] satisfies [string, string][]) : []),
    ["Splats", countText(scene.splats) + (scene.sequence ? " in all frames" : "")],
    ["Bits per splat", bits.toFixed(1)],
    ["Harmonics", `degree ${scene.shDegree}`],
    ["Rasteriser", scene.antialiased ? "antialiased" : "classic"],
  ];
  const input = scene.about.splats_in;
  if (typeof input === "number" && scene.bytes) {
    rows.push(["Made of", `${countText(input)} splats`], ["Against their .ply", `${((PLY_BYTES_PER_SPLAT * input) / scene.bytes).toFixed(1)} times smaller`]);
  }
  if (typeof scene.about.encoder === "string") rows.push(["Encoder", scene.about.encoder]);
  const line = ([name, value]: [string, string]): HTMLElement => el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, value));
  const section = (s: { name: string; count: number; bytes: number }): HTMLElement =>
    el("tr", {}, el("th", { scope: "row" }, s.count > 1 ? `${s.name} × ${s.count}` : s.name), el("td", {}, sizeText(s.bytes)),
      el("td", {}, scene.splats ? `${((8 * s.bytes) / scene.splats).toFixed(2)} bits/splat` : ""));
  return el("section", {}, el("h2", {}, scene.name), el("table", {}, ...rows.map(line)),
    scene.sections.length > 0 && el("table", { class: "sections" }, el("caption", {}, "Sections"), ...scene.sections.map(section)));
}

/** Frames and memory. */
export interface Stats {
  /** Null where nothing has moved yet. */
  frameMs: number | null;
  width: number;
  height: number;
  splats: number;
  /** Arrays of the scenes and textures, about. */
  bytes: number;
}

export class StatsPanel {
  readonly element = el("aside", { class: "panel stats", "aria-label": "Frames and memory", hidden: true });

  show(stats: Stats): void {
    const heap = (performance as unknown as { memory?: { usedJSHeapSize: number } }).memory?.usedJSHeapSize;
    const lines = [
      stats.frameMs === null ? "move the view to time it" : `${(1000 / Math.max(stats.frameMs, 0.01)).toFixed(0)} FPS, ${stats.frameMs.toFixed(1)} ms`,
      `${stats.width} × ${stats.height}`,
      `${countText(stats.splats)} splats`,
      `${sizeText(stats.bytes)} of scenes`,
      heap ? `${sizeText(heap)} heap` : "",
    ];
    this.element.replaceChildren(...lines.filter(Boolean).map((text) => el("div", {}, text)));
  }
}
