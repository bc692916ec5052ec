/**
 * Writing a state dict as `torch.save` does, so that `torch.load` reads it, of any version from 1.6 on and with
 * `weights_only`: a ZIP file with a pickle of protocol 2. Not here: ZIP itself (`zip_writer.ts`).
 */

import { InputError, TorchError } from "../../util/errors.ts";
import { isFileSystemError } from "../../util/file_fault.ts";
import { writeBeside } from "../../util/files.ts";
import { byteCount, elementCount, type TensorInfo, type TensorType } from "../tensor.ts";
import { STORAGES } from "./torch_globals.ts";
import { readZipDirectory } from "./zip_directory.ts";
import { ZipWriter } from "./zip_writer.ts";

/** A tensor to be written. */
export interface TorchTensorInfo extends TensorInfo {
  /** Its name in the state dict. */
  readonly name: string;
  /** Whether it is an `nn.Parameter`, which requires gradients. */
  readonly isParameter?: boolean;
  /** An earlier tensor of the same type and shape whose storage it shares: its bytes are not asked for. */
  readonly tiedTo?: string;
}

/** Of the names of entries, as where torch has no file's name. */
const FOLDER = "archive";
/** Of the format: https://github.com/pytorch/pytorch/blob/main/caffe2/serialize/versions.h */
const VERSION = "3\n";
/** A record that torch passes over, as any that it does not know. */
const MADE_BY = ".data/made_by";
const LIBRARY = "one-bit-delta";

/**
 * Writes tensors to a file, in the order given, atomically, with the bytes of one in memory at a time.
 *
 * @param bytesOf called once a tensor, in the order of the file.
 * @throws {TorchError} if a tensor is of a type that torch has no storages of.
 * @throws {OutputError} if the file cannot be written; nothing is left behind.
 * @throws {RangeError} if a tensor's bytes do not fit its type and shape.
 * @throws what `bytesOf` throws.
 *
 * @example
 * ```ts
 * import { TorchFile, writeTorch } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const path = await Deno.makeTempFile({ suffix: ".pt" });
 * const bytes = new Uint8Array(Int32Array.of(1, -1).buffer);
 * await writeTorch(path, [{ name: "a", dtype: "I32", shape: [2] }], () => Promise.resolve(bytes));
 * {
 *   using file = await TorchFile.open(path);
 *   assert.deepEqual(file.tensors.get("a")?.shape, [2]);
 * }
 * await Deno.remove(path);
 * ```
 */
export async function writeTorch(
  path: string,
  tensors: Iterable<TorchTensorInfo>,
  bytesOf: (name: string) => Promise<Uint8Array>,
): Promise<void> {
  const all = [...tensors];
  const pickle = new PickleWriter().stateDict(all, path);
  await writeBeside(path, async (file) => {
    const zip = new ZipWriter(file);
    await zip.add(`${FOLDER}/data.pkl`, pickle);
    await zip.add(`${FOLDER}/byteorder`, new TextEncoder().encode("little"));
    for (const [index, tensor] of all.entries()) {
      if (tensor.tiedTo !== undefined) continue;
      const bytes = await bytesOf(tensor.name);
      if (bytes.length !== byteCount(tensor)) {
        throw new RangeError(
          `tensor '${tensor.name}' has ${bytes.length} bytes; expected ${byteCount(tensor)} ` +
            `for ${tensor.dtype} of shape [${tensor.shape}]`,
        );
      }
      await zip.add(`${FOLDER}/data/${index}`, bytes);
    }
    await zip.add(`${FOLDER}/version`, new TextEncoder().encode(VERSION));
    await zip.add(`${FOLDER}/${MADE_BY}`, new TextEncoder().encode(LIBRARY));
    await zip.finish();
  });
}

/**
 * Whether a file is one that {@linkcode writeTorch} wrote.
 *
 * @example
 * ```ts
 * import { madeByThisLibrary, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.ok(!await madeByThisLibrary(projectPath("README.md")));
 * ```
 */
export async function madeByThisLibrary(path: string): Promise<boolean> {
  try {
    using file = await Deno.open(path);
    const { size } = await file.stat();
    return (await readZipDirectory({ file, path, size })).has(`${FOLDER}/${MADE_BY}`);
  } catch (error) {
    if (error instanceof InputError || isFileSystemError(error)) return false;
    throw error;
  }
}

const CLASS_OF: ReadonlyMap<TensorType, string> = new Map(
  Object.entries(STORAGES).flatMap(([name, dtype]) => dtype ? [[dtype, name] as const] : []),
);

/** Writes opcodes of protocol 2, without the memo that a pickle can do without. */
class PickleWriter {
  readonly #parts: Uint8Array[] = [];

  stateDict(tensors: readonly TorchTensorInfo[], path: string): Uint8Array {
    this.#op(0x80, 2).#op("}").#op("(");
    const keys = new Map(tensors.map(({ name }, index) => [name, index]));
    for (const tensor of tensors) {
      this.#text(tensor.name);
      this.#tensor(tensor, keys.get(tensor.tiedTo ?? tensor.name)!, path);
    }
    this.#op("u").#op(".");
    const bytes = new Uint8Array(this.#parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of this.#parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }

  #tensor({ name, dtype, shape, isParameter }: TorchTensorInfo, key: number, path: string): void {
    const storage = CLASS_OF.get(dtype);
    if (storage === undefined) {
      throw new TorchError({
        problem: "is of a type that torch has no storages of",
        file: path,
        tensor: name,
        value: dtype,
        expected: [...CLASS_OF.keys()].join(", "),
      });
    }
    if (isParameter) this.#global("torch._utils._rebuild_parameter");
    this.#global("torch._utils._rebuild_tensor_v2").#op("(");
    this.#op("(").#text("storage").#global(storage).#text(`${key}`).#text("cpu");
    this.#whole(elementCount(shape)).#op("t").#op("Q");
    this.#whole(0).#counts(shape).#counts(stridesOf(shape));
    this.#op(0x89).#emptyOrdered().#op("t").#op("R");
    if (isParameter) this.#op(0x88).#emptyOrdered().#op(0x87).#op("R");
  }

  #emptyOrdered(): this {
    return this.#global("collections.OrderedDict").#op(")").#op("R");
  }

  #counts(counts: readonly number[]): this {
    this.#op("(");
    for (const count of counts) this.#whole(count);
    return this.#op("t");
  }

  #global(name: string): this {
    const dot = name.lastIndexOf(".");
    this.#op("c");
    return this.#add(new TextEncoder().encode(`${name.slice(0, dot)}\n${name.slice(dot + 1)}\n`));
  }

  #text(text: string): this {
    const bytes = new TextEncoder().encode(text);
    return this.#op("X").#add(new Uint8Array(Uint32Array.of(bytes.length).buffer)).#add(bytes);
  }

  /** A number from 0 to 2⁵³: what four bytes with a sign hold, or eight. */
  #whole(value: number): this {
    if (value < 2 ** 31) return this.#op("J").#add(new Uint8Array(Int32Array.of(value).buffer));
    return this.#op(0x8a, 8).#add(new Uint8Array(BigInt64Array.of(BigInt(value)).buffer));
  }

  #op(...codes: (string | number)[]): this {
    const bytes = codes.map((each) => typeof each === "string" ? each.charCodeAt(0) : each);
    return this.#add(Uint8Array.from(bytes));
  }

  #add(bytes: Uint8Array): this {
    this.#parts.push(bytes);
    return this;
  }
}

/** Of a tensor that lies row after row, in elements. */
function stridesOf(shape: readonly number[]): number[] {
  return shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
}
