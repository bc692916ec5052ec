/** Numbers from the device to this process. */

import type { Numbers } from "../../graph/graph.ts";
import { DeviceError } from "../../util/errors.ts";
import type { DeviceBuffer, GpuDevice } from "./device.ts";
import { MappedBuffer } from "./mapped_buffer.ts";

/** A buffer to be read, and what its numbers are. */
export interface Reading {
  readonly buffer: DeviceBuffer;
  readonly type: "f32" | "i32";
  readonly length: number;
}

/** Mapped buffers that are kept for the next readings: those of a hundredth of a second, see {@linkcode MappedBuffer}. */
const MOST_KEPT = 12;
/** Bytes of a mapped buffer that is kept: larger ones are read seldom. */
const MOST_KEPT_BYTES = 2 ** 24;

/**
 * Reads buffers back, each reading through a mapped buffer of its own, so that those that are asked for
 * together are waited for together.
 */
export class Readback {
  readonly #free: MappedBuffer[] = [];

  constructor(readonly device: GpuDevice) {}

  /** Copies of the numbers, after all work that was submitted. */
  async read(readings: readonly Reading[]): Promise<Numbers[]> {
    const bytes = readings.reduce((sum, { length }) => sum + 4 * length, 0);
    const mapped = await this.#take(bytes);
    const encoder = this.device.gpu.createCommandEncoder();
    let at = 0;
    for (const { buffer, length } of readings) {
      encoder.copyBufferToBuffer(buffer.gpu, 0, mapped.buffer.gpu, at, 4 * length);
      at += 4 * length;
    }
    this.device.gpu.queue.submit([encoder.finish()]);
    const { copy, settled } = await this.device.wait(() => mapped.read(Math.max(4, bytes)));
    settled.then(() => this.#give(mapped));
    at = 0;
    return readings.map(({ type, length }) => {
      const numbers = type === "f32"
        ? new Float32Array(copy, at, length)
        : new Int32Array(copy, at, length);
      at += 4 * length;
      return numbers;
    });
  }

  /** Frees the mapped buffers that are not in use. */
  release(): void {
    this.#free.splice(0).forEach(({ buffer }) => buffer.destroy());
  }

  /** Sizes of those that are kept are powers of two, so that one serves many readings. */
  async #take(bytes: number): Promise<MappedBuffer> {
    const size = bytes > MOST_KEPT_BYTES ? bytes : 2 ** Math.ceil(Math.log2(Math.max(256, bytes)));
    const known = this.#free.findIndex(({ buffer }) => buffer.byteLength === size);
    if (known >= 0) return this.#free.splice(known, 1)[0];
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    return new MappedBuffer(await this.device.allocate(size, usage, "what is read back"));
  }

  #give(mapped: MappedBuffer): void {
    if (mapped.buffer.byteLength > MOST_KEPT_BYTES) return mapped.buffer.destroy();
    this.#free.push(mapped);
    if (this.#free.length > MOST_KEPT) this.#free.shift()!.buffer.destroy();
  }
}

/** @throws {DeviceError} if there is a NaN among the numbers of `purpose`. */
export function requireNumbers(numbers: Numbers, purpose: string): void {
  if (!(numbers instanceof Float32Array)) return;
  const index = firstNaN(numbers);
  if (index < 0) return;
  throw new DeviceError({
    problem: `${purpose} holds a NaN at element ${index}`,
    value: NaN,
    expected: "numbers",
  });
}

/** The place of the first NaN; −1 where there is none. */
export function firstNaN(numbers: Numbers): number {
  for (let i = 0; i < numbers.length; i++) if (numbers[i] !== numbers[i]) return i;
  return -1;
}
