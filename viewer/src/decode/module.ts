import { carried } from "../load/carried.ts";

let compiled: Promise<WebAssembly.Module> | null = null;

/** decoder.wasm, compiled once: what the page carries in itself, or the file beside it. */
export const decoderModule = (): Promise<WebAssembly.Module> => (compiled ??= compile());

async function compile(): Promise<WebAssembly.Module> {
  const inside = carried("gsz-decoder");
  if (inside) return WebAssembly.compile(inside);
  const url = new URL("decoder.wasm", document.baseURI);
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.pathname}: expected the decoder, found status ${response.status}`);
  return WebAssembly.compile(await response.arrayBuffer());
}
