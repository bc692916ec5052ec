/**
 * An open GPU: buffers counted in bytes under a cap, and faults turned into typed errors. Knows
 * nothing of graphs.
 */

import { DeviceError, DeviceMemoryError } from "../../util/errors.ts";
import { Turns } from "../../util/turns.ts";
import type { KernelFeatures } from "./kernel.ts";
import { type AdapterDescription, describeAdapter, limitNames } from "./adapter.ts";

/**
 * One buffer on the device, with an identity that is never used again. Freed by hand: collection of garbage
 * comes too late for device memory.
 */
export class DeviceBuffer {
  static #count = 0;
  readonly id = DeviceBuffer.#count++;
  #freed = false;

  constructor(readonly gpu: GPUBuffer, readonly onFree: () => void) {}

  get byteLength(): number {
    return this.gpu.size;
  }

  /** Frees the memory once the work that was submitted is done. */
  destroy(): void {
    if (this.#freed) return;
    this.#freed = true;
    this.gpu.destroy();
    this.onFree();
  }
}

/** Features that are asked for where the adapter offers them; none is required. */
const WANTED_FEATURES: readonly GPUFeatureName[] = ["timestamp-query", "shader-f16"];

/** What was sent to a device and waited for, counted since it was opened. */
export interface DeviceCounts {
  /** Writes of tensors, feeds and constants. */
  uploads: number;
  /** Bytes of these. */
  uploadedBytes: number;
  /** Times that this process waited for the device; waits that overlap count once. */
  waits: number;
}

/** Bytes that are written and sent off at once: the larger, the longer they stay out of the cache. */
const PIECE_BYTES = 2 ** 22;

/** How a device is opened. */
export interface GpuDeviceOptions {
  /** Bytes of device memory that buffers may take in all; default: no cap. */
  readonly memory?: number;
}

/** A GPU device, its account of memory and its state of health. */
export class GpuDevice {
  /** Bytes of all buffers that live. */
  allocatedBytes = 0;
  /** The most that `allocatedBytes` has been. */
  peakBytes = 0;
  /** Frees what is kept for later only, for so many bytes; returns whether there was any. */
  reclaim: (bytes: number) => boolean = () => false;
  #fault: DeviceError | null = null;
  /** Of work that writes memory that all share, and submits. */
  readonly turns: Turns = new Turns();
  /** Waits that go on at this time. */
  #waits = 0;
  /** What was sent to the device and waited for. */
  readonly counts: DeviceCounts = { uploads: 0, uploadedBytes: 0, waits: 0 };
  /** Told when the device is lost. */
  readonly #waiting = new Set<(fault: DeviceError) => void>();

  private constructor(
    readonly gpu: GPUDevice,
    readonly adapter: AdapterDescription,
    /** The cap in bytes; `null`: none. */
    readonly memory: number | null,
  ) {
    gpu.lost.then(({ reason, message }) => {
      this.#fault = new DeviceError({
        problem: `the device '${adapter.name}' is lost`,
        value: message || reason,
        expected: "a device that stays; the study goes on from what was stored",
      });
      for (const reject of this.#waiting) reject(this.#fault);
    });
    gpu.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      this.#fault ??= new DeviceError({
        problem: `the device '${adapter.name}' refused a command`,
        value: (event as GPUUncapturedErrorEvent).error.message,
        expected: "commands within its limits",
      });
    });
  }

  /** Opens an adapter with the limits and features that it has. */
  static async open(
    adapter: GPUAdapter,
    { memory }: GpuDeviceOptions = {},
  ): Promise<GpuDevice> {
    const description = describeAdapter(adapter);
    const features = WANTED_FEATURES.filter((each) => adapter.features.has(each));
    const requiredLimits = Object.fromEntries(
      limitNames.map((limit) => [limit, description.limits[limit]]),
    );
    const request = (requiredFeatures: GPUFeatureName[]) =>
      adapter.requestDevice({ requiredFeatures, requiredLimits });
    // Deno lists subgroups for no adapter, but gives them where there are any.
    const gpu = await request([...features, "subgroups"]).catch(() => request(features));
    return new GpuDevice(gpu, description, memory ?? null);
  }

  /** What kernels may use. */
  get features(): KernelFeatures {
    const { limits, features } = this.gpu;
    return {
      subgroups: features.has("subgroups"),
      float16: features.has("shader-f16"),
      workgroupBytes: limits.maxComputeWorkgroupStorageSize,
      workgroupInvocations: limits.maxComputeInvocationsPerWorkgroup,
      bindingBytes: limits.maxStorageBufferBindingSize,
    };
  }

  /**
   * A new buffer of zeros.
   *
   * @param purpose what it holds, for errors: `"weights 'model.norm.weight'"`.
   * @throws {DeviceError} if it would pass the cap, the adapter's limits or the memory there is.
   */
  async allocate(bytes: number, usage: number, purpose: string): Promise<DeviceBuffer> {
    this.throwIfFaulty();
    const size = Math.max(4, Math.ceil(bytes / 4) * 4);
    this.#requirePossible(size, purpose);
    for (;;) {
      try {
        return await this.#allocate(size, usage, purpose);
      } catch (error) {
        if (!this.reclaim(size)) throw error;
        // A device has memory back when the work that used it is done.
        if (this.memory === null) await this.gpu.queue.onSubmittedWorkDone();
      }
    }
  }

  /** Writes bytes to a buffer, from an offset of whole words on, before all work that is submitted later. */
  write({ gpu: buffer }: DeviceBuffer, bytes: Uint8Array, offset = 0): void {
    const { queue } = this.gpu;
    const whole = bytes.byteLength - bytes.byteLength % 4;
    for (let at = 0; at < whole; at += PIECE_BYTES) {
      const piece = bytes.subarray(at, Math.min(whole, at + PIECE_BYTES));
      queue.writeBuffer(buffer, offset + at, piece as Uint8Array<ArrayBuffer>);
      // What is not sent off is held in memory a second time.
      if (bytes.byteLength > PIECE_BYTES) queue.submit([]);
    }
    if (whole < bytes.byteLength) {
      // Writes are of whole words.
      const last = new Uint8Array(4);
      last.set(bytes.subarray(whole));
      queue.writeBuffer(buffer, offset + whole, last);
    }
    this.counts.uploads++;
    this.counts.uploadedBytes += bytes.byteLength;
  }

  /**
   * Waits for the device. This process hears of completion late, by 10 ms and more: waits that overlap cost
   * as much as one.
   */
  async wait<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#waits++ === 0) this.counts.waits++;
    try {
      const result = await work();
      this.throwIfFaulty();
      return result;
    } finally {
      this.#waits--;
    }
  }

  /** @throws {DeviceError} if the device was lost or refused a command since. */
  throwIfFaulty(): void {
    if (this.#fault) throw this.#fault;
  }

  /**
   * The result of `work`, unless the device is lost first.
   *
   * @throws {DeviceError} in the place of whatever a lost or faulty device makes `work` throw.
   */
  async whileAlive<T>(work: () => Promise<T>): Promise<T> {
    // Not `gpu.lost` itself: it would remember all who ever waited for it.
    const { promise: lost, reject } = Promise.withResolvers<never>();
    this.#waiting.add(reject);
    // It may be told when nobody waits any more.
    lost.catch(() => {});
    try {
      this.throwIfFaulty();
      return await Promise.race([work(), lost]);
    } catch (cause) {
      // Work on a lost device may fail a turn of the event loop before the loss itself is told.
      await new Promise((resolve) => setTimeout(resolve, 0));
      this.throwIfFaulty();
      throw cause;
    } finally {
      this.#waiting.delete(reject);
    }
  }

  /** Frees the device and all its buffers. */
  close(): void {
    this.gpu.destroy();
  }

  async #allocate(size: number, usage: number, purpose: string): Promise<DeviceBuffer> {
    this.#requireRoom(size, purpose);
    this.gpu.pushErrorScope("out-of-memory");
    this.gpu.pushErrorScope("validation");
    const buffer = this.gpu.createBuffer({ size, usage, label: purpose });
    // At once, for whatever is asked for before the device has answered.
    this.allocatedBytes += size;
    // Scopes nest: the inner one is popped first.
    const faults = Promise.all([this.gpu.popErrorScope(), this.gpu.popErrorScope()]);
    for (const fault of await faults) {
      if (!fault) continue;
      buffer.destroy();
      this.allocatedBytes -= size;
      throw this.#noRoom(size, purpose, fault.message);
    }
    this.peakBytes = Math.max(this.peakBytes, this.allocatedBytes);
    return new DeviceBuffer(buffer, () => this.allocatedBytes -= size);
  }

  /** Refuses what would not fit beside nothing: nothing else has to give way to it. */
  #requirePossible(size: number, purpose: string): void {
    const { maxBufferSize } = this.adapter.limits;
    if (size > maxBufferSize) {
      throw this.#noRoom(size, purpose, `its buffers hold ${maxBufferSize}`);
    }
    if (this.memory !== null && size > this.memory) {
      throw this.#noRoom(size, purpose, `a cap of ${this.memory}`);
    }
  }

  #requireRoom(size: number, purpose: string): void {
    if (this.memory !== null && this.allocatedBytes + size > this.memory) {
      throw this.#noRoom(size, purpose, `a cap of ${this.memory}`);
    }
  }

  #noRoom(size: number, purpose: string, reason: string): DeviceMemoryError {
    return new DeviceMemoryError({
      problem: `no room for ${purpose} on '${this.adapter.name}'`,
      value: `${size} bytes beside ${this.allocatedBytes} in use, with ${reason}`,
      expected: `at least ${this.allocatedBytes + size} bytes of device memory (--gpu-memory)`,
    });
  }
}
