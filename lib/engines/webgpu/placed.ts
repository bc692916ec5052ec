/** Numbers in device memory. */

import type { Placed } from "../../graph/engine.ts";
import type { Storage } from "./kernel.ts";
import type { DeviceBuffer } from "./buffer.ts";
import type { BufferPool } from "./pool.ts";

/** A buffer that programs of this engine read and that the caller releases. */
export class PlacedBuffer implements Placed {
  #released = false;

  constructor(
    readonly buffer: DeviceBuffer,
    readonly storage: Storage,
    readonly length: number,
    /** What it holds, for errors. */
    readonly purpose: string,
    readonly pool: BufferPool,
  ) {}

  get byteLength(): number {
    return this.buffer.byteLength;
  }

  release(): void {
    if (!this.#released) this.pool.give(this.buffer);
    this.#released = true;
  }
}
