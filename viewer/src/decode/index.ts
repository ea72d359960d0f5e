/** Decoding on the page: lanes are workers, and the decoder comes with the page. */
import { openHere, type Lane, type OpenLane, type Reply, type Request } from "./lane.ts";
import LaneWorker from "./lane.worker.ts?worker&inline";
import type { Workshop } from "./lanes.ts";
import { decodeStream, type DecodeOptions, type Handlers } from "./stream.ts";
import url from "./decoder.wasm?url";

export type { SceneUpdate } from "./growing_scene.ts";
export type { FileInfo, SectionInfo } from "./info.ts";
export type { DecodeOptions, Handlers } from "./stream.ts";

const MAX_LANES = 4;

/** Decodes a .gsz file while it comes; see `decodeStream`. */
export async function decodeGsz(source: ReadableStream<Uint8Array> | Blob, handlers: Handlers, options: DecodeOptions = {}): Promise<void> {
  const lanes = Math.min(MAX_LANES, navigator.hardwareConcurrency || 1);
  const workshop: Workshop = { module: await loadDecoder(), openLane: openWorker, lanes };
  await decodeStream(source, workshop, handlers, options);
}

let decoder: Promise<WebAssembly.Module> | null = null;

/** The compiled decoder: from the page, if that is a single file, else from beside the script. To be called early. */
export function loadDecoder(): Promise<WebAssembly.Module> {
  decoder ??= compile().catch((error: unknown) => {
    decoder = null;
    throw error;
  });
  return decoder;
}

async function compile(): Promise<WebAssembly.Module> {
  const inline = document.getElementById("gsz-decoder")?.textContent;
  if (inline) return WebAssembly.compile(Uint8Array.from(atob(inline.trim()), (c) => c.charCodeAt(0)));
  const response = await fetch(url);
  if (!response.ok) throw new Error(`decoder.wasm: expected it beside the page, found status ${response.status}`);
  return WebAssembly.compile(await response.arrayBuffer());
}

/** A lane in a worker, or on this thread where there are none. */
const openWorker: OpenLane = (onReply) => {
  let worker: Worker;
  try {
    worker = new LaneWorker();
  } catch {
    return openHere(onReply);
  }
  worker.onmessage = ({ data }: MessageEvent<Reply>) => onReply(data);
  worker.onerror = ({ message }) => onReply({ kind: "fault", fault: { kind: "unsupported", field: "decoder", expected: "a worker", found: message || "none" } });
  return {
    send: (request: Request) => worker.postMessage(request, request.kind === "section" ? [request.payload.buffer] : []),
    stop: () => worker.terminate(),
  } satisfies Lane;
};
