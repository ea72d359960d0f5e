import type { Picture } from "../render/options.ts";
import { el } from "./dom.ts";

/** Saves a picture as PNG under the scene's name. */
export async function savePicture(picture: Picture, name: string): Promise<void> {
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  canvas.getContext("2d")!.putImageData(new ImageData(picture.pixels, picture.width, picture.height), 0, 0);
  const url = URL.createObjectURL(await canvas.convertToBlob({ type: "image/png" }));
  el("a", { href: url, download: `${name.replace(/\.[^.]+$/, "")}.png` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
