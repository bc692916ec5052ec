/** One buffer on the device, freed by hand: collection of garbage comes too late for device memory. */

/** A GPU buffer with an identity that is never used again. */
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
