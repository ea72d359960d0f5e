import { FormatError, type FaultKind } from "../errors.ts";

/** No file may claim more, as in every decoder. */
const MAX_SPLATS = 2 ** 26;

/** What cuda/wasm/decoder.cpp exports. */
interface Exports {
  memory: WebAssembly.Memory;
  _initialize(): void;
  input(size: number): number;
  head_size(): number;
  open(maxSplats: number): void;
  section(index: number): number;
  output(): number;
  close(block: number): void;
  frame_key(slot: number, maxSplats: number): number;
  frame_following(from: number, to: number, maxSplats: number): number;
  frame_kind(slot: number): number;
  frame_values(slot: number): number;
}

const KINDS: FaultKind[] = ["bad magic", "truncated", "corrupt", "unsupported"];
const NOT_SUPPORTED = 58; // WASI's errno for a file descriptor that can nothing

/**
 * The decoder of a file's sections. Its memory grows with what it is given, at most to 4 GB. After an error it is of no more
 * use: it stopped in the middle of something.
 */
export class Program {
  private readonly exports: Exports;

  private constructor(exports: Exports) {
    this.exports = exports;
  }

  static async create(module: WebAssembly.Module): Promise<Program> {
    let exports: Exports;
    const text = (at: number, size: number) => new TextDecoder().decode(new Uint8Array(exports.memory.buffer, at, size));
    const nothing = () => NOT_SUPPORTED;
    const instance = await WebAssembly.instantiate(module, {
      gsz: {
        refused(kind: number, ...[field, fieldSize, expected, expectedSize, found, foundSize]: number[]) {
          throw new FormatError({
            kind: KINDS[kind], field: text(field, fieldSize), expected: text(expected, expectedSize), found: text(found, foundSize),
          });
        },
      },
      wasi_snapshot_preview1: {
        // Keys of the hash tables: nobody can write a file that fills one slot.
        random_get(at: number, size: number) {
          crypto.getRandomValues(new Uint8Array(exports.memory.buffer, at, size));
          return 0;
        },
        // The C library's output, which nothing writes to.
        fd_write: nothing, fd_seek: nothing, fd_close: nothing,
      },
    });
    exports = instance.exports as unknown as Exports;
    exports._initialize();
    return new Program(exports);
  }

  /** Bytes of header and table, from a file's first 16. */
  headSize(first: Uint8Array): number {
    return this.run(first, () => this.exports.head_size() >>> 0);
  }

  /** Checks header and table. Everything else comes after it. */
  open(head: Uint8Array): void {
    this.run(head, () => this.exports.open(MAX_SPLATS));
  }

  /**
   * Decodes a payload, in the order that cuda/wasm/decoder.cpp asks for.
   *
   * @returns of a chunk its values, as that file lays them out, in memory of their own; else nothing.
   */
  section(index: number, payload: Uint8Array): Float32Array<ArrayBuffer> {
    return this.output(this.run(payload, () => this.exports.section(index)));
  }

  /** Decodes a key frame of a sequence into a slot, 0 to 2; its splats. */
  keyFrame(slot: number, payload: Uint8Array): number {
    return this.run(payload, () => this.exports.frame_key(slot, MAX_SPLATS)) >>> 0;
  }

  /** Decodes the frame that follows the one in slot `from`; its splats. */
  followingFrame(from: number, to: number, payload: Uint8Array): number {
    return this.run(payload, () => this.exports.frame_following(from, to, MAX_SPLATS)) >>> 0;
  }

  frameKind(slot: number): { shRest: number; antialiased: boolean } {
    const kind = this.exports.frame_kind(slot);
    return { shRest: kind & 255, antialiased: kind >= 256 };
  }

  /** Means, quats, logScales, opacityLogits and sh of a slot's frame, one after the other, in memory of their own. */
  frameValues(slot: number): Float32Array<ArrayBuffer> {
    return this.output(this.run(new Uint8Array(0), () => this.exports.frame_values(slot)));
  }

  /** Frees what a block's chunks needed, after its last. */
  close(block: number): void {
    this.exports.close(block);
  }

  private output(size: number): Float32Array<ArrayBuffer> {
    return new Float32Array(this.exports.memory.buffer, this.exports.output(), size >>> 0).slice() as Float32Array<ArrayBuffer>;
  }

  private run<T>(bytes: Uint8Array, call: () => T): T {
    try {
      const at = this.exports.input(bytes.length);
      new Uint8Array(this.exports.memory.buffer, at, bytes.length).set(bytes);
      return call();
    } catch (error) {
      if (error instanceof FormatError) throw error;
      throw new FormatError({ kind: "unsupported", field: "file", expected: "a scene that fits into memory", found: String(error) });
    }
  }
}
