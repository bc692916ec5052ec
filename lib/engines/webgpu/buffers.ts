/**
 * The buffers of an engine: those that come and go, those that a caller holds, and those of intermediate
 * results. Which of these a tensor lies in says `plan.ts`; what a device has of memory, `device.ts`.
 */

import type { Placed } from "../../graph/engine.ts";
import type { DeviceBuffer, GpuDevice } from "./device.ts";
import type { Storage } from "./kernel.ts";

/** What buffers of tensors are used for. */
export const TENSOR_USAGE = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST |
  GPUBufferUsage.COPY_SRC;

/**
 * Buffers that come and go: a freed one serves the next request of its size. Commands on a device run
 * in order, so that a buffer may be written anew while earlier work that reads it is still to come.
 */
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

  /** Frees the memory of all free buffers; returns whether there were any. */
  #trim(): boolean {
    const before = this.device.allocatedBytes;
    for (const buffers of this.#free.values()) {
      for (const buffer of buffers) buffer.destroy();
    }
    this.#free.clear();
    return this.device.allocatedBytes < before;
  }
}

/** A buffer that programs of this engine read, until its holder releases it. */
export class PlacedBuffer implements Placed {
  #released = false;

  constructor(
    readonly buffer: DeviceBuffer,
    readonly storage: Storage,
    readonly length: number,
    /** What it holds, for errors. */
    readonly purpose: string,
    readonly onRelease: () => void,
  ) {}

  get byteLength(): number {
    return this.buffer.byteLength;
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.onRelease();
  }
}

/**
 * The buffers that intermediate tensors of all programs of a device lie in. Programs run one after the
 * other, so that together they need no more than the largest of them.
 */
export class Arena {
  readonly #buffers: DeviceBuffer[] = [];

  constructor(readonly device: GpuDevice) {}

  /**
   * Buffers of at least `sizes` bytes, largest first.
   *
   * @throws {DeviceError} if there is no room for them.
   */
  async buffers(sizes: readonly number[]): Promise<readonly DeviceBuffer[]> {
    for (const [place, bytes] of sizes.entries()) {
      const known = this.#buffers[place];
      if (known && known.byteLength >= bytes) continue;
      known?.destroy();
      this.#buffers[place] = await this.device.allocate(bytes, TENSOR_USAGE, "activations");
    }
    return this.#buffers;
  }
}

/** Bytes of a number by its storage. */
export function storedBytes(count: number, storage: Storage): number {
  const size = storage === "bf16" || storage === "f16" ? 2 : 4;
  return Math.max(4, Math.ceil(count * size / 4) * 4);
}
