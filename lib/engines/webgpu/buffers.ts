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

/** Bytes of free buffers that are kept: of the most that were in use at once, and between two bounds. */
const KEPT_FREE = { share: 1 / 2, least: 2 ** 26, most: 2 ** 30 };

/**
 * Buffers that come and go: a freed one serves the next request of its size. Commands on a device run
 * in order, so that a buffer may be written anew while earlier work that reads it is still to come. Those that
 * have been free for longest are given up where they are too many.
 */
export class BufferPool {
  /** By size, longest free first. */
  readonly #free = new Map<number, DeviceBuffer[]>();
  /** All of them, longest free first. */
  readonly #order = new Set<DeviceBuffer>();
  #freeBytes = 0;
  #usedBytes = 0;
  #mostUsed = 0;

  constructor(readonly device: GpuDevice) {}

  /**
   * A buffer of exactly `bytes`, its content undefined.
   *
   * @throws {DeviceError} if there is no room for it, even with all free buffers given up.
   */
  async take(bytes: number, purpose: string): Promise<DeviceBuffer> {
    const known = this.#free.get(bytes)?.pop();
    if (known) this.#forget(known);
    const buffer = known ?? await this.device.allocate(bytes, TENSOR_USAGE, purpose);
    this.#usedBytes += buffer.byteLength;
    this.#mostUsed = Math.max(this.#mostUsed, this.#usedBytes);
    return buffer;
  }

  /** Takes a buffer back. */
  give(buffer: DeviceBuffer): void {
    const alike = this.#free.get(buffer.byteLength) ?? [];
    alike.push(buffer);
    this.#free.set(buffer.byteLength, alike);
    this.#order.add(buffer);
    this.#freeBytes += buffer.byteLength;
    this.#usedBytes -= buffer.byteLength;
    const { share, least, most } = KEPT_FREE;
    this.trim(Math.max(least, Math.min(most, share * this.#mostUsed)));
  }

  /** Frees the memory of free buffers until no more than `bytes` are left. */
  trim(bytes: number): void {
    for (const buffer of this.#order) {
      if (this.#freeBytes <= bytes) break;
      this.#forget(buffer);
      const alike = this.#free.get(buffer.byteLength)!;
      alike.shift();
      if (alike.length === 0) this.#free.delete(buffer.byteLength);
      buffer.destroy();
    }
  }

  #forget(buffer: DeviceBuffer): void {
    this.#order.delete(buffer);
    this.#freeBytes -= buffer.byteLength;
  }
}

/** A buffer that programs of this engine read, until its holder releases it. */
export class PlacedBuffer implements Placed {
  readonly isCopy = true;
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
   * @throws {DeviceError} if there is no room for them; then none are left, so that what is done instead has theirs.
   */
  async buffers(sizes: readonly number[]): Promise<readonly DeviceBuffer[]> {
    try {
      for (const [place, bytes] of sizes.entries()) {
        const known = this.#buffers[place];
        if (known && known.byteLength >= bytes) continue;
        known?.destroy();
        this.#buffers[place] = await this.device.allocate(bytes, TENSOR_USAGE, "activations");
      }
      return this.#buffers;
    } catch (error) {
      this.#buffers.splice(0).forEach((each) => each.destroy());
      throw error;
    }
  }
}

/** Bytes of a number by its storage. */
export function storedBytes(count: number, storage: Storage): number {
  const size = storage === "bf16" || storage === "f16" ? 2 : 4;
  return Math.max(4, Math.ceil(count * size / 4) * 4);
}
