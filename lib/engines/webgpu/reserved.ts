/** Device memory that is written piece by piece and that kernels change in place. */

import { elementCount, type RawTensor } from "../../checkpoint/tensor.ts";
import type { Reserved, ReservedInfo } from "../../graph/engine.ts";
import type { Numbers } from "../../graph/graph.ts";
import { requireReservable, writingInto } from "../../graph/reserved.ts";
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

  async write(firstElement: number, numbers: Numbers | RawTensor): Promise<void> {
    const { device } = this.pool;
    const { offset, bytes } = writingInto(this, this.purpose, firstElement, numbers);
    await device.whileAlive(() =>
      device.turns.take(() => {
        if (this.#isReleased) throw released(this.purpose);
        device.write(this.buffer, bytes, offset);
        return Promise.resolve();
      })
    );
  }

  override release(): void {
    this.#isReleased = true;
    super.release();
  }
}

function released(name: string): GraphError {
  return new GraphError({
    problem: `'${name}' is written after its release`,
    expected: "memory that is still reserved",
  });
}
