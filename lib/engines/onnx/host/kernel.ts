/** Block ops as the CPU runs them: the text of a WebAssembly module, and what its function is called with. */

import type { Value } from "../../../graph/graph.ts";

/** How one block op runs. */
export interface HostKernel {
  /**
   * A module that exports `memory`, of at least one page, and `run`: addresses of the inputs in their order, of the
   * output and of scratch memory, each a multiple of 64, then {@linkcode HostKernel.parameters}. All numbers lie
   * there as in the graph. What output and scratch hold before is not said.
   */
  readonly text: string;
  /** Bytes that it works in. */
  readonly scratchBytes: (value: Value) => number;
  /** Sizes and settings that it needs. */
  readonly parameters: (value: Value) => readonly number[];
}

/** WebAssembly text: `body` for each `$name` from `begin` up to `end`; `body` branches to nothing outside itself. */
export function eachOf(name: string, begin: string, end: string, body: string): string {
  return `(local.set $${name} ${begin})
    (block (loop
      (br_if 1 (i32.ge_u (local.get $${name}) ${end}))
      ${body}
      (local.set $${name} (i32.add (local.get $${name}) (i32.const 1)))
      (br 0)))`;
}
