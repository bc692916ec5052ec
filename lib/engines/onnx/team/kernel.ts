/**
 * Ops of `graph/stage_op.ts` as the thread team runs them: the text of a WebAssembly module, how its work divides, and
 * what its functions are called with. How it comes to run is `stage.ts`; how threads share work, `team.ts`.
 *
 * A piece of work is all of a sum: no number depends on which thread has computed it, or on how many there are.
 */

import type { Value } from "../../../graph/graph.ts";
import type { ReservedInfo } from "../../../graph/placed.ts";
import type { Given } from "./given.ts";

/** How numbers are stored. */
export type Storage = ReservedInfo["dtype"];

/** Work that is done by all threads before the next begins. */
export interface TeamStep {
  /**
   * Name of an exported function: `(first, end, own, shared, …inputs, output, …parameters)`, all i32. It does items
   * `first` up to `end`. `own` and `shared` are addresses of scratch memory of this thread and of all, inputs and the
   * output addresses of arrays, all multiples of 64; up to 64 bytes behind each array may be read, and nothing is said
   * of what they, the output and scratch memory hold before.
   */
  readonly run: string;
  /** Pieces of work, independent of each other. */
  readonly items: number;
  /** Items that a thread takes at a time: about 20 µs of work, as each costs it half a microsecond. */
  readonly grain: number;
}

/** How one op runs on operands that are stored in one way. */
export interface TeamKernel {
  /**
   * A module with the memories that {@linkcode MEMORIES} imports. In `$memory` lies all but the second of the op's
   * tables, which lies in `$second`.
   */
  readonly text: string;
  readonly steps: readonly TeamStep[];
  /** Bytes that each thread works in, the same in all steps. */
  readonly ownBytes: number;
  /** Bytes that all threads share, the same in all steps. */
  readonly sharedBytes: number;
  /** Sizes and settings that the functions need. */
  readonly parameters: readonly number[];
}

/** How one op runs. */
export interface TeamOp {
  /** Inputs that are read, and changed, where they lie if they lie in reserved memory: one or two. */
  readonly tables: readonly number[];
  /** @param storages of the inputs: of a table as it is stored, of all else `F32` or `I32`. */
  kernel(value: Value, storages: readonly Storage[]): TeamKernel;
  /**
   * Looks at what is fed, before anything is changed.
   *
   * @throws {GraphError} if an index names nothing, or memory is not reserved that would be changed.
   */
  check(value: Value, given: readonly Given[]): void;
}

/** What modules import: `$memory`, and `$second` for those with two tables, which may be the same memory. */
export const MEMORIES = `
  (import "memories" "first" (memory $memory 1 65535 shared))
  (import "memories" "second" (memory $second 1 65535 shared))`;
