/**
 * A graph cut into stretches that run one after another, so that of large weights only a few are widened at a
 * time: a decoder layer of seven billion weights takes 180 MB so, and whole 810 MB. An op that ONNX Runtime does not
 * run is a stretch of its own; all that may come before it does, so that few are cut.
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

/** What cuts depend on. */
export interface SegmentOptions {
  /** Whether a value comes from outside: inputs, and what is formed of them. */
  readonly isFed: (value: Value) => boolean;
  /** Whether a value is computed by itself. Default: none is. */
  readonly isAlone?: (value: Value) => boolean;
  /** Bytes of weights that are widened at a time. */
  readonly most?: number;
}

/** The stretches of a graph in order; a graph of little is one. */
export function segments(
  outputs: readonly Value[],
  { isFed, isAlone = () => false, most = SEGMENT_BYTES }: SegmentOptions,
): Segment[] {
  const segmentOf = new Map<Value, number>();
  let current = 0;
  let bytes = 0;
  let seen = new Set<Value>();
  const order = inOrder(outputs, isFed, isAlone);
  const begin = () => {
    current++;
    bytes = 0;
    seen = new Set();
  };
  for (const [place, value] of order.entries()) {
    const fed = value.inputs.filter((each) => isFed(each) && !seen.has(each));
    const more = new Set(fed).values().reduce((sum, { shape }) => sum + 4 * elementCount(shape), 0);
    const borders = place > 0 && (isAlone(value) || isAlone(order[place - 1]));
    if (borders || bytes > 0 && bytes + more > most) begin();
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
  // What is fed and asked for is given by a stretch of ONNX Runtime.
  const passing = order.length > 0 && isAlone(order[0]) ? taken.length : 0;
  for (const value of outputs) {
    const from = segmentOf.get(value) ?? passing;
    (taken[from] ??= new Set()).add(value);
    cut[from] ??= new Set();
  }
  return taken.map((outputs, index) => ({ outputs: [...outputs], cut: [...cut[index]] }));
}

/**
 * All values that are computed, each after its inputs: by turns those of ONNX Runtime and those that are computed by
 * themselves, each in the first turn that it can be in.
 */
function inOrder(
  outputs: readonly Value[],
  isFed: (value: Value) => boolean,
  isAlone: (value: Value) => boolean,
): Value[] {
  const order = topologicalOrder(outputs, isFed).filter((value) => !isFed(value));
  if (!order.some(isAlone)) return order;
  const turns = new Map<Value, number>();
  for (const value of order) {
    const last = Math.max(0, ...value.inputs.map((each) => turns.get(each) ?? 0));
    // Even turns are ONNX Runtime's, odd ones those of the others.
    turns.set(value, last + Number((last % 2 === 1) !== isAlone(value)));
  }
  return order.toSorted((a, b) => turns.get(a)! - turns.get(b)!);
}
