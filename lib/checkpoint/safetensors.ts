/**
 * Files of tensors in the safetensors format, read tensor by tensor and written whole.
 *
 * Opening a file reads its header; a tensor's bytes are read when asked for, many at once and on whichever
 * thread is free, so that a file larger than memory can be used. Not here: what the tensors mean.
 */

import { Buffer } from "node:buffer";
import { resolve } from "node:path";
import { SafetensorsError } from "../util/errors.ts";
import { writeAll, writeBeside } from "../util/files.ts";
import { formatHeader, type TensorPlace, type UnreadablePlace } from "./safetensors_header.ts";
import type { FileRange, FileStamp } from "./file_range.ts";
import { type OpenedHeader, readHeader } from "./read_header.ts";
import { roomFor } from "./room.ts";
import { type Scan, scan, type ScanOrder } from "./scan_job.ts";
import { byteCount, ELEMENT_SIZES, type RawTensor, type TensorInfo } from "./tensor.ts";

/** Bytes of two tensors that are held against each other at once. */
const COMPARED = 1 << 24;

/**
 * An open safetensors file.
 *
 * @example
 * ```ts
 * import { projectPath, SafetensorsFile } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const path = projectPath("data/checkpoints/llama-base/model.safetensors");
 * using file = await SafetensorsFile.open(path);
 * assert.equal(file.tensors.get("model.norm.weight")?.dtype, "BF16");
 * ```
 */
export class SafetensorsFile implements Disposable {
  readonly #absolute: string;
  readonly #stamp: FileStamp;
  readonly #dataStart: number;
  #closed = false;
  /** Where it is. */
  readonly path: string;
  /** Tensors by name, with where they lie after the header. */
  readonly tensors: ReadonlyMap<string, TensorPlace>;
  /** Tensors of types that are not known here: they can be passed over and not read. */
  readonly unreadable: ReadonlyMap<string, UnreadablePlace>;
  /** The header's `__metadata__`, `{}` if it has none. */
  readonly metadata: Readonly<Record<string, string>>;

  private constructor(path: string, { stamp, dataStart, header }: OpenedHeader) {
    this.path = path;
    this.#absolute = resolve(path);
    this.#stamp = stamp;
    this.#dataStart = dataStart;
    this.tensors = header.tensors;
    this.unreadable = header.unreadable;
    this.metadata = header.metadata;
  }

  /**
   * Opens a file and checks its header.
   *
   * @throws {SafetensorsError} if it is not a file, cannot be opened or its header is not a valid one.
   */
  static async open(path: string): Promise<SafetensorsFile> {
    return new SafetensorsFile(path, await readHeader(path));
  }

  /**
   * Type and shape of a tensor, and where it lies.
   *
   * @throws {SafetensorsError} if the file has no such tensor, or its type is not known here.
   */
  place(name: string): TensorPlace {
    const place = this.tensors.get(name);
    if (place) return place;
    const dtype = this.unreadable.get(name)?.dtype;
    throw new SafetensorsError({
      problem: dtype === undefined ? "is not in the file" : "has an unknown dtype",
      file: this.path,
      tensor: name,
      value: dtype,
      expected: dtype === undefined
        ? `one of its ${this.tensors.size} tensors`
        : `one of ${Object.keys(ELEMENT_SIZES).join(", ")}`,
    });
  }

  /**
   * Where a tensor's bytes lie in the file, for a job to read.
   *
   * @throws {SafetensorsError} as {@linkcode SafetensorsFile.place}, or if the file was closed.
   */
  range(name: string): FileRange {
    const { begin, end } = this.place(name);
    return this.#range(begin, end - begin);
  }

  /**
   * Reads one tensor. Bytes of a large one lie in a `SharedArrayBuffer`.
   *
   * @throws {SafetensorsError} as {@linkcode SafetensorsFile.place}, or if the file was closed, or is no longer
   * as it was when it was opened.
   */
  async read(name: string): Promise<RawTensor> {
    return (await this.readScanned(name, { digest: false, finite: null })).raw;
  }

  /**
   * {@linkcode SafetensorsFile.read}, with what is found as the bytes pass by.
   *
   * @throws as {@linkcode SafetensorsFile.read}.
   */
  async readScanned(
    name: string,
    { digest, finite }: Pick<ScanOrder, "digest" | "finite">,
  ): Promise<Scan & { readonly raw: RawTensor }> {
    const { dtype, shape } = this.place(name);
    const from = this.range(name);
    const into = roomFor(from.byteLength);
    const found = await scan({ from, into, digest, finite });
    return { ...found, raw: { dtype, shape, bytes: into } };
  }

  /**
   * Whether a tensor is of the same type, shape and bytes as another, perhaps of another file.
   *
   * @throws as {@linkcode SafetensorsFile.read}.
   */
  async isSame(name: string, other: SafetensorsFile, otherName: string): Promise<boolean> {
    const [a, b] = [this.place(name), other.place(otherName)];
    if (a.dtype !== b.dtype || `${a.shape}` !== `${b.shape}`) return false;
    const length = byteCount(a);
    for (let at = 0; at < length; at += COMPARED) {
      const count = Math.min(COMPARED, length - at);
      const parts = await Promise.all([
        readBytes(this.#range(a.begin + at, count)),
        readBytes(other.#range(b.begin + at, count)),
      ]);
      if (Buffer.compare(...parts) !== 0) return false;
    }
    return true;
  }

  #range(begin: number, byteLength: number): FileRange {
    if (this.#closed) {
      const expected = "to be read before it is closed";
      throw new SafetensorsError({ problem: "was closed", file: this.path, expected });
    }
    return {
      path: this.#absolute,
      shown: this.path,
      stamp: this.#stamp,
      begin: this.#dataStart + begin,
      byteLength,
    };
  }

  /** Closes the file; reads fail from here on. */
  close(): void {
    this.#closed = true;
  }

  /** As {@linkcode SafetensorsFile.close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** Type, shape and name of a tensor to be written. */
export type NamedTensorInfo = { readonly name: string } & TensorInfo;

/**
 * Writes tensors to a file, sorted by name, atomically.
 *
 * @param metadata text that the header carries along.
 * @throws {OutputError} if the file cannot be written; nothing is left behind.
 * @throws {RangeError} if a tensor's bytes do not fit its type and shape.
 */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<{ readonly name: string } & RawTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const byName = new Map([...tensors].map((tensor) => [tensor.name, tensor]));
  const bytesOf = (name: string) => Promise.resolve(byName.get(name)!.bytes);
  await streamSafetensors(path, byName.values(), bytesOf, metadata);
}

/**
 * Like `writeSafetensors`, with the bytes of one tensor in memory at a time.
 *
 * @param tensors all tensors that the file is to hold, in any order.
 * @param bytesOf called once a tensor, in the order of the file.
 * @param beforeMove as of {@linkcode writeBeside}.
 * @throws what `bytesOf` throws, and as `writeSafetensors`; nothing is left behind.
 */
export async function streamSafetensors(
  path: string,
  tensors: Iterable<NamedTensorInfo>,
  bytesOf: (name: string) => Promise<Uint8Array>,
  metadata: Readonly<Record<string, string>> = {},
  beforeMove?: () => Promise<void>,
): Promise<void> {
  const sorted = [...tensors].sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  await writeBeside(path, async (file) => {
    await writeAll(file, formatHeader(sorted, metadata));
    for (const tensor of sorted) {
      const bytes = await bytesOf(tensor.name);
      if (bytes.length !== byteCount(tensor)) {
        throw new RangeError(
          `tensor '${tensor.name}' has ${bytes.length} bytes; expected ${byteCount(tensor)} ` +
            `for ${tensor.dtype} of shape [${tensor.shape}]`,
        );
      }
      await writeAll(file, bytes);
    }
  }, beforeMove);
}

async function readBytes(from: FileRange): Promise<Uint8Array> {
  const into = roomFor(from.byteLength);
  await scan({ from, into, digest: false, finite: null });
  return into;
}
