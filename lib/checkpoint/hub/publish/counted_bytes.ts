/** Bytes in memory as a `Blob` that says how many of them have left. */

/** Bytes that leave at once. */
const PIECE = 1 << 18;

/** A text or bytes, none of them copied. */
export class CountedBytes extends Blob {
  readonly #bytes: Uint8Array<ArrayBuffer>;

  /** @param onBytes is told of every piece that is read. */
  constructor(bytes: Uint8Array<ArrayBuffer>, readonly onBytes: (count: number) => void) {
    super();
    this.#bytes = bytes;
  }

  /** Bytes. */
  override get size(): number {
    return this.#bytes.length;
  }

  /** They, piece by piece. */
  override stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return ReadableStream.from(this.#pieces());
  }

  *#pieces(): Generator<Uint8Array<ArrayBuffer>> {
    for (let at = 0; at < this.#bytes.length; at += PIECE) {
      const piece = this.#bytes.subarray(at, at + PIECE);
      this.onBytes(piece.length);
      yield piece;
    }
  }
}
