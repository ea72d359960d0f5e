import { button, el } from "./dom.ts";
import { icon } from "./icons.ts";

/** Errors, readable in the page, until they are put away. */
export class Messages {
  readonly element = el("div", { class: "messages", role: "alert", "aria-live": "assertive" });

  show(title: string, text: string): void {
    const note = el("div", { class: "message" }, el("strong", {}, title), el("span", {}, text));
    note.append(button(icon("close"), "Dismiss", () => note.remove()));
    this.element.append(note);
  }

  clear(): void {
    this.element.replaceChildren();
  }
}
