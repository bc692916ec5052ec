/** Memory of the CPU engine that is written piece by piece and that kernels change in place. */

import { byteCount, elementCount, type RawTensor, toInt32 } from "../../checkpoint/tensor.ts";
import { toFloat32 } from "../../checkpoint/tensor.ts";
import type { Reserved, ReservedInfo } from "../../graph/engine.ts";
import type { Numbers } from "../../graph/graph.ts";
import { requireReservable, writingInto } from "../../graph/reserved.ts";
import { GraphError } from "../../util/errors.ts";
import type { Turns } from "../../util/turns.ts";
import { StoredNumbers } from "./placed.ts";

/** Numbers that their holder writes and programs change, until they are released. */
export class HostReserved implements Reserved {
  readonly isCopy = true;
  readonly dtype: ReservedInfo["dtype"];
  readonly shape: readonly number[];
  readonly #bytes: Uint8Array<ArrayBuffer>;
  #isReleased = false;

  /**
   * Zeros.
   *
   * @param turns of the runs that read it.
   * @throws {GraphError} if no graph can read such numbers.
   */
  constructor(readonly turns: Turns, info: ReservedInfo, readonly name = "reserved memory") {
    requireReservable(info, name);
    ({ dtype: this.dtype, shape: this.shape } = info);
    this.#bytes = new Uint8Array(byteCount(info));
  }

  get length(): number {
    return elementCount(this.shape);
  }

  get byteLength(): number {
    return this.#bytes.byteLength;
  }

  /** What a run reads. */
  get fed(): Numbers | StoredNumbers {
    const tensor = { dtype: this.dtype, shape: this.shape, bytes: this.#bytes };
    if (this.dtype === "I32") return toInt32(tensor);
    return this.dtype === "F32" ? toFloat32(tensor) : new StoredNumbers(tensor);
  }

  async write(firstElement: number, numbers: Numbers | RawTensor): Promise<void> {
    const { offset, bytes } = writingInto(this, this.name, firstElement, numbers);
    await this.turns.take(() => {
      if (this.#isReleased) {
        throw new GraphError({
          problem: `'${this.name}' is written after its release`,
          expected: "memory that is still reserved",
        });
      }
      this.#bytes.set(bytes, offset);
      return Promise.resolve();
    });
  }

  release(): void {
    this.#isReleased = true;
  }
}
