/** Numbers from this process to the device and back. */

import type { Numbers } from "../../graph/graph.ts";
import { DeviceError } from "../../util/errors.ts";
import type { DeviceBuffer, GpuDevice } from "./device.ts";

/** A buffer to be read, and what its numbers are. */
export interface Reading {
  readonly buffer: DeviceBuffer;
  readonly type: "f32" | "i32";
  readonly length: number;
}

/** Reads buffers back through one mapped buffer, which grows to the largest reading and is kept. */
export class Readback {
  #staging: DeviceBuffer | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(readonly device: GpuDevice) {}

  /** Copies of the numbers, after all work that was submitted; one reading at a time. */
  read(readings: readonly Reading[]): Promise<Numbers[]> {
    const turn = this.#turn.then(() => this.#read(readings));
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /** Frees the mapped buffer. */
  release(): void {
    this.#staging?.destroy();
    this.#staging = null;
  }

  async #read(readings: readonly Reading[]): Promise<Numbers[]> {
    const bytes = readings.reduce((sum, { length }) => sum + 4 * length, 0);
    const staging = await this.#stagingOf(bytes);
    const encoder = this.device.gpu.createCommandEncoder();
    let at = 0;
    for (const { buffer, length } of readings) {
      encoder.copyBufferToBuffer(buffer.gpu, 0, staging.gpu, at, 4 * length);
      at += 4 * length;
    }
    this.device.gpu.queue.submit([encoder.finish()]);
    await staging.gpu.mapAsync(GPUMapMode.READ, 0, Math.max(4, bytes));
    this.device.throwIfFaulty();
    const copy = staging.gpu.getMappedRange(0, Math.max(4, bytes)).slice(0);
    staging.gpu.unmap();
    at = 0;
    return readings.map(({ type, length }) => {
      const numbers = type === "f32"
        ? new Float32Array(copy, at, length)
        : new Int32Array(copy, at, length);
      at += 4 * length;
      return numbers;
    });
  }

  async #stagingOf(bytes: number): Promise<DeviceBuffer> {
    if (this.#staging && this.#staging.byteLength >= bytes) return this.#staging;
    this.release();
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    return this.#staging = await this.device.allocate(bytes, usage, "what is read back");
  }
}

/** @throws {DeviceError} if there is a NaN among the numbers of `purpose`. */
export function requireNumbers(numbers: Numbers, purpose: string): void {
  if (!(numbers instanceof Float32Array)) return;
  const index = numbers.findIndex(Number.isNaN);
  if (index < 0) return;
  throw new DeviceError({
    problem: `${purpose} holds a NaN at element ${index}`,
    value: NaN,
    expected: "numbers",
  });
}
