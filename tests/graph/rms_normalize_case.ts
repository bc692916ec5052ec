/**
 * RMSNorm and its gradient against their formulas in float64, as every engine must have them.
 *
 * The gradient r · (g − x̂ · mean(g ∘ x̂)) takes from g what lies along the row. Where that is all of it, in a
 * row of one number or one that g is a multiple of, ε / (mean(x²) + ε) is left of terms of r · |g|, a
 * difference of 1e-5 of them. No formula does better on more than one number: the last bit of g moves the
 * result by as much. So errors count beside the terms, not beside what is left of them.
 */

import type { Engine } from "../../lib/graph/engine.ts";
import { gradient } from "../../lib/graph/gradient.ts";
import { input } from "../../lib/graph/graph.ts";
import { rmsNormalize } from "../../lib/graph/ops/normalize.ts";
import { assertWithin } from "./closeness.ts";
import { normals } from "./op_case.ts";

const EPSILON = 1e-5;
/** Some 30 roundings of float32: WebGPU allows a few to each root and quotient. */
const BOUND = 2e-6;

interface RmsCase {
  rows: number;
  columns: number;
  /** Deviation of the numbers. */
  size: number;
  /** Whether the upstream gradient is a multiple of each row. */
  along: boolean;
}

/** Rows of one number, and rows about the sizes of workgroups. */
export const rmsShapes = [[1, 1], [64, 1], [1, 65], [31, 33], [65, 64], [3, 200]] as const;

/** Deviations of rows: the squares of the least vanish, and those of the greatest nearly overflow. */
const SIZES = [1e-25, 1e-3, 1, 1e3, 1e17];

/**
 * Asserts that an engine is within a few roundings of the terms, forward and backward, for rows of all
 * sizes, and gradients from above of any direction and along the rows.
 */
export async function assertRmsNormalize(
  engine: Engine,
  rows: number,
  columns: number,
): Promise<void> {
  for (const size of SIZES) {
    for (const along of [false, true]) await assertCase(engine, { rows, columns, size, along });
  }
}

async function assertCase(engine: Engine, each: RmsCase): Promise<void> {
  const { rows, columns, size, along } = each;
  const shape = [rows, columns];
  const feeds = {
    x: Float32Array.from(normals(1, ...shape).numbers, (number) => number * size),
    upstream: Float32Array.from(normals(along ? 1 : 2, ...shape).numbers),
  };
  const x = input("x", shape);
  const output = rmsNormalize(x, EPSILON);
  const [partial] = gradient(output, [x], input("upstream", shape));
  const program = await engine.compile({ output, partial });
  const results = await program.run(feeds);
  let [forward, backward] = [0, 0];
  for (let start = 0; start < rows * columns; start += columns) {
    const row = Float64Array.from(feeds.x.subarray(start, start + columns));
    const upstream = Float64Array.from(feeds.upstream.subarray(start, start + columns));
    const meanSquare = mean(row.map((number) => number * number));
    const inverse = 1 / Math.sqrt(meanSquare + EPSILON);
    const normalized = row.map((number) => number * inverse);
    const mixed = mean(upstream.map((number, at) => number * normalized[at]));
    // Of the terms of that mean: they may cancel too.
    const mixedSize = mean(upstream.map((number, at) => Math.abs(number * normalized[at])));
    for (let at = 0; at < columns; at++) {
      const terms = Math.abs(upstream[at]) + Math.abs(normalized[at]) * mixedSize;
      const expected = inverse * (upstream[at] - normalized[at] * mixed);
      const found = results.partial[start + at];
      forward = most(forward, results.output[start + at] - normalized[at], normalized[at]);
      backward = most(backward, found - expected, inverse * terms);
    }
  }
  const label = `numbers of ±${size}${along ? ", upstream along them" : ""}`;
  assertWithin(forward, BOUND, `output, ${label}`);
  assertWithin(backward, BOUND, `gradient, ${label}`);
  await program.release();
}

function mean(numbers: Float64Array): number {
  return numbers.reduce((sum, each) => sum + each, 0) / numbers.length;
}

/** The larger of an error so far and |difference| / |size|, NaN if one is. */
function most(soFar: number, difference: number, size: number): number {
  return Math.max(soFar, Math.abs(difference / size));
}
