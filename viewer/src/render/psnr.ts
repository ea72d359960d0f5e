import type { Picture } from "./options.ts";

/** dB of two pictures of one size, over red, green and blue; infinite where they are the same. */
export function psnr(a: Picture, b: Picture): number {
  let squares = 0;
  for (let i = 0; i < a.pixels.length; i += 4)
    for (let k = i; k < i + 3; k++) squares += (a.pixels[k] - b.pixels[k]) ** 2;
  return 10 * Math.log10((255 ** 2 * 3 * a.width * a.height) / squares);
}
