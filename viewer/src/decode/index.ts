/** Decoding on the page: lanes are workers, and the decoder comes with the page. */
import { openHere, type Lane, type OpenLane, type Reply, type Request } from "./lane.ts";
import LaneWorker from "./lane.worker.ts?worker&inline";
import { openFramesHere, type FrameLane, type FrameReply, type OpenFrameLane } from "./frame_lane.ts";
import type { Workshop } from "./lanes.ts";
import { SequenceSource } from "./sequence_source.ts";
import { decodeStream, type DecodeOptions, type Handlers } from "./stream.ts";
import url from "./decoder.wasm?url";

export type { SceneUpdate } from "./growing_scene.ts";
export type { FileInfo, SectionInfo } from "./info.ts";
export { isSequence, PROBE } from "./sequence.ts";
export { SequenceSource } from "./sequence_source.ts";
export type { DecodeOptions, Handlers } from "./stream.ts";

const MAX_LANES = 4;
/** Each keeps a key frame, and leaves time for drawing. */
const MAX_FRAME_LANES = 3;

/** Decodes a .gsz file while it comes; see `decodeStream`. */
export async function decodeGsz(source: ReadableStream<Uint8Array> | Blob, handlers: Handlers, options: DecodeOptions = {}): Promise<void> {
  const workshop: Workshop = { module: await loadDecoder(), openLane: openWorker, lanes: laneCount(MAX_LANES) };
  await decodeStream(source, workshop, handlers, options);
}

/** Opens a sequence of frames, whole or cut; see `SequenceSource`. */
export async function openSequence(file: Blob): Promise<SequenceSource> {
  return SequenceSource.open(file, { module: await loadDecoder(), openLane: openFrameWorker, lanes: laneCount(MAX_FRAME_LANES) }, { partial: true });
}

const laneCount = (most: number): number => Math.min(most, navigator.hardwareConcurrency || 1);

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

const NO_WORKER = { kind: "unsupported", field: "decoder", expected: "a worker" } as const;

/** A lane in a worker, or on this thread where there are none. */
const openWorker: OpenLane = (onReply) => {
  const worker = newWorker();
  if (worker === null) return openHere(onReply);
  worker.onmessage = ({ data }: MessageEvent<Reply>) => onReply(data);
  worker.onerror = ({ message }) => onReply({ kind: "fault", fault: { ...NO_WORKER, found: message || "none" } });
  return {
    send: (request: Request) => worker.postMessage(request, request.kind === "section" ? [request.payload.buffer] : []),
    stop: () => worker.terminate(),
  } satisfies Lane;
};

/** The same for frames. */
const openFrameWorker: OpenFrameLane = (onReply) => {
  const worker = newWorker();
  if (worker === null) return openFramesHere(onReply);
  let asked = 0;
  worker.onmessage = ({ data }: MessageEvent<FrameReply>) => onReply(data);
  worker.onerror = ({ message }) => onReply({ kind: "no frame", index: asked, fault: { ...NO_WORKER, found: message || "none" } });
  return {
    send(request) {
      if (request.kind === "frame") asked = request.index;
      worker.postMessage(request);
    },
    stop: () => worker.terminate(),
  } satisfies FrameLane;
};

function newWorker(): Worker | null {
  try {
    return new LaneWorker();
  } catch {
    return null;
  }
}
