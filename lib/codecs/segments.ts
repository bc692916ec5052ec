/**
 * A matrix as one row of numbers, cut into segments of as many elements as a slot of the kernels holds; of each a
 * few elements are meant. Not here: which ones, and what they become.
 */

import { BLOCK, type FloatKernels, slot } from "../checkpoint/float_kernels.ts";
import type { LinearShape } from "../checkpoint/weights.ts";
import { DeltaError } from "../util/errors.ts";

/** Slots of a segment's numbers and of the positions in it; two more are for the codec's own. */
export const [NUMBERS, POSITIONS, OWN]: readonly [number, number, number] = [0, 1, 2];

/** One segment. */
export interface Segment {
  /** Which. */
  readonly index: number;
  /** Its elements. */
  readonly length: number;
}

/** Of a matrix. */
export function segmentsOf([outSize, inSize]: LinearShape): Segment[] {
  const all = outSize * inSize;
  return Array.from({ length: Math.ceil(all / BLOCK) }, (_, index) => ({
    index,
    length: Math.min(BLOCK, all - index * BLOCK),
  }));
}

/**
 * Has each segment's numbers changed, in their place where they lie in the kernels' memory.
 *
 * @param change is given their address; slots but the first are its own.
 */
export function eachSegment(
  { memory }: FloatKernels,
  sum: Float32Array,
  shape: LinearShape,
  change: (segment: Segment, address: number) => void,
): void {
  const inPlace = sum.buffer === memory.buffer;
  for (const segment of segmentsOf(shape)) {
    const begin = segment.index * BLOCK;
    const values = sum.subarray(begin, begin + segment.length);
    const ours = new Float32Array(memory.buffer, slot(NUMBERS), segment.length);
    if (!inPlace) ours.set(values);
    change(segment, inPlace ? values.byteOffset : slot(NUMBERS));
    if (!inPlace) values.set(ours);
  }
}

/** @throws {DeltaError} as positions that are stored are none of a matrix of this shape. */
export function refusePositions(codec: string, shape: LinearShape): never {
  throw new DeltaError({
    problem: `has positions that the codec '${codec}' cannot have stored`,
    value: `[${shape}]`,
    expected: "as many as its form says, each in the matrix",
  });
}
