/**
 * The buffers that intermediate tensors of all programs of a device lie in. Programs run one after the
 * other, so that together they need no more than the largest of them.
 */

import type { DeviceBuffer } from "./buffer.ts";
import type { GpuDevice } from "./device.ts";
import { TENSOR_USAGE } from "./pool.ts";

/** Scratch memory of a device. */
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
