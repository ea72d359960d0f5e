/** Reads a stream in pieces of a given size; `onBytes` gets the number of bytes that have come. */
export class ByteReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #onBytes: (bytes: number) => void;
  readonly #pieces: Uint8Array[] = [];
  #held = 0;
  #came = 0;
  #ended = false;

  constructor(stream: ReadableStream<Uint8Array>, onBytes: (bytes: number) => void = () => {}) {
    this.#reader = stream.getReader();
    this.#onBytes = onBytes;
  }

  /** Bytes that came so far. */
  get came(): number {
    return this.#came;
  }

  /** At least `size` bytes are here, or the stream has ended; returns how many are here. */
  async fill(size: number): Promise<number> {
    while (this.#held < size && !this.#ended) {
      const { done, value } = await this.#reader.read();
      if (done) {
        this.#ended = true;
      } else if (value.length > 0) {
        this.#pieces.push(value);
        this.#held += value.length;
        this.#came += value.length;
        this.#onBytes(this.#came);
      }
    }
    return this.#held;
  }

  /** The next `size` bytes, which stay; fewer where the stream ends. Never more memory than came. */
  async peek(size: number): Promise<Uint8Array<ArrayBuffer>> {
    const out = new Uint8Array(Math.min(size, await this.fill(size)));
    let at = 0;
    for (const piece of this.#pieces) {
      if (at === out.length) break;
      const part = piece.subarray(0, out.length - at);
      out.set(part, at);
      at += part.length;
    }
    return out;
  }

  /** The next `size` bytes; fewer where the stream ends. */
  async take(size: number): Promise<Uint8Array<ArrayBuffer>> {
    const out = await this.peek(size);
    let left = out.length;
    this.#held -= left;
    while (left > 0) {
      const first = this.#pieces[0];
      if (first.length > left) {
        this.#pieces[0] = first.subarray(left);
        break;
      }
      left -= first.length;
      this.#pieces.shift();
    }
    return out;
  }

  /** All that is left, at most `limit` bytes. */
  async rest(limit: number): Promise<Uint8Array<ArrayBuffer>> {
    return this.take(Math.min(limit, await this.fill(limit)));
  }

  cancel(): void {
    void this.#reader.cancel().catch(() => {});
  }
}
