/**
 * A buffer that this process reads, as soon as the device has written it.
 *
 * Deno's `mapAsync` (`ext/webgpu/buffer.rs`) waits for the device before it returns, then sleeps for 10 ms, and only
 * then settles: a step of a server's batch would take that long if it were nothing. What is mapped may be read in the
 * meantime, but by a buffer that was never mapped before that is asked too early the process is ended. So a buffer is
 * read early from its second time on, in versions of Deno that were looked at, and waited for everywhere else.
 */

import type { DeviceBuffer } from "./device.ts";

/** Versions of Deno that read early. */
const EARLY_VERSIONS: readonly string[] = ["2.9.6"];

const isEarly = EARLY_VERSIONS.includes(Deno.version.deno);

/** What was read, and when its buffer may be used again. */
export interface MappedRead {
  readonly copy: ArrayBuffer;
  /** Never rejects. */
  readonly settled: Promise<unknown>;
}

/** A buffer for readings, one at a time. */
export class MappedBuffer {
  #wasMapped = false;

  constructor(readonly buffer: DeviceBuffer) {}

  /** A copy of the first bytes, once all work that was submitted is done. */
  async read(bytes: number): Promise<MappedRead> {
    const { gpu } = this.buffer;
    const mapping = gpu.mapAsync(GPUMapMode.READ, 0, bytes);
    const early = isEarly && this.#wasMapped ? this.#copyIfMapped(bytes) : null;
    // Where the device is lost its own promise says so.
    if (early) return { copy: early, settled: mapping.catch(() => {}) };
    await mapping;
    this.#wasMapped = true;
    const copy = gpu.getMappedRange(0, bytes).slice(0);
    gpu.unmap();
    return { copy, settled: Promise.resolve() };
  }

  #copyIfMapped(bytes: number): ArrayBuffer | null {
    const { gpu } = this.buffer;
    try {
      const copy = gpu.getMappedRange(0, bytes).slice(0);
      gpu.unmap();
      return copy;
    } catch {
      // The device is not done yet, or is lost.
      return null;
    }
  }
}
