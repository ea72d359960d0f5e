/** Header and table of a .gsz file (FORMAT.md), as far as the page needs them. */

const SECTION = { basis: 1, geometry: 2, harmonics: 3, anchors: 4, networks: 17, condition: 20, about: 0x8001 } as const;

const KINDS = new Map<number, string>(Object.entries(SECTION).map(([kind, type]) => [type, kind]));
const FIXED_HEADER = 270;
const TABLE_ENTRY = 24;

export interface Section {
  index: number;
  /** A name of `SECTION`, or "type <number>". */
  kind: string;
  /** Of chunks; 0 of other sections. */
  block: number;
  layer: number;
  splats: number;
  /** Bytes of the payload. */
  size: number;
}

export interface Head {
  version: number;
  antialiased: boolean;
  splats: number;
  /** 0 to 3. */
  shDegree: number;
  layers: number;
  blocks: number;
  /** Bytes of header and table. */
  size: number;
  sections: Section[];
}

export const isChunk = ({ kind }: Section) => kind === "geometry" || kind === "anchors" || kind === "harmonics";

/** Whether a decoder may do without it. */
export const isAncillary = ({ kind }: Section) => kind === "about" || kind.startsWith("type ");

/** @param head header and table, which `Program.open` has found sound. */
export function readHead(head: Uint8Array): Head {
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const sections = Array.from({ length: (head.length - FIXED_HEADER) / TABLE_ENTRY }, (_, index): Section => {
    const at = FIXED_HEADER + TABLE_ENTRY * index;
    const type = view.getUint16(at, true);
    const kind = KINDS.get(type) ?? `type ${type}`;
    const section = { index, kind, block: 0, layer: 0, splats: 0, size: view.getUint32(at + 16, true) };
    if (!isChunk(section)) return section;
    return { ...section, block: view.getUint32(at + 4, true), layer: view.getUint16(at + 8, true), splats: view.getUint32(at + 12, true) };
  });
  return {
    version: view.getUint16(4, true),
    antialiased: (view.getUint16(6, true) & 1) !== 0,
    splats: view.getUint32(16, true),
    shDegree: head[20],
    layers: head[23],
    blocks: view.getUint32(28, true),
    size: head.length,
    sections,
  };
}
