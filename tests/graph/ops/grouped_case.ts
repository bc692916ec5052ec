/** Rows of several groups against tables, and what they should give: plain loops in double precision. */

import {
  elementCount,
  type FloatType,
  fromFloat32,
  toFloat32,
} from "../../../lib/checkpoint/tensor.ts";
import type { Engine, Reserved } from "../../../lib/graph/engine.ts";
import type { Numbers, Shape } from "../../../lib/graph/graph.ts";
import { SeededRandom } from "../../../lib/util/random.ts";

/** Normal numbers. */
export function normalRows(seed: number, ...shape: number[]): Float32Array {
  const random = new SeededRandom(seed);
  return Float32Array.from({ length: elementCount(shape) }, () => random.normal());
}

/** Words of random bits. */
export function randomWords(seed: number, ...shape: number[]): Int32Array {
  const random = new SeededRandom(seed);
  const half = () => random.integer(0x10000);
  return Int32Array.from({ length: elementCount(shape) }, () => (half() << 16) | half());
}

/** What numbers are once they are stored in a type. */
export function asStored(numbers: Float32Array, dtype: FloatType): Float32Array {
  return toFloat32({ dtype, shape: [numbers.length], bytes: fromFloat32(numbers, dtype) });
}

/** Numbers in memory of an engine's, stored in a type. */
export async function reservedOf(
  engine: Engine,
  numbers: Numbers,
  dtype: FloatType,
  shape: Shape,
): Promise<Reserved> {
  const isWhole = numbers instanceof Int32Array;
  const reserved = await engine.reserve({ dtype: isWhole ? "I32" : dtype, shape }, "table");
  const stored = isWhole ? numbers : { dtype, shape, bytes: fromFloat32(numbers, dtype) };
  await reserved.write(0, stored);
  return reserved;
}

/** xᵣ · M_gᵀ. */
export function plainGroupedMatmul(
  x: Float32Array,
  matrices: Float32Array,
  groups: ArrayLike<number>,
  [, outputs, inputs]: Shape,
): Float64Array {
  return Float64Array.from({ length: groups.length * outputs }, (_, at) => {
    const [row, output] = [Math.floor(at / outputs), at % outputs];
    if (groups[row] < 0) return 0;
    let total = 0;
    for (let i = 0; i < inputs; i++) {
      total += x[row * inputs + i] * matrices[(groups[row] * outputs + output) * inputs + i];
    }
    return total;
  });
}

/** xᵣ · S_g. */
export function plainGroupedSignMatmul(
  x: Float32Array,
  masks: Int32Array,
  groups: ArrayLike<number>,
  [, words, outputs]: Shape,
): Float64Array {
  const inputs = x.length / groups.length;
  return Float64Array.from({ length: groups.length * outputs }, (_, at) => {
    const [row, output] = [Math.floor(at / outputs), at % outputs];
    if (groups[row] < 0) return 0;
    let total = 0;
    for (let i = 0; i < inputs; i++) {
      const word = masks[(groups[row] * words + (i >> 5)) * outputs + output];
      total += word >> (i & 31) & 1 ? x[row * inputs + i] : -x[row * inputs + i];
    }
    return total;
  });
}
