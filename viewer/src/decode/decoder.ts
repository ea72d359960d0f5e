import { FormatFault, KINDS } from "./faults.ts";

/** A row of the section table; FORMAT.md, "Section table". */
export interface Section {
  type: number;
  version: number;
  block: number;
  layer: number;
  splats: number;
  /** Bytes, and where they start in the file. */
  size: number;
  offset: number;
}

/** What the header says. */
export interface Head {
  splats: number;
  shDegree: number;
  antialiased: boolean;
  layers: number;
  blocks: number;
  sections: Section[];
}

export const BASIS = 1;
export const GEOMETRY = 2;
export const HARMONICS = 3;
export const ANCHORS = 4;
export const NETWORKS = 17;
export const CONDITION = 20;
export const ABOUT = 0x8001;

/** Most Gaussians that a page takes on: more than any browser draws, and few enough for its arrays. */
export const MAX_SPLATS = 1 << 24;
/** Bytes without which a file does not say how long its head is. */
export const LEAST_HEAD = 16;

/** cuda/wasm/decoder.cpp. */
interface Exports {
  memory: WebAssembly.Memory;
  _initialize(): void;
  gsz_allocate(size: number): number;
  gsz_release(pointer: number): void;
  gsz_head_size(data: number): number;
  gsz_open(head: number, size: number, maxSplats: number): number;
  gsz_section(index: number): number;
  gsz_take(index: number, payload: number): void;
  gsz_geometry(block: number): void;
  gsz_write(block: number, layer: number, harmonics: number, out: number): void;
}

/** Floats of a Gaussian: mean, quaternion, log scales, opacity logit, harmonics. */
export const floatsOf = (shDegree: number): number => 11 + 3 * (shDegree + 1) ** 2;

/**
 * One file in one instance of the native decoder. Every method may throw a `FormatFault`; the decoder is of no more use then.
 * Memory: the head, the payloads of chunks not yet decoded, and about 200 bytes a Gaussian of the blocks that it decodes.
 */
export class Decoder {
  readonly #c: Exports;
  readonly #kept = new Map<number, number>();
  #head: Head | null = null;

  private constructor(exports: Exports) {
    this.#c = exports;
    exports._initialize();
  }

  /** @param module of decoder.wasm. */
  static async of(module: WebAssembly.Module): Promise<Decoder> {
    let exports: Exports | null = null;
    const host = {
      gsz_fault(kind: number, text: number, size: number): never {
        const words = new TextDecoder().decode(new Uint8Array(exports!.memory.buffer, text, size)).split("\n");
        throw new FormatFault(KINDS[kind], words[0], words[1], words[2]);
      },
      gsz_random: (): bigint => crypto.getRandomValues(new BigUint64Array(1))[0],
    };
    // The C library wants to write to files; there are none.
    const none = (): number => 8;
    const wasi = { fd_close: none, fd_seek: none, fd_write: none };
    const instance = await WebAssembly.instantiate(module, { host, wasi_snapshot_preview1: wasi });
    exports = instance.exports as unknown as Exports;
    return new Decoder(exports);
  }

  /** How many bytes the head has, by its first `LEAST_HEAD`; null where they are none of a .gsz file. */
  headSize(bytes: Uint8Array): number | null {
    const pointer = this.#copied(bytes.subarray(0, LEAST_HEAD));
    const size = this.#guarded(() => this.#c.gsz_head_size(pointer));
    this.#c.gsz_release(pointer);
    return size || null;
  }

  /** Header and section table; `head` may be too short or anything else, which is then a fault. */
  open(head: Uint8Array): Head {
    const pointer = this.#copied(head);
    const facts = this.#guarded(() => this.#c.gsz_open(pointer, head.length, MAX_SPLATS));
    const [splats, shDegree, antialiased, layers, blocks, count] = new Uint32Array(this.#c.memory.buffer, facts, 6);
    const sections = Array.from({ length: count }, (_, i) => this.#section(i));
    this.#c.gsz_release(pointer);
    this.#head = { splats, shDegree, antialiased: antialiased === 1, layers, blocks, sections };
    return this.#head;
  }

  /** The payload of a section. Basis, networks and condition come before the chunks. */
  take(index: number, payload: Uint8Array): void {
    const pointer = this.#copied(payload);
    this.#guarded(() => this.#c.gsz_take(index, pointer));
    const { type } = this.#head!.sections[index];
    if (type === GEOMETRY || type === ANCHORS || type === HARMONICS) this.#kept.set(index, pointer);
    else this.#c.gsz_release(pointer);
  }

  /** Decodes a chunk of geometry or anchors that was taken; a block's layers in their order. */
  geometry(index: number): void {
    this.#guarded(() => this.#c.gsz_geometry(this.#head!.sections[index].block));
    this.#drop(index);
  }

  /**
   * The Gaussians of a chunk of geometry that was decoded: means [n, 3], quats [n, 4], log scales [n, 3], opacity logits [n], harmonics
   * [n, K, 3], one array after the other.
   *
   * @param harmonics the section of the same block and layer that was taken, once, a block's layers in their order; null for zeros
   *   beyond the constant.
   */
  rows(index: number, harmonics: number | null): Float32Array<ArrayBuffer> {
    const { block, layer, splats } = this.#head!.sections[index];
    const floats = splats * floatsOf(this.#head!.shDegree);
    const out = this.#allocated(4 * floats);
    this.#guarded(() => this.#c.gsz_write(block, layer, harmonics === null ? 0 : 1, out));
    const rows = new Float32Array(this.#c.memory.buffer, out, floats).slice();
    this.#c.gsz_release(out);
    if (harmonics !== null) this.#drop(harmonics);
    return rows;
  }

  #drop(index: number): void {
    this.#c.gsz_release(this.#kept.get(index)!);
    this.#kept.delete(index);
  }

  #section(index: number): Section {
    const pointer = this.#c.gsz_section(index);
    const [type, version, block, layer, splats, size] = new Uint32Array(this.#c.memory.buffer, pointer, 6);
    const [offset] = new Float64Array(this.#c.memory.buffer, pointer + 24, 1);
    return { type, version, block, layer, splats, size, offset };
  }

  #allocated(size: number): number {
    const pointer = this.#guarded(() => this.#c.gsz_allocate(size));
    if (pointer === 0) throw outOfMemory(this.#head);
    return pointer;
  }

  #copied(bytes: Uint8Array): number {
    const pointer = this.#allocated(bytes.length);
    new Uint8Array(this.#c.memory.buffer).set(bytes, pointer);
    return pointer;
  }

  /** The C library gives up with a trap when memory runs out. */
  #guarded<T>(call: () => T): T {
    try {
      return call();
    } catch (error) {
      throw error instanceof WebAssembly.RuntimeError ? outOfMemory(this.#head) : error;
    }
  }
}

const outOfMemory = (head: Head | null): FormatFault =>
  new FormatFault("unsupported", "header.splats", "as many as fit into this page's memory", String(head?.splats ?? "more"));
