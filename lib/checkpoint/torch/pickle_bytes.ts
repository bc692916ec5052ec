/** The bytes of a pickle, read one after another: numbers, texts and where they are. Not here: what they mean. */

import { TorchError } from "../../util/errors.ts";

/** Reads a pickle from its start. */
export class PickleBytes {
  #at = 0;
  readonly #view: DataView;

  /** @param file that it comes from, for errors. */
  constructor(readonly bytes: Uint8Array, readonly file: string) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** How many were read. */
  get position(): number {
    return this.#at;
  }

  /** The next ones, which share memory with the pickle. */
  take(length: number): Uint8Array {
    if (length <= this.bytes.length - this.#at) {
      return this.bytes.subarray(this.#at, this.#at += length);
    }
    throw this.fault(`it ends at byte ${this.bytes.length}`, `${length} bytes from ${this.#at} on`);
  }

  /** An unsigned number of 1, 2, 4 or 8 bytes, little-endian. */
  unsigned(size: 1 | 2 | 4 | 8): number {
    const at = this.#at;
    this.take(size);
    if (size === 1) return this.#view.getUint8(at);
    if (size === 2) return this.#view.getUint16(at, true);
    if (size === 4) return this.#view.getUint32(at, true);
    const number = this.#view.getBigUint64(at, true);
    if (number <= Number.MAX_SAFE_INTEGER) return Number(number);
    throw this.fault(`the length ${number} at byte ${at}`, "lengths within the pickle");
  }

  /** A signed number of 4 bytes, little-endian. */
  signed(): number {
    this.take(4);
    return this.#view.getInt32(this.#at - 4, true);
  }

  /** A number of 8 bytes, big-endian, as floats are in pickles. */
  float(): number {
    this.take(8);
    return this.#view.getFloat64(this.#at - 8, false);
  }

  /** A whole number of `length` bytes in two's complement, little-endian. */
  long(length: number): number | bigint {
    const bytes = this.take(length);
    let number = 0n;
    for (const byte of bytes.toReversed()) number = number << 8n | BigInt(byte);
    if (length > 0 && bytes[length - 1] >= 128) number -= 1n << BigInt(8 * length);
    return Number.isSafeInteger(Number(number)) ? Number(number) : number;
  }

  /** A text of `length` bytes in UTF-8. */
  text(length: number): string {
    const at = this.#at;
    const bytes = this.take(length);
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch (cause) {
      throw this.fault(`at byte ${at}: ${(cause as Error).message}`, "texts in UTF-8");
    }
  }

  /** A text up to the end of its line. */
  line(): string {
    const length = this.bytes.subarray(this.#at).indexOf(10);
    if (length < 0) throw this.fault(`the line at byte ${this.#at} has no end`, "a whole pickle");
    const text = this.text(length);
    this.take(1);
    return text;
  }

  /** An error on this pickle. */
  fault(value: string, expected: string): TorchError {
    const problem = "has a pickle that is not read";
    return new TorchError({ problem, file: this.file, value, expected });
  }
}
