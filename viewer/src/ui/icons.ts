/** Paths in a square of 24, drawn as lines: not every device has these signs in its fonts. */
const PATHS = {
  frame: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5M9 12h6M12 9v6",
  reset: "M4 4v6h6M4.6 15a8 8 0 1 0 1.5-8.4L4 10",
  previous: "M15 5l-7 7 7 7",
  next: "M9 5l7 7-7 7",
  play: "M8 5v14l11-7z",
  pause: "M9 5v14M15 5v14",
  picture: "M3 8h4l2-3h6l2 3h4v11H3zM12 16.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z",
  fullScreen: "M14 4h6v6M20 4l-7 7M10 20H4v-6M4 20l7-7",
  theme: "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18M12 7l4 3M12 12h6M12 17l4-3",
  info: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 11v6M12 7.5v.5",
  stats: "M4 20V10M10 20V4M16 20v-8M22 20H2",
  help: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM9.5 9.5a2.5 2.5 0 1 1 3.5 2.3c-.7.3-1 .8-1 1.7M12 16.5v.5",
  close: "M6 6l12 12M18 6L6 18",
} as const;

export type Icon = keyof typeof PATHS;

export function icon(name: Icon): SVGSVGElement {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", width: "18", height: "18", fill: "none", stroke: "currentColor", "stroke-width": "2", "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true" })) {
    svg.setAttribute(key, value);
  }
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
