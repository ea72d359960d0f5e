import { decodeGsz } from "../decode/decode.ts";
import { ByteReader } from "../decode/byte_reader.ts";
import type { Head } from "../decode/decoder.ts";
import { FormatFault } from "../decode/faults.ts";
import { decoderModule } from "../decode/module.ts";
import { readPly } from "../formats/ply.ts";
import { looksLikeSplat, readSplat } from "../formats/splat.ts";
import type { Splats } from "../splats.ts";
import type { SceneFacts } from "../ui/panels.ts";
import type { Progress } from "../ui/progress.ts";
import { sectionsOf } from "./section_names.ts";
import type { SceneSource } from "./sources.ts";

/** What loading a scene tells on its way. */
export interface LoadEvents {
  progress(progress: Progress): void;
  /** The scene so far; `keep` first rows are as they were before. */
  splats(splats: Splats, keep: number): void;
  /** Once everything is there. */
  facts(facts: SceneFacts): void;
}

/** Formats that are read whole may not be larger: a page's memory ends. */
const MOST_BYTES = 2 ** 31;
/** What formats are told apart by. */
const SNIFFED = 1 << 16;
const GZIP = [0x1f, 0x8b];
const OTHERS: readonly [name: string, magic: readonly number[]][] = [["a .spz", GZIP], ["a .spz", [0x4e, 0x47, 0x53, 0x50]], ["a .sog", [0x50, 0x4b]]];

/** Loads a scene of any format that the page reads, judged by its content. @throws FormatFault, FetchFault. */
export async function loadScene(source: SceneSource, events: LoadEvents, signal: AbortSignal): Promise<void> {
  const { stream, total } = await source.open(signal);
  const progress: Progress = { name: source.name, bytes: 0, total, splats: 0, done: false };
  const tell = (change: Partial<Progress>): void => events.progress(Object.assign(progress, change));
  const bytes = new ByteReader(stream, (came) => tell({ bytes: came }));
  const splats = (scene: Splats, keep: number): void => {
    if (signal.aborted) return;
    tell({ splats: scene.count });
    events.splats(scene, keep);
  };
  try {
    await bytes.fill(1);
    performance.mark("first bytes");
    const head = await bytes.peek(SNIFFED);
    const facts = starts(head, [0x47, 0x53, 0x5a, 0x1a]) ? await gsz(source, bytes, splats, signal) : await plain(source, bytes, head, total, splats);
    tell({ done: true });
    if (!signal.aborted) events.facts(facts);
  } finally {
    bytes.cancel();
  }
}

async function gsz(source: SceneSource, bytes: ByteReader, splats: LoadEvents["splats"], signal: AbortSignal): Promise<SceneFacts> {
  let [head, about, shown]: [Head | null, Record<string, unknown>, number] = [null, {}, 0];
  const whole = await decodeGsz(bytes, await decoderModule(), {
    head: (found) => (head = found),
    about: (found) => (about = found),
    splats: (scene, keep) => {
      shown = scene.count;
      splats(scene, keep);
    },
  }, signal);
  const { shDegree, antialiased, sections } = head!;
  return {
    name: source.name, format: whole ? ".gsz" : ".gsz, cut: a coarser scene", bytes: bytes.came, splats: shown, shDegree, antialiased,
    sections: sectionsOf(sections), about,
  };
}

async function plain(source: SceneSource, bytes: ByteReader, head: Uint8Array, total: number | null, splats: LoadEvents["splats"]): Promise<SceneFacts> {
  const [format, read] = reader(source.name, head, total);
  const scene = read(await bytes.rest(MOST_BYTES));
  splats(scene, 0);
  const { count, shDegree, antialiased } = scene;
  return { name: source.name, format, bytes: bytes.came, splats: count, shDegree, antialiased, sections: [], about: {} };
}

const starts = (head: Uint8Array, magic: readonly number[]): boolean => magic.every((byte, i) => head[i] === byte);

function reader(name: string, head: Uint8Array, total: number | null): [format: string, read: (bytes: Uint8Array) => Splats] {
  if (starts(head, [0x70, 0x6c, 0x79])) {
    if (new TextDecoder("latin1").decode(head).includes("packed_position")) throw elsewhere(name, "a compressed .ply");
    return [".ply", readPly];
  }
  const other = OTHERS.find(([, magic]) => starts(head, magic));
  if (other) throw elsewhere(name, other[0]);
  if (looksLikeSplat(head, total)) return [".splat", readSplat];
  throw new FormatFault("bad magic", "file", "a .gsz, .ply or .splat", head.length === 0 ? "no bytes" : "other bytes");
}

const elsewhere = (name: string, found: string): FormatFault =>
  new FormatFault("unsupported", "format", "a .gsz, .ply or .splat", `${found}; 'gscompress view ${name}' shows it, 'gscompress compress ${name}' makes a .gsz`);
