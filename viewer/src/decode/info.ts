import { readHead, type Head } from "./head.ts";

/** One line of the scene panel. */
export interface SectionInfo {
  /** As head.ts has it, or "header". */
  kind: string;
  block: number;
  layer: number;
  splats: number;
  sizeBytes: number;
  /** Whether it has come. */
  present: boolean;
  bitsPerSplat: number;
  /** Of the whole file. */
  share: number;
}

/** What a file says of itself, as `gscompress info --json` has it. */
export interface FileInfo {
  sizeBytes: number;
  splats: number;
  shDegree: number;
  antialiased: boolean;
  bytesPerSplat: number | null;
  version: number;
  blocks: number;
  layers: number;
  /** How many have come; null where there are none. */
  anchors: number | null;
  complete: boolean;
  /** What the encoder says. */
  about: Record<string, unknown>;
  sections: SectionInfo[];
}

/** What of a file has come, besides its head. */
export interface Arrived {
  /** How many of its sections, from the first. */
  sections: number;
  /** All bytes. */
  bytes: number;
  anchors: number;
  about: Record<string, unknown>;
}

export function describe(head: Head, arrived: Arrived): FileInfo {
  const total = head.sections.reduce((sum, { size }) => sum + size, head.size);
  const weigh = (sizeBytes: number) => ({ sizeBytes, bitsPerSplat: (8 * sizeBytes) / Math.max(head.splats, 1), share: sizeBytes / total });
  const anchored = head.sections.slice(0, arrived.sections).some(({ kind }) => kind === "networks");
  return {
    sizeBytes: arrived.bytes,
    splats: head.splats,
    shDegree: head.shDegree,
    antialiased: head.antialiased,
    bytesPerSplat: head.splats ? arrived.bytes / head.splats : null,
    version: head.version,
    blocks: head.blocks,
    layers: head.layers,
    anchors: anchored ? arrived.anchors : null,
    complete: arrived.sections === head.sections.length,
    about: arrived.about,
    sections: [
      { kind: "header", block: 0, layer: 0, splats: 0, present: true, ...weigh(head.size) },
      ...head.sections.map(({ kind, block, layer, splats, size }, i) => ({ kind, block, layer, splats, present: i < arrived.sections, ...weigh(size) })),
    ],
  };
}

/** The JSON object in a section `about`; empty where it is none. */
export function readAbout(payload: Uint8Array): Record<string, unknown> {
  try {
    const found: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
    return typeof found === "object" && found !== null && !Array.isArray(found) ? (found as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** The same of a whole file that has been decoded, such as a sequence's key frame. */
export function keyFrameAbout(file: Uint8Array): Record<string, unknown> {
  const head = readHead(file.subarray(0, new DataView(file.buffer, file.byteOffset).getUint32(8, true)));
  let at = head.size;
  for (const { kind, size } of head.sections) {
    if (kind === "about") return readAbout(file.subarray(at, at + size));
    at += size;
  }
  return {};
}
