type Child = Node | string | null | false;

/** An element: `on…` attributes are listeners, `true` is an empty attribute, `null` and `false` are left out. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string | number | boolean | null | EventListener> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child): child is Node | string => child !== null && child !== false));
  return made;
}

/** A button with a label for those who do not see its sign. */
export function button(sign: Node | string, label: string, act: () => void): HTMLButtonElement {
  return el("button", { type: "button", title: label, "aria-label": label, onclick: act as EventListener }, sign);
}

/** A labelled list of choices; `choose` gets the value. */
export function choice(label: string, options: readonly (readonly [value: string, text: string])[], choose: (value: string) => void): HTMLSelectElement {
  const select = el("select", { "aria-label": label, title: label }, ...options.map(([value, text]) => el("option", { value }, text)));
  select.addEventListener("change", () => choose(select.value));
  return select;
}

const UNITS = ["B", "kB", "MB", "GB"];

/** Bytes for people: 10^3 steps, three digits. */
export function sizeText(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 1000 && unit < UNITS.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${unit === 0 ? value : value.toPrecision(3)} ${UNITS[unit]}`;
}

export const countText = (count: number): string => count.toLocaleString("en");
