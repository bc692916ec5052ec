/**
 * Stretches of files that were opened before, read from wherever there is a thread for it: the path is opened
 * anew and held to be the file that it was.
 */

import { type Fault, TensorFileError } from "../util/errors.ts";
import { fileFault } from "../util/file_fault.ts";
import type { TensorInfo } from "./tensor.ts";
import { inflated } from "./torch/inflated.ts";
import type { ZipEntry } from "./torch/zip_directory.ts";

/** What tells a file from another in its place, or from itself once it was written to. */
export interface FileStamp {
  /** Of the disk. */
  readonly device: number;
  /** `null` where the system has no such number. */
  readonly inode: number | null;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds; `null` where the system does not say. */
  readonly modified: number | null;
}

/** A stretch of a file as it was when the stamp was taken. */
export interface FileRange {
  /** Absolute, as a thread may be told of it when the process has gone to another folder. */
  readonly path: string;
  /** The path as the user has it, for messages. */
  readonly shown: string;
  /** What the file was. */
  readonly stamp: FileStamp;
  /** The first byte, counted from the start of the file, or of what is deflated in it. */
  readonly begin: number;
  /** Bytes. */
  readonly byteLength: number;
  /** What has to be unpacked for it; the rule is that bytes lie in a file as they are. */
  readonly deflated?: ZipEntry;
}

/** A tensor where its bytes lie. */
export interface TensorSource extends TensorInfo {
  /** Its bytes in the file. */
  readonly range: FileRange;
  /** The BLAKE3 of its bytes; `null` while it is not known. */
  readonly digest: string | null;
}

/** The stamp of a file that was looked at. */
export function stampOf({ dev, ino, size, mtime }: Deno.FileInfo): FileStamp {
  return { device: dev, inode: ino, size, modified: mtime && mtime.getTime() };
}

/** Reads a range from its start to its end, a block at a time, without letting go of the thread. */
export class RangeReader implements Disposable {
  readonly #file: Deno.FsFile;
  /** What was deflated and is not read yet. */
  #unpacked: Uint8Array | null = null;

  /** @throws {TensorFileError} if the file cannot be opened, is no longer the one that it was, or is damaged. */
  constructor(readonly range: FileRange) {
    const { path, shown, stamp, begin, byteLength, deflated } = range;
    this.#file = this.#told(() => Deno.openSync(path));
    try {
      this.#told(() => {
        const found = stampOf(this.#file.statSync());
        if (JSON.stringify(found) !== JSON.stringify(stamp)) throw changed(range);
        this.#file.seekSync(deflated?.begin ?? begin, Deno.SeekMode.Start);
      });
      if (!deflated) return;
      const packed = new Uint8Array(deflated.packedLength);
      this.read(packed);
      this.#unpacked = inflated(packed, deflated, shown).subarray(begin, begin + byteLength);
    } catch (error) {
      this.#file.close();
      throw error;
    }
  }

  /**
   * Fills a block with the bytes that follow.
   *
   * @throws {TensorFileError} if the file cannot be read, or ends before the block is full.
   */
  read(block: Uint8Array): void {
    if (this.#unpacked) {
      block.set(this.#unpacked.subarray(0, block.length));
      this.#unpacked = this.#unpacked.subarray(block.length);
      return;
    }
    this.#told(() => {
      for (let filled = 0; filled < block.length;) {
        const count = this.#file.readSync(block.subarray(filled));
        if (count === null) throw changed(this.range);
        filled += count;
      }
    });
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file.close();
  }

  #told<T>(action: () => T): T {
    try {
      return action();
    } catch (cause) {
      if (cause instanceof TensorFileError) throw cause;
      throw unreadable(this.range, fileFault(cause as Error, UNCHANGED));
    }
  }
}

const UNCHANGED = "a file that stays as it was when it was opened";

function changed(range: FileRange): TensorFileError {
  return unreadable(range, { value: "it has changed since", expected: UNCHANGED });
}

function unreadable({ shown: file }: FileRange, fault: Omit<Fault, "problem">): TensorFileError {
  return new TensorFileError({ problem: "cannot be read to its end", file, ...fault });
}
