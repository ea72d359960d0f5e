import "./style.css";
import { App } from "./app.ts";
import { opening } from "./load/sources.ts";

const root = document.querySelector<HTMLElement>("#app")!;
try {
  const app = new App(root);
  await app.start(await opening());
} catch (error) {
  root.append(Object.assign(document.createElement("p"), { className: "welcome", textContent: `The viewer cannot start: ${(error as Error).message}` }));
  throw error;
}
