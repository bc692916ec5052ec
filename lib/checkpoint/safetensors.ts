/**
 * Files of tensors in the safetensors format, read tensor by tensor (`tensor_file.ts`) and written whole.
 *
 * Opening a file reads its header and no more. Not here: what the tensors mean.
 */

import { resolve } from "node:path";
import { writeAll, writeBeside } from "../util/files.ts";
import { formatHeader, type TensorPlace, type UnreadablePlace } from "./safetensors_header.ts";
import type { FileRange, FileStamp } from "./file_range.ts";
import { type OpenedHeader, readHeader } from "./read_header.ts";
import { byteCount, type RawTensor, type TensorInfo } from "./tensor.ts";
import { type ListedTensor, TensorFile } from "./tensor_file.ts";

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
export class SafetensorsFile extends TensorFile<TensorPlace> {
  readonly #absolute: string;
  readonly #stamp: FileStamp;
  readonly #dataStart: number;
  /** Where it is. */
  override readonly path: string;
  /** Tensors by name, with where they lie after the header. */
  override readonly tensors: ReadonlyMap<string, TensorPlace>;
  /** Tensors of types that are not known here: they can be passed over and not read. */
  override readonly unreadable: ReadonlyMap<string, UnreadablePlace>;
  /** The header's `__metadata__`, `{}` if it has none. */
  override readonly metadata: Readonly<Record<string, string>>;

  private constructor(path: string, { stamp, dataStart, header }: OpenedHeader) {
    super();
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

  /** As {@linkcode TensorFile.listed}. */
  override listed(): ListedTensor[] {
    return [...this.tensors, ...this.unreadable].sort(([, a], [, b]) => a.begin - b.begin)
      .map(([name, { dtype, shape, begin, end }]) => ({
        name,
        dtype,
        shape,
        storedBytes: end - begin,
      }));
  }

  /** As {@linkcode TensorFile.rangeOf}. */
  protected override rangeOf({ begin, end }: TensorPlace): FileRange {
    return {
      path: this.#absolute,
      shown: this.path,
      stamp: this.#stamp,
      begin: this.#dataStart + begin,
      byteLength: end - begin,
    };
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
