/**
 * Where the factors of a small matrix start, found in WebAssembly: the same bits from the same bits, whatever engine
 * the rest is computed on. What a half-step is says `start.ts`.
 */

import type { LinearShape } from "../../checkpoint/weights.ts";
import { SeededRandom } from "../../util/random.ts";
import { type StartKernels, startKernels } from "./host_kernels.ts";
import { LEAST, POWER_STEPS, RIDGE, roundWeight, type StartSettings } from "./start.ts";

/** Factors of Y ≈ diag(row) left diag(middle) rightᵀ diag(column), as plain numbers. */
export interface HostFactors {
  /** ±1, `[m, inner]`. */
  readonly left: Float32Array;
  /** ±1, `[n, inner]`. */
  readonly right: Float32Array;
  readonly row: Float32Array;
  readonly middle: Float32Array;
  readonly column: Float32Array;
}

/**
 * Factors of Y that are near it in all directions alike.
 *
 * @param y `[m, n]`
 * @param signal is looked at between rounds.
 */
export async function hostStart(
  y: Float32Array,
  [rows, columns]: LinearShape,
  { inner, rounds, seed }: StartSettings,
  signal?: AbortSignal,
): Promise<HostFactors> {
  const [m, n, k] = [rows, columns, inner].map((side) => Math.ceil(side / 8) * 8);
  const longest = Math.max(m, n);
  const sizes = {
    ...{ y: m * n, yt: m * n, unit: longest * k, unitT: longest * k, target: longest * k },
    ...{ drawn: longest * k, free: longest * k, gram: k * k, first: k * k, next: k * k },
    ...{ work: 2 * k * k, sums: k, left: m * k, right: n * k, lambdaLeft: m * k },
    ...{ lambdaRight: n * k, u: longest, uLeft: m, uRight: n, vLeft: k, vRight: k },
  };
  let end = 0;
  const places = Object.fromEntries(
    Object.entries(sizes).map(([name, size]) => [name, (end += 4 * size) - 4 * size]),
  ) as Record<keyof typeof sizes, number>;
  const kernels = await startKernels(end);
  const of = (name: keyof typeof sizes) =>
    new Float32Array(kernels.memory.buffer, places[name], sizes[name]);
  const padded = of("y");
  for (let row = 0; row < rows; row++) {
    padded.set(y.subarray(row * columns, (row + 1) * columns), row * n);
  }
  kernels.transpose(places.y, places.yt, m, n);
  const random = new SeededRandom(seed);
  const right = of("right");
  for (let row = 0; row < columns; row++) {
    for (let at = 0; at < inner; at++) right[row * k + at] = 2 * random.integer(2) - 1;
  }
  const sides = {
    left: {
      y: places.y,
      z: places.left,
      lambda: places.lambdaLeft,
      u: places.uLeft,
      v: places.vLeft,
      size: m,
    },
    right: {
      y: places.yt,
      z: places.right,
      lambda: places.lambdaRight,
      u: places.uRight,
      v: places.vRight,
      size: n,
    },
  };
  for (let round = 0; round < rounds; round++) {
    signal?.throwIfAborted();
    const weight = roundWeight(round, rounds);
    halfStep(kernels, places, sides.left, sides.right, k, weight);
    halfStep(kernels, places, sides.right, sides.left, k, weight);
  }
  const signs = (name: "left" | "right", size: number) => {
    const values = of(name);
    const taken = new Float32Array(size * inner);
    for (let row = 0, at = 0; row < size; row++) {
      // −0 is a sign too: of a row or an inner vector that is zero.
      for (let j = 0; j < inner; j++) taken[at++] = values[row * k + j] < 0 ? -1 : 1;
    }
    return taken;
  };
  return {
    left: signs("left", rows),
    right: signs("right", columns),
    row: of("uLeft").slice(0, rows),
    middle: of("vRight").slice(0, inner),
    column: of("uRight").slice(0, columns),
  };
}

/** Where one factor lies: its matrix Y or Yᵀ, Z, Λ and the matrix of rank one, and how many rows it has. */
interface Side {
  readonly y: number;
  readonly z: number;
  readonly lambda: number;
  readonly u: number;
  readonly v: number;
  readonly size: number;
}

function halfStep(
  kernels: StartKernels,
  places: Readonly<
    Record<
      "unit" | "unitT" | "target" | "drawn" | "free" | "gram" | "first" | "next" | "work" | "sums",
      number
    >
  >,
  side: Side,
  other: Side,
  k: number,
  weight: number,
): void {
  const { unit, unitT, target, drawn, free, gram, first, next, work, sums } = places;
  kernels.unit(other.z, unit, sums, other.size, k);
  kernels.transpose(unit, unitT, other.size, k);
  kernels.product(unitT, unit, gram, k, other.size, k);
  kernels.product(side.y, unit, target, side.size, other.size, k);
  kernels.invert(gram, first, work, k, RIDGE + Math.max(weight, LEAST));
  kernels.invert(gram, next, work, k, RIDGE + 1);
  for (const [inverse, ofStep] of [[first, weight], [next, 1], [next, 1]]) {
    kernels.draw(target, side.z, side.lambda, drawn, ofStep, side.size * k);
    kernels.product(drawn, inverse, free, side.size, k, k);
    kernels.project(free, side.lambda, side.z, side.u, side.v, sums, side.size, k, POWER_STEPS);
  }
}
