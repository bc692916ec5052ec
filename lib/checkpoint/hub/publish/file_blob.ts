/**
 * A file of the disk as a `Blob` that is read as it is sent: the standard's own, and the one of
 * `node:fs`, hold all of it in memory here.
 */

import { OutputError } from "../../../util/errors.ts";

/** Bytes that are read at once. */
const PIECE = 1 << 18;

/** What a file was when its digest was taken. */
export interface FileState {
  /** Where it is. */
  readonly place: string;
  /** Bytes. */
  readonly size: number;
  /** When it was last written, in milliseconds since 1970. */
  readonly written: number | null;
}

/** The state that a file is in now. */
export async function fileState(place: string): Promise<FileState> {
  const { size, mtime } = await Deno.stat(place);
  return { place, size, written: mtime?.getTime() ?? null };
}

/** A file, or a part of one. */
export class FileBlob extends Blob {
  readonly #begin: number;
  readonly #end: number;

  /** @param onBytes is told of every piece that is read. */
  constructor(
    readonly state: FileState,
    begin = 0,
    end = state.size,
    readonly onBytes?: (count: number) => void,
  ) {
    super();
    this.#begin = begin;
    this.#end = Math.max(begin, end);
  }

  /** Bytes. */
  override get size(): number {
    return this.#end - this.#begin;
  }

  /** As a blob's, from 0 on. */
  override slice(start = 0, end = this.size): FileBlob {
    const last = Math.min(this.#begin + end, this.#end);
    return new FileBlob(this.state, Math.min(this.#begin + start, last), last, this.onBytes);
  }

  /** The same bytes, and `onBytes` is told of them. */
  counted(onBytes: (count: number) => void): FileBlob {
    return new FileBlob(this.state, this.#begin, this.#end, onBytes);
  }

  /** As a blob's. */
  override async arrayBuffer(): Promise<ArrayBuffer> {
    const bytes = new Uint8Array(this.size);
    let at = 0;
    for await (const piece of this.stream()) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return bytes.buffer;
  }

  /** As a blob's. */
  override async text(): Promise<string> {
    return new TextDecoder().decode(await this.arrayBuffer());
  }

  /** Its bytes as they are read. @throws {OutputError} if the file is not as it was. */
  override stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return ReadableStream.from(this.#pieces());
  }

  /** @throws {OutputError} if the file is not as it was when its digest was taken. */
  async checkUnchanged(): Promise<void> {
    const { place, size, written } = this.state;
    const now = await fileState(place).catch(() => null);
    if (now?.size === size && now.written === written) return;
    throw changed(place);
  }

  async *#pieces(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    await this.checkUnchanged();
    using file = await Deno.open(this.state.place);
    await file.seek(this.#begin, Deno.SeekMode.Start);
    for (let left = this.size; left > 0;) {
      const piece = new Uint8Array(Math.min(PIECE, left));
      const count = await file.read(piece);
      if (count === null) throw changed(this.state.place);
      left -= count;
      this.onBytes?.(count);
      yield piece.subarray(0, count);
    }
  }
}

function changed(file: string): OutputError {
  const expected = "a file that stays as it is while it is published";
  return new OutputError({ problem: "has changed since it was looked at", file, expected });
}
