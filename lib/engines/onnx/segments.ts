/**
 * A graph cut into stretches that run one after another, so that of large weights only a few are widened at a
 * time: a decoder layer of seven billion weights takes 180 MB so, and whole 810 MB.
 */

import { elementCount } from "../../checkpoint/tensor.ts";
import { topologicalOrder, type Value } from "../../graph/graph.ts";

/** Bytes of float32 that the weights of one stretch take, unless it is one weight alone. */
const SEGMENT_BYTES = 2 ** 27;

/** A stretch of a graph. */
export interface Segment {
  /** What later stretches or the caller take of it. */
  readonly outputs: readonly Value[];
  /** What it takes of earlier ones. */
  readonly cut: readonly Value[];
}

/**
 * The stretches of a graph in order; a graph of little is one.
 *
 * @param isFed whether a value comes from outside: inputs, and what is formed of them.
 */
export function segments(
  outputs: readonly Value[],
  isFed: (value: Value) => boolean,
  most: number = SEGMENT_BYTES,
): Segment[] {
  const segmentOf = new Map<Value, number>();
  let current = 0;
  let bytes = 0;
  let seen = new Set<Value>();
  const order = topologicalOrder(outputs, isFed).filter((value) => !isFed(value));
  for (const value of order) {
    const fed = value.inputs.filter((each) => isFed(each) && !seen.has(each));
    const more = new Set(fed).values().reduce((sum, { shape }) => sum + 4 * elementCount(shape), 0);
    if (bytes > 0 && bytes + more > most) {
      current++;
      bytes = 0;
      seen = new Set();
    }
    bytes += more;
    fed.forEach((each) => seen.add(each));
    segmentOf.set(value, current);
  }
  const taken = Array.from({ length: current + 1 }, () => new Set<Value>());
  const cut = Array.from({ length: current + 1 }, () => new Set<Value>());
  for (const value of order) {
    for (const operand of value.inputs) {
      const from = segmentOf.get(operand);
      const to = segmentOf.get(value)!;
      if (from === undefined || from === to) continue;
      taken[from].add(operand);
      cut[to].add(operand);
    }
  }
  for (const value of outputs) taken[segmentOf.get(value) ?? 0].add(value);
  return taken.map((outputs, index) => ({ outputs: [...outputs], cut: [...cut[index]] }));
}
