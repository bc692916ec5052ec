/**
 * Buffers that come and go: a freed one serves the next request of its size. Commands on a device run
 * in order, so that a buffer may be written anew while earlier work that reads it is still to come.
 */

import type { Storage } from "./kernel.ts";
import type { DeviceBuffer } from "./buffer.ts";
import type { GpuDevice } from "./device.ts";

/** What buffers of tensors are used for. */
export const TENSOR_USAGE = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST |
  GPUBufferUsage.COPY_SRC;

/** Free buffers by their size. */
export class BufferPool {
  readonly #free = new Map<number, DeviceBuffer[]>();

  constructor(readonly device: GpuDevice) {
    device.reclaim = () => this.#trim();
  }

  /**
   * A buffer of exactly `bytes`, its content undefined.
   *
   * @throws {DeviceError} if there is no room for it, even with all free buffers given up.
   */
  async take(bytes: number, purpose: string): Promise<DeviceBuffer> {
    const known = this.#free.get(bytes)?.pop();
    if (known) return known;
    return await this.device.allocate(bytes, TENSOR_USAGE, purpose);
  }

  /** Takes a buffer back. */
  give(buffer: DeviceBuffer): void {
    const alike = this.#free.get(buffer.byteLength) ?? [];
    alike.push(buffer);
    this.#free.set(buffer.byteLength, alike);
  }

  /** Frees the memory of all free buffers; answers whether there were any. */
  #trim(): boolean {
    const before = this.device.allocatedBytes;
    for (const buffers of this.#free.values()) {
      for (const buffer of buffers) buffer.destroy();
    }
    this.#free.clear();
    return this.device.allocatedBytes < before;
  }
}

/** Bytes of a number by its storage. */
export function storedBytes(count: number, storage: Storage): number {
  const size = storage === "bf16" || storage === "f16" ? 2 : 4;
  return Math.max(4, Math.ceil(count * size / 4) * 4);
}
