/** Memory of the CPU engine that is written piece by piece and that kernels change in place. */

import { byteCount, type RawTensor } from "../../checkpoint/tensor.ts";
import type { Reserved, ReservedInfo } from "../../graph/engine.ts";
import type { Numbers } from "../../graph/graph.ts";
import { copyingInto, requireReservable, writingInto } from "../../graph/reserved.ts";
import { GraphError } from "../../util/errors.ts";
import type { Turns } from "../../util/turns.ts";
import { StoredNumbers } from "./placed.ts";
import { type Block, sharedMemories } from "./team/shared_memory.ts";

/**
 * Numbers that their holder writes and programs change, until they are released. They lie in memory that the thread
 * team reads where they are; ONNX Runtime, which refuses such memory, gets copies of them, widened.
 */
export class HostReserved extends StoredNumbers implements Reserved {
  readonly isCopy = true;
  readonly dtype: ReservedInfo["dtype"];
  readonly shape: readonly number[];
  /** Where they lie. */
  readonly block: Block;
  #uses = 1;
  #isReleased = false;

  /**
   * Zeros.
   *
   * @param turns of the runs that read it.
   * @throws {GraphError} if no graph can read such numbers.
   * @throws {DeviceMemoryError} if there is no room.
   */
  constructor(readonly turns: Turns, info: ReservedInfo, readonly name: string) {
    requireReservable(info, name);
    const { dtype, shape } = info;
    const block = sharedMemories.reserve(byteCount(info), `'${name}'`);
    super({
      dtype,
      shape,
      get bytes() {
        return block.bytes;
      },
    });
    [this.dtype, this.shape, this.block] = [dtype, shape, block];
  }

  /** None once it is released, so that it fits no input. */
  override get length(): number {
    return this.#isReleased ? 0 : super.length;
  }

  async write(firstElement: number, numbers: Numbers | RawTensor | Reserved): Promise<void> {
    const isCopied = numbers instanceof HostReserved;
    const { offset, bytes } = isCopied
      ? { offset: copyingInto(this, this.name, firstElement, numbers), bytes: null }
      : writingInto(this, this.name, firstElement, numbers as Numbers | RawTensor);
    await this.turns.take(() => {
      this.#requireHeld("written");
      if (isCopied) numbers.#requireHeld("copied");
      this.block.bytes.set(bytes ?? (numbers as HostReserved).block.bytes, offset);
      return Promise.resolve();
    });
  }

  #requireHeld(use: string): void {
    if (!this.#isReleased) return;
    throw new GraphError({
      problem: `'${this.name}' is ${use} after its release`,
      expected: "memory that is still reserved",
    });
  }

  /** Holds the memory for a run that is to come. */
  override hold(): Disposable {
    this.#uses++;
    return { [Symbol.dispose]: () => this.#drop() };
  }

  override release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#drop();
  }

  #drop(): void {
    if (--this.#uses === 0) this.block.free();
  }
}
