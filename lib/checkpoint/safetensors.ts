/**
 * Files of tensors in the safetensors format, read tensor by tensor and written whole.
 *
 * Opening a file reads its header; a tensor's bytes are read when asked for, so that a file larger than
 * memory can be used. Not here: what the tensors mean.
 */

import { Buffer } from "node:buffer";
import { SafetensorsError } from "../util/errors.ts";
import { fileFault } from "../util/file_fault.ts";
import { writeAll, writeBeside } from "../util/files.ts";
import { checkRegularFile } from "../util/regular_file.ts";
import {
  formatHeader,
  LONGEST_HEADER,
  parseHeader,
  type SafetensorsHeader,
  type TensorPlace,
  type UnreadablePlace,
} from "./safetensors_header.ts";
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
  readonly #file: Deno.FsFile;
  readonly #dataStart: number;
  /** One read at a time: they share the file's position. */
  #lastRead: Promise<unknown> = Promise.resolve();
  #closed = false;
  /** Where it is. */
  readonly path: string;
  /** Tensors by name, with where they lie after the header. */
  readonly tensors: ReadonlyMap<string, TensorPlace>;
  /** Tensors of types that are not known here: they can be passed over and not read. */
  readonly unreadable: ReadonlyMap<string, UnreadablePlace>;
  /** The header's `__metadata__`, `{}` if it has none. */
  readonly metadata: Readonly<Record<string, string>>;

  private constructor(
    path: string,
    file: Deno.FsFile,
    dataStart: number,
    header: SafetensorsHeader,
  ) {
    this.path = path;
    this.#file = file;
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
    const file = await openForReading(path);
    try {
      const fileSize = (await file.stat()).size;
      const headerLength = await readHeaderLength(file, fileSize, path);
      const json = await readExactly(file, 8, headerLength, path);
      const dataStart = 8 + headerLength;
      const header = parseHeader(json, fileSize - dataStart, path);
      return new SafetensorsFile(path, file, dataStart, header);
    } catch (error) {
      file.close();
      throw error;
    }
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
   * Reads one tensor.
   *
   * @throws {SafetensorsError} as {@linkcode SafetensorsFile.place}, or if the file has become shorter or was
   * closed.
   */
  async read(name: string): Promise<RawTensor> {
    const place = this.place(name);
    const bytes = await this.#readData(place.begin, byteCount(place));
    return { dtype: place.dtype, shape: place.shape, bytes };
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
      const part = await this.#readData(a.begin + at, count);
      if (!Buffer.from(part.buffer).equals(await other.#readData(b.begin + at, count))) {
        return false;
      }
    }
    return true;
  }

  async #readData(begin: number, count: number): Promise<Uint8Array<ArrayBuffer>> {
    const read = () => {
      if (this.#closed) {
        const expected = "to be read before it is closed";
        throw new SafetensorsError({ problem: "was closed", file: this.path, expected });
      }
      return readExactly(this.#file, this.#dataStart + begin, count, this.path);
    };
    const bytes = this.#lastRead.then(read, read);
    this.#lastRead = bytes;
    return await bytes;
  }

  /** Closes the file, if it is open; reads fail from here on. */
  close(): void {
    if (!this.#closed) this.#file.close();
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

async function openForReading(path: string): Promise<Deno.FsFile> {
  const expected = "a readable safetensors file";
  await checkRegularFile(path, SafetensorsError, expected);
  return await Deno.open(path).catch((error) => {
    const fault = fileFault(error, expected);
    throw new SafetensorsError({ problem: "cannot be opened", file: path, ...fault });
  });
}

async function readHeaderLength(
  file: Deno.FsFile,
  fileSize: number,
  path: string,
): Promise<number> {
  if (fileSize < 8) {
    throw new SafetensorsError({
      problem: "is truncated before its header",
      file: path,
      value: fileSize,
      expected: "at least 8 bytes",
    });
  }
  const field = await readExactly(file, 0, 8, path);
  const length = Number(new DataView(field.buffer).getBigUint64(0, true));
  const most = Math.min(fileSize - 8, LONGEST_HEADER);
  if (length > most) {
    throw new SafetensorsError({
      problem: "header is truncated or its length is not one",
      file: path,
      value: length,
      expected: `a header of at most ${most} bytes`,
    });
  }
  return length;
}

async function readExactly(
  file: Deno.FsFile,
  position: number,
  length: number,
  path: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  try {
    await file.seek(position, Deno.SeekMode.Start);
    while (filled < length) {
      const count = await file.read(bytes.subarray(filled));
      if (count === null) throw new Error(`it ends ${length - filled} bytes early`);
      filled += count;
    }
    return bytes;
  } catch (cause) {
    throw new SafetensorsError({
      problem: "cannot be read to its end",
      file: path,
      ...fileFault(cause as Error, "a file that stays as it was when it was opened"),
    });
  }
}
