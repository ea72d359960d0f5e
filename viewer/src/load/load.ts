import { decodeGsz, type FileInfo, isSequence, loadDecoder, openSequence, PROBE, type SequenceSource } from "../decode/index.ts";
import { keyFrameAbout } from "../decode/info.ts";
import { FormatError } from "../errors.ts";
import { readSplats, recognise } from "../formats/index.ts";
import type { Splats } from "../splats.ts";
import type { SceneFacts } from "../ui/panels.ts";
import type { Progress } from "../ui/progress.ts";
import type { SceneSource } from "./sources.ts";

/** What loading a scene tells on its way. */
export interface LoadEvents {
  progress(progress: Progress): void;
  /** The scene so far; `keep` first rows are as they were before, `capacity` will come in all. */
  splats(splats: Splats, keep: number, capacity: number): void;
  /** Instead of `splats`: a scene that moves, which is the receiver's to stop, and its frame at `LoadOptions.seconds`. */
  sequence(source: SequenceSource, splats: Splats, frame: number): void;
  /** Once everything is there. */
  facts(facts: SceneFacts): void;
}

const MAGIC = [0x47, 0x53, 0x5a, 0x1a];

/**
 * Loads a scene of any format that the page reads, judged by its content. A cut .gsz is shown as far as it goes, and then an error.
 *
 * @param seconds of a sequence: the time whose frame comes first.
 * @throws FormatError, FetchFault.
 */
export async function loadScene(source: SceneSource, events: LoadEvents, signal: AbortSignal, seconds = 0): Promise<void> {
  void loadDecoder().catch(() => {}); // whoever needs it hears of it
  const { stream, total } = await source.open(signal);
  const progress: Progress = { name: source.name, bytes: 0, total, splats: 0, done: false };
  const tell = (change: Partial<Progress>): void => void (signal.aborted || events.progress(Object.assign(progress, change)));
  const { head, rest } = await begun(stream, (bytes) => tell({ bytes }));
  performance.mark("first bytes");
  const isGsz = MAGIC.every((byte, i) => head[i] === byte);
  const splats: LoadEvents["splats"] = (scene, keep, capacity) => {
    if (signal.aborted) return;
    tell({ splats: scene.count });
    events.splats(scene, keep, capacity);
  };
  const facts = isSequence(head)
    ? await sequence(source.name, rest, events, signal, seconds)
    : isGsz ? await gsz(source.name, rest, splats, signal) : await whole(source.name, rest, splats);
  tell({ done: true });
  if (signal.aborted) return;
  const { bytes, format } = source.original ?? facts.scene;
  events.facts(isGsz ? facts.scene : { ...facts.scene, bytes, format: `.${format.replace(/^\./, "")}` });
  if (facts.fault) throw facts.fault;
}

/** The first bytes of a stream, and the stream with them in front again; `onBytes` is told what has come. */
async function begun(stream: ReadableStream<Uint8Array>, onBytes: (bytes: number) => void): Promise<{ head: number[]; rest: ReadableStream<Uint8Array> }> {
  const reader = stream.getReader();
  const first: Uint8Array[] = [];
  let came = 0;
  const next = async (): Promise<Uint8Array | null> => {
    const { done, value } = await reader.read();
    if (done) return null;
    came += value.length;
    onBytes(came);
    return value;
  };
  for (let piece = await next(); piece !== null; piece = came < PROBE ? await next() : null) first.push(piece);
  const rest = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const piece = first.shift() ?? (await next());
      if (piece === null) controller.close();
      else controller.enqueue(piece);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return { head: first.flatMap((piece) => [...piece.subarray(0, PROBE)]), rest };
}

interface Loaded {
  scene: SceneFacts;
  fault: FormatError | null;
}

async function gsz(name: string, stream: ReadableStream<Uint8Array>, splats: LoadEvents["splats"], signal: AbortSignal): Promise<Loaded> {
  let [info, shown]: [FileInfo | null, number] = [null, 0];
  await decodeGsz(stream, {
    onInfo: (found) => (info = found),
    onSplats: ({ splats: scene, keep, capacity }) => {
      shown = scene.count;
      splats(scene, keep, capacity);
    },
  }, { signal, partial: true });
  const { sizeBytes, shDegree, antialiased, about, complete, sections } = info!;
  const all = sections.reduce((sum, section) => sum + section.sizeBytes, 0);
  const scene = {
    name, format: complete ? ".gsz" : ".gsz, cut", bytes: sizeBytes, splats: shown, shDegree, antialiased, about, sections: byKind(sections),
  };
  const found = `${sizeBytes}: it was cut, and is shown as far as it goes`;
  return { scene, fault: complete ? null : new FormatError({ kind: "truncated", field: "file", expected: `${all} bytes`, found }) };
}

/** A sequence is shown once all of it has come: its frames are decoded when they are due. */
async function sequence(name: string, stream: ReadableStream<Uint8Array>, events: LoadEvents, signal: AbortSignal, seconds: number): Promise<Loaded> {
  const file = await new Response(stream).blob();
  const source = await openSequence(file);
  const { entries, frames, size } = source.sequence;
  try {
    const due = source.at(seconds);
    const frame = source.entry(due) ? due : Math.min(...entries.map((entry) => entry.frame));
    if (entries.length === 0) throw new FormatError({ kind: "truncated", field: "file", expected: `${size} bytes`, found: `${file.size}: not one frame is there` });
    const splats = await source.frame(frame);
    signal.throwIfAborted();
    const key = new Uint8Array(await file.slice(entries[0].offset, entries[0].offset + entries[0].size).arrayBuffer());
    const { encoder } = keyFrameAbout(key);
    const keys = entries.filter((entry, i) => entry.reference === i);
    const bytes = (list: typeof entries): number => list.reduce((sum, entry) => sum + entry.size, 0);
    const sections = [{ name: "key frames", count: keys.length, bytes: bytes(keys) }];
    if (keys.length < entries.length) sections.push({ name: "frames that follow", count: entries.length - keys.length, bytes: bytes(entries) - bytes(keys) });
    const scene = {
      name, format: source.complete ? ".gsz" : ".gsz, cut", bytes: file.size, splats: entries.reduce((sum, entry) => sum + entry.splats, 0),
      shDegree: splats.shDegree, antialiased: splats.antialiased, sequence: { frames, seconds: source.seconds }, about: { encoder }, sections,
    };
    signal.throwIfAborted();
    events.sequence(source, splats, frame);
    const found = `${file.size}: it was cut, and ${entries.length} of ${frames} frames are there`;
    return { scene, fault: source.complete ? null : new FormatError({ kind: "truncated", field: "file", expected: `${size} bytes`, found }) };
  } catch (error) {
    source.stop();
    throw error;
  }
}

async function whole(name: string, stream: ReadableStream<Uint8Array>, splats: LoadEvents["splats"]): Promise<Loaded> {
  const file = await new Response(stream).blob();
  const format = await recognise(file);
  if (format === "gsz") throw new Error("a .gsz is decoded as it comes");
  const { splats: scene } = await readSplats(file, format);
  splats(scene, 0, scene.count);
  const { count, shDegree, antialiased } = scene;
  return { scene: { name, format: `.${format}`, bytes: file.size, splats: count, shDegree, antialiased, sections: [], about: {} }, fault: null };
}

/** Sections of a kind together, in the order of the file. */
function byKind(sections: FileInfo["sections"]): SceneFacts["sections"] {
  const out = new Map<string, { name: string; count: number; bytes: number }>();
  for (const { kind, sizeBytes } of sections) {
    const known = out.get(kind) ?? { name: kind, count: 0, bytes: 0 };
    out.set(kind, { name: kind, count: known.count + 1, bytes: known.bytes + sizeBytes });
  }
  return [...out.values()];
}
