/** Numbers where an engine computes, as all see them who hold some. */

import type { FloatType, RawTensor } from "../checkpoint/tensor.ts";
import type { Numbers } from "./graph.ts";

/** Numbers that lie where an engine computes, for its programs to read as often as they like. */
export interface Placed {
  /** Elements. */
  readonly length: number;
  /** Bytes that it takes there. */
  readonly byteLength: number;
  /** Whether what it was placed from may change: it is not looked at again. Default: only once it is released. */
  readonly isCopy?: boolean;
  /** Frees the memory; work that was started before still sees it. */
  release(): void;
}

/** Type and shape of memory that is reserved. */
export interface ReservedInfo {
  /** How its elements are stored; to graphs `I32` is i32 and all others are f32. */
  readonly dtype: FloatType | "I32";
  /** Row-major. */
  readonly shape: readonly number[];
}

/**
 * Memory where an engine computes that is written piece by piece, and that ops change in place which say so: the keys
 * and values of sequences, tables of many tenants. Fed like any other numbers.
 */
export interface Reserved extends Placed, ReservedInfo {
  /**
   * Writes elements as they are stored, row-major, between runs: those that are asked for once it is done see them.
   *
   * @param firstElement that is written, at a whole number of 32-bit words, as their end is unless it is that of all.
   * @param numbers of the type that it stores; into F32 also 16-bit ones, exactly. Other memory of the engine and of that
   * type is copied whole, where it lies.
   * @throws {GraphError} if they are of another type, do not lie within it, or begin or end inside a word.
   */
  write(firstElement: number, numbers: Numbers | RawTensor | Reserved): Promise<void>;
}
