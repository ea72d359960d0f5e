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
    const size = this.run(payload, () => this.exports.section(index));
    return new Float32Array(this.exports.memory.buffer, this.exports.output(), size).slice() as Float32Array<ArrayBuffer>;
  }

  /** Frees what a block's chunks needed, after its last. */
  close(block: number): void {
    this.exports.close(block);
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
