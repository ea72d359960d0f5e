/** Bytes that come in pieces and are taken in pieces of other sizes. */
export class ByteQueue {
  private readonly source: AsyncIterator<Uint8Array>;
  private pieces: Uint8Array[] = [];
  private ended = false;
  /** Bytes here and not yet taken. */
  size = 0;
  /** Bytes that have come, taken or not. */
  received = 0;
  private readonly onBytes: (received: number) => void;

  constructor(source: AsyncIterator<Uint8Array>, onBytes: (received: number) => void) {
    this.source = source;
    this.onBytes = onBytes;
  }

  /** Waits until `size` bytes are here; false if the source ends before. */
  async fill(size: number): Promise<boolean> {
    while (this.size < size && !this.ended) {
      const { done, value } = await this.source.next();
      if (done) {
        this.ended = true;
      } else {
        this.pieces.push(value);
        this.size += value.length;
        this.received += value.length;
        this.onBytes(this.received);
      }
    }
    return this.size >= size;
  }

  /** The next `size` bytes, or as many as are here, in memory of their own. */
  take(size: number): Uint8Array<ArrayBuffer> {
    const out = new Uint8Array(Math.min(size, this.size));
    let at = 0;
    while (at < out.length) {
      const piece = this.pieces[0];
      const part = piece.subarray(0, out.length - at);
      out.set(part, at);
      at += part.length;
      if (part.length < piece.length) this.pieces[0] = piece.subarray(part.length);
      else this.pieces.shift();
    }
    this.size -= out.length;
    return out;
  }

  /** Leaves `bytes` in front of what is still to be taken. */
  putBack(bytes: Uint8Array): void {
    this.pieces.unshift(bytes);
    this.size += bytes.length;
  }
}

/** The pieces of a source; `stop` ends it, also while a piece is being waited for. */
export function piecesOf(source: ReadableStream<Uint8Array> | Blob): AsyncIterator<Uint8Array> & { stop(reason: unknown): void } {
  const reader = (source instanceof Blob ? source.stream() : source).getReader();
  return {
    next: () => reader.read() as Promise<IteratorResult<Uint8Array>>,
    stop: (reason) => void reader.cancel(reason).catch(() => {}),
  };
}
