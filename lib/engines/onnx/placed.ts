/** Numbers in the CPU engine's memory, which is this process's own. */

import { widenInto } from "../../checkpoint/float_blocks.ts";
import type { FloatKernels } from "../../checkpoint/float_kernels.ts";
import type { FormedTensor } from "../../checkpoint/formed_tensor.ts";
import { elementCount, type RawTensor, toInt32 } from "../../checkpoint/tensor.ts";
import type { Feed, Placed } from "../../graph/engine.ts";
import type { ElementType, Numbers, Value } from "../../graph/graph.ts";

/** Numbers as the CPU computes with them. */
export class HostNumbers implements Placed {
  #uses = 1;
  #released = false;

  /**
   * Nothing is copied.
   *
   * @param isOwned whether nobody else has the array, whose memory then goes when it is released and not when
   * the process next looks for what it can do without.
   */
  constructor(readonly numbers: Numbers, readonly isOwned: boolean = false) {}

  get length(): number {
    return this.numbers.length;
  }

  get byteLength(): number {
    return this.numbers.byteLength;
  }

  /** Holds the memory for a run that is to come. */
  hold(): Disposable {
    this.#uses++;
    return { [Symbol.dispose]: () => this.#drop() };
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#drop();
  }

  #drop(): void {
    if (--this.#uses === 0 && this.isOwned) (this.numbers.buffer as ArrayBuffer).transfer(0);
  }
}

/** A tensor that a run copies as it goes: 16-bit floats, memory that threads share, or one to be formed. */
export class StoredNumbers implements Placed {
  /** Nothing is copied. */
  constructor(readonly tensor: RawTensor | FormedTensor) {}

  get length(): number {
    return elementCount(this.tensor.shape);
  }

  get byteLength(): number {
    return "form" in this.tensor ? this.tensor.byteLength : this.tensor.bytes.length;
  }

  /** Type of the values. */
  get type(): ElementType {
    return "dtype" in this.tensor && this.tensor.dtype === "I32" ? "i32" : "f32";
  }

  /** Writes the values; in the kernels' memory, up to seven floats after them are written too. */
  into(kernels: FloatKernels, target: Numbers): void {
    if (target instanceof Int32Array) target.set(toInt32(this.tensor as RawTensor));
    else if ("form" in this.tensor) this.tensor.form(kernels, target);
    else widenInto(kernels, this.tensor, target);
  }

  /** Holds the memory for a run that is to come: nothing to do, as the bytes are the reader's. */
  hold(): Disposable {
    return { [Symbol.dispose]: () => {} };
  }

  /** Nothing to free: the bytes are the reader's. */
  release(): void {}
}

/**
 * What a feed stands for.
 *
 * @throws {TypeError} if it was placed by another engine.
 */
export function hostFeed(feed: Feed): Numbers | StoredNumbers {
  if (feed instanceof Float32Array || feed instanceof Int32Array) return feed;
  if (feed instanceof HostNumbers) return feed.numbers;
  if (feed instanceof StoredNumbers) return feed;
  throw new TypeError("expected numbers that the CPU engine placed");
}

/** Memory for the numbers of a value. */
export function emptyNumbers({ type, shape }: Value): Numbers {
  return type === "f32"
    ? new Float32Array(elementCount(shape))
    : new Int32Array(elementCount(shape));
}
