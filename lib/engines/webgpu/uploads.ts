/**
 * Numbers on their way to the device, and tensors that lie there once for all who placed them. What a buffer
 * is afterwards says `buffers.ts`.
 */

import { type FormedTensor, formedValues } from "../../checkpoint/formed_tensor.ts";
import { elementCount, type RawTensor } from "../../checkpoint/tensor.ts";
import type { Numbers } from "../../graph/graph.ts";
import { GraphError } from "../../util/errors.ts";
import { type BufferPool, PlacedBuffer, storedBytes } from "./buffers.ts";
import type { DeviceBuffer } from "./device.ts";
import type { Storage } from "./kernel.ts";

/** A tensor on the device, and how many hold it. */
interface SharedUpload {
  readonly buffer: Promise<DeviceBuffer>;
  holders: number;
}

/** Places numbers; a tensor that is placed already is placed again by counting one holder more. */
export class Uploads {
  readonly #shared = new WeakMap<RawTensor, SharedUpload>();

  constructor(readonly pool: BufferPool) {}

  /**
   * Numbers for programs to read, until they are released. Tensors are known by their object: bytes that
   * change while it is placed are not looked at again.
   *
   * @throws {GraphError} if the device has no such type.
   * @throws {DeviceError} if there is no room.
   */
  async place(
    given: Numbers | RawTensor | FormedTensor,
    name?: string,
  ): Promise<PlacedBuffer> {
    const numbers = "form" in given ? await formedValues(given) : given;
    const { storage, bytes, length } = stored(numbers);
    const purpose = name ? `'${name}'` : `${length} numbers (${storage})`;
    const upload = () => this.#upload(bytes, storedBytes(length, storage), purpose);
    if (!("dtype" in numbers)) {
      const buffer = await upload();
      return new PlacedBuffer(buffer, storage, length, purpose, () => this.pool.give(buffer));
    }
    const shared = this.#shared.get(numbers) ?? { buffer: upload(), holders: 0 };
    this.#shared.set(numbers, shared);
    shared.holders++;
    const isLast = () => --shared.holders === 0 && this.#shared.delete(numbers);
    try {
      const buffer = await shared.buffer;
      const release = () => {
        if (isLast()) this.pool.give(buffer);
      };
      return new PlacedBuffer(buffer, storage, length, purpose, release);
    } catch (error) {
      isLast();
      throw error;
    }
  }

  async #upload(bytes: Uint8Array, size: number, purpose: string): Promise<DeviceBuffer> {
    const buffer = await this.pool.take(size, purpose);
    this.pool.device.write(buffer, bytes);
    return buffer;
  }
}

function stored(
  numbers: Numbers | RawTensor,
): { storage: Storage; bytes: Uint8Array; length: number } {
  if (!("dtype" in numbers)) {
    const { buffer, byteOffset, byteLength, length } = numbers;
    const storage = numbers instanceof Float32Array ? "f32" : "i32";
    return { storage, bytes: new Uint8Array(buffer, byteOffset, byteLength), length };
  }
  const storages: Partial<Record<string, Storage>> = { F32: "f32", BF16: "bf16", F16: "f16" };
  const storage = storages[numbers.dtype];
  if (storage) return { storage, bytes: numbers.bytes, length: elementCount(numbers.shape) };
  throw new GraphError({
    problem: "cannot be placed on a GPU",
    value: numbers.dtype,
    expected: "F32, F16 or BF16",
  });
}
