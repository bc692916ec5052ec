/** Device memory that is written piece by piece and that kernels change in place. */

import { elementCount, type RawTensor } from "../../checkpoint/tensor.ts";
import type { Reserved, ReservedInfo } from "../../graph/engine.ts";
import type { Numbers } from "../../graph/graph.ts";
import { copyingInto, requireReservable, writingInto } from "../../graph/reserved.ts";
import { GraphError } from "../../util/errors.ts";
import { type BufferPool, PlacedBuffer, storedBytes } from "./buffers.ts";
import type { DeviceBuffer } from "./device.ts";
import type { Storage } from "./kernel.ts";

const STORAGES = { F32: "f32", BF16: "bf16", F16: "f16", I32: "i32" } as const satisfies Record<
  ReservedInfo["dtype"],
  Storage
>;

/** A buffer that its holder writes and programs change, until it is released. */
export class ReservedBuffer extends PlacedBuffer implements Reserved {
  #isReleased = false;

  private constructor(
    readonly pool: BufferPool,
    buffer: DeviceBuffer,
    readonly dtype: ReservedInfo["dtype"],
    readonly shape: readonly number[],
    purpose: string,
  ) {
    super(buffer, STORAGES[dtype], elementCount(shape), purpose, () => pool.give(buffer));
  }

  /**
   * Zeros.
   *
   * @throws {GraphError} if no graph can read such numbers.
   * @throws {DeviceError} if there is no room.
   */
  static async make(
    pool: BufferPool,
    info: ReservedInfo,
    name = "reserved memory",
  ): Promise<ReservedBuffer> {
    requireReservable(info, name);
    const bytes = storedBytes(elementCount(info.shape), STORAGES[info.dtype]);
    const buffer = await pool.take(bytes, `'${name}'`);
    const { gpu } = pool.device;
    // One that was used before holds what it held.
    const encoder = gpu.createCommandEncoder();
    encoder.clearBuffer(buffer.gpu);
    gpu.queue.submit([encoder.finish()]);
    return new ReservedBuffer(pool, buffer, info.dtype, info.shape, name);
  }

  async write(firstElement: number, numbers: Numbers | RawTensor | Reserved): Promise<void> {
    if (numbers instanceof ReservedBuffer) return await this.#copy(firstElement, numbers);
    const { device } = this.pool;
    const { offset, bytes } = writingInto(
      this,
      this.purpose,
      firstElement,
      numbers as Numbers | RawTensor,
    );
    await this.#inTurn(() => device.write(this.buffer, bytes, offset));
  }

  async #copy(firstElement: number, from: ReservedBuffer): Promise<void> {
    const offset = copyingInto(this, this.purpose, firstElement, from);
    await this.#inTurn(() => {
      from.#requireHeld("copied");
      const { gpu } = this.pool.device;
      const encoder = gpu.createCommandEncoder();
      const { buffer: { gpu: source }, byteLength } = from;
      encoder.copyBufferToBuffer(source, 0, this.buffer.gpu, offset, byteLength);
      gpu.queue.submit([encoder.finish()]);
    });
  }

  async #inTurn(work: () => void): Promise<void> {
    const { device } = this.pool;
    await device.whileAlive(() =>
      device.turns.take(() => {
        this.#requireHeld("written");
        work();
        return Promise.resolve();
      })
    );
  }

  /** Whether it is memory of others by now. */
  get isReleased(): boolean {
    return this.#isReleased;
  }

  #requireHeld(use: string): void {
    if (!this.#isReleased) return;
    throw new GraphError({
      problem: `'${this.purpose}' is ${use} after its release`,
      expected: "memory that is still reserved",
    });
  }

  override release(): void {
    this.#isReleased = true;
    super.release();
  }
}
