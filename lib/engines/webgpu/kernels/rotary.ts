/** Rotary embedding: one invocation a pair of features. */

import { elementCount } from "../../../checkpoint/tensor.ts";
import type { RotationTables } from "../../../graph/ops/rotary.ts";
import type { Kernel, KernelBuilder, Operand } from "../kernel.ts";
import { elementKernel } from "./grid.ts";

/**
 * Rotates the pairs (i, i + headSize/2) of every head of x `[batch · sequence, heads · headSize]`. The
 * angles come from tables: cosines of large angles are not what shaders are good at.
 *
 * @param direction 1, or −1 to rotate back.
 */
export function rotatedPairs(
  builder: KernelBuilder,
  x: Operand,
  { cosines, sines }: RotationTables,
  { sequence, pairs, direction }: { sequence: number; pairs: number; direction: 1 | -1 },
): Operand[] {
  const tables = {
    cosines: builder.constant(cosines, [sequence, pairs]),
    sines: builder.constant(sines, [sequence, pairs]),
  };
  return builder.dispatch(rotationKernel(x, tables, { direction }));
}

/** The same of x `[rows, heads · headSize]` by the row's own angles, tables `[rows, headSize/2]`, times a factor. */
export function rotationKernel(
  x: Operand,
  { cosines, sines }: { readonly cosines: Operand; readonly sines: Operand },
  { direction = 1, factor = 1 }: { readonly direction?: 1 | -1; readonly factor?: number } = {},
): Kernel {
  const [sequence, pairs] = cosines.shape;
  return elementKernel(elementCount(x.shape) / 2, {
    name: "rotary",
    reads: { x, cosines, sines },
    writes: { rotated: { shape: x.shape } },
    sizes: { sequence, pairs, heads: x.shape[1] / (2 * pairs) },
    factors: { direction, factor },
    body: `
let pair = i % sizes.pairs;
let head = i / sizes.pairs;
let position = head / sizes.heads % sizes.sequence;
let cosine = cosines_at(position * sizes.pairs + pair);
let sine = factors.direction * sines_at(position * sizes.pairs + pair);
let first = head * 2u * sizes.pairs + pair;
let second = first + sizes.pairs;
let a = x_at(first);
let b = x_at(second);
rotated[first] = (a * cosine - b * sine) * factors.factor;
rotated[second] = (b * cosine + a * sine) * factors.factor;`,
  });
}
