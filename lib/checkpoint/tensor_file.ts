/**
 * A file of tensors, of whatever format: which there are, and their bytes, read when asked for, many at once and
 * on whichever thread is free, so that a file larger than memory can be used. Not here: how a format says where
 * they lie (`safetensors.ts`, `torch/torch_file.ts`), and what the tensors mean.
 */

import { Buffer } from "node:buffer";
import { isDeepStrictEqual } from "node:util";
import { TensorFileError } from "../util/errors.ts";
import type { FileRange } from "./file_range.ts";
import { roomFor } from "./room.ts";
import { type Scan, scan, type ScanOrder } from "./scan_job.ts";
import { ELEMENT_SIZES, type RawTensor, type TensorInfo } from "./tensor.ts";

/** Bytes of two tensors that are held against each other at once. */
const COMPARED = 1 << 24;

/** A tensor of a type that is not known here, which can be passed over and not read. */
export type UnreadableInfo = Omit<TensorInfo, "dtype"> & { readonly dtype: string };

/** A tensor of a file, of whatever type. */
export interface ListedTensor extends UnreadableInfo {
  /** In the file. */
  readonly name: string;
  /** Bytes that the file has for it: none where those of one before it are its own too. */
  readonly storedBytes: number;
}

/**
 * An open file of tensors.
 *
 * @example
 * ```ts
 * import { projectPath, SafetensorsFile, type TensorFile } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const path = projectPath("data/checkpoints/llama-base/model.safetensors");
 * using file: TensorFile = await SafetensorsFile.open(path);
 * const { shape, bytes } = await file.read("model.norm.weight");
 * assert.equal(bytes.length, 2 * shape[0]);
 * ```
 */
export abstract class TensorFile<Place extends TensorInfo = TensorInfo> implements Disposable {
  #closed = false;
  /** Where it is. */
  abstract readonly path: string;
  /** Tensors by name. */
  abstract readonly tensors: ReadonlyMap<string, Place>;
  /** Tensors of types that are not known here: they can be passed over and not read. */
  abstract readonly unreadable: ReadonlyMap<string, UnreadableInfo>;
  /** Texts that the file carries along, `{}` if it has none. */
  abstract readonly metadata: Readonly<Record<string, string>>;

  /** Every tensor in the order of the file. */
  abstract listed(): ListedTensor[];

  /** Where the bytes of a tensor lie in the file. */
  protected abstract rangeOf(place: Place): FileRange;

  /**
   * Type and shape of a tensor, and where it lies.
   *
   * @throws {TensorFileError} if the file has no such tensor, or its type is not known here.
   */
  place(name: string): Place {
    const place = this.tensors.get(name);
    if (place) return place;
    const dtype = this.unreadable.get(name)?.dtype;
    throw new TensorFileError({
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
   * @throws {TensorFileError} as {@linkcode TensorFile.place}, or if the file was closed.
   */
  range(name: string): FileRange {
    const place = this.place(name);
    if (!this.#closed) return this.rangeOf(place);
    const expected = "to be read before it is closed";
    throw new TensorFileError({ problem: "was closed", file: this.path, expected });
  }

  /**
   * Reads one tensor. Bytes of a large one lie in a `SharedArrayBuffer`.
   *
   * @throws {TensorFileError} as {@linkcode TensorFile.place}, or if the file was closed, or is no longer as it
   * was when it was opened.
   */
  async read(name: string): Promise<RawTensor> {
    return (await this.readScanned(name, { digest: false, finite: null })).raw;
  }

  /**
   * {@linkcode TensorFile.read}, with what is found as the bytes pass by.
   *
   * @throws as {@linkcode TensorFile.read}.
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
   * @throws as {@linkcode TensorFile.read}.
   */
  async isSame(name: string, other: TensorFile, otherName: string): Promise<boolean> {
    const [a, b] = [this.place(name), other.place(otherName)];
    if (a.dtype !== b.dtype || `${a.shape}` !== `${b.shape}`) return false;
    const [range, otherRange] = [this.range(name), other.range(otherName)];
    // Of one storage, as tied weights are in files of torch.
    if (isDeepStrictEqual(range, otherRange)) return true;
    for (let at = 0; at < range.byteLength; at += COMPARED) {
      const parts = await Promise.all([readPart(range, at), readPart(otherRange, at)]);
      if (Buffer.compare(...parts) !== 0) return false;
    }
    return true;
  }

  /** Closes the file; reads fail from here on. */
  close(): void {
    this.#closed = true;
  }

  /** As {@linkcode TensorFile.close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}

async function readPart(range: FileRange, at: number): Promise<Uint8Array> {
  const byteLength = Math.min(COMPARED, range.byteLength - at);
  const into = roomFor(byteLength);
  const from = { ...range, begin: range.begin + at, byteLength };
  await scan({ from, into, digest: false, finite: null });
  return into;
}
