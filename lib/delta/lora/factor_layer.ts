/**
 * The difference of one linear layer as a product B·A of two thin matrices, or that it is none. Products with Δ
 * are the engine's, of the weights as they are stored.
 */

import { giveRoom } from "../../checkpoint/room.ts";
import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import { type LinearShape, linearShape } from "../../checkpoint/weights.ts";
import type { Placed, Program } from "../../graph/engine.ts";
import { input, type Value } from "../../graph/graph.ts";
import { difference } from "../../graph/ops/difference.ts";
import { matmul } from "../../graph/ops/matrix.ts";
import type { ProgramCache } from "../../graph/program_cache.ts";
import { DeltaError } from "../../util/errors.ts";
import { neededRank, numericalRank, type Spectrum } from "./numerical_rank.ts";
import { leadingPart } from "../../graph/linear_algebra/range_finder.ts";
import { differenceEnergy } from "./rounding_noise.ts";
import type { Rows } from "../../graph/linear_algebra/small_matrix.ts";

/** Directions beside those of interest, so that these are found well. */
const SPARE = 8;
/** Directions that are looked in first; each time that these are too few, twice as many. */
const FIRST = 24;

/** How far a difference is followed. */
export interface LoraSettings {
  /** ‖Δ − BA‖ / ‖Δ‖ that is let through; 0: what the rounding of the stored weights explains, alone. */
  readonly tolerance: number;
  /** The highest rank that is let through. */
  readonly mostRank: number;
  /** Of the directions that are looked in first. */
  readonly seed: number;
}

/** Δ ≈ B·A of a layer. */
export interface LoraLayer {
  /** Its name without `.weight`. */
  readonly name: string;
  /** r, at least 1. */
  readonly rank: number;
  /** `[r, in]`, row-major. */
  readonly a: Float32Array;
  /** `[out, r]`, row-major. */
  readonly b: Float32Array;
  /** ‖Δ − BA‖ / ‖Δ‖. */
  readonly error: number;
  /** What rounding the fine-tune's weights makes of that on average, relative to ‖Δ‖. */
  readonly rounding: number;
}

/**
 * The factors of a layer's difference.
 *
 * @returns `null` where the two checkpoints have the same weights.
 * @throws {DeltaError} if it is of a higher rank, naming the one that it would need, or no larger than rounding.
 * @throws {CheckpointError} if a weight is not finite.
 */
export async function factorLayer(
  programs: ProgramCache,
  { base, fine }: { readonly base: Checkpoint; readonly fine: Checkpoint },
  name: string,
  { tolerance, mostRank, seed }: LoraSettings,
): Promise<LoraLayer | null> {
  const shape = linearShape(fine.config, name);
  const tensor = `${name}.weight`;
  const [ofBase, ofFine] = await Promise.all(
    [base, fine].map((each) => each.readDigested(tensor)),
  );
  const energy = await differenceEnergy(ofBase, ofFine);
  if (energy.delta === 0) {
    [ofBase, ofFine].forEach(({ bytes }) => giveRoom(bytes));
    return null;
  }
  if (tolerance === 0 && energy.noise >= energy.delta / 2) {
    throw tooHigh({ shape, energy, values: [] }, tensor, { tolerance, mostRank });
  }
  const placed = {
    base: await programs.engine.place(ofBase, `base ${tensor}`),
    fine: await programs.engine.place(ofFine, `fine ${tensor}`),
  };
  try {
    const most = Math.min(mostRank + SPARE, ...shape);
    for (let directions = Math.min(FIRST, most);; directions = Math.min(2 * directions, most)) {
      const products = productsWith(programs, shape, placed);
      const { values, factors } = await leadingPart(products, shape[1], directions, seed);
      const spectrum: Spectrum = { shape, energy, values };
      const { rank, error, isEnough } = numericalRank(spectrum, tolerance, mostRank);
      // Values near the last direction are found too small.
      const isSure = rank <= directions - SPARE || directions === most;
      if (isEnough && isSure) {
        const { a, b } = factors(rank);
        const rounding = Math.sqrt(energy.noise / energy.delta);
        return { name, rank, a: rowMajor(a), b: columnMajor(b, shape[0]), error, rounding };
      }
      // Far too high, there is no more to be looked for.
      const isFar = neededRank(spectrum, tolerance) > 2 * most;
      if (directions === most || isFar) throw tooHigh(spectrum, tensor, { tolerance, mostRank });
    }
  } finally {
    Object.values(placed).forEach((each) => each.release());
    [ofBase, ofFine].forEach(({ bytes }) => giveRoom(bytes));
  }
}

function productsWith(
  programs: ProgramCache,
  [outSize, inSize]: LinearShape,
  placed: Readonly<Record<"base" | "fine", Placed>>,
) {
  const run = async (x: Rows, width: number, transposed: boolean) => {
    const key = `${x.length} ${outSize} ${inSize} ${transposed}`;
    const program: Program = await programs.get(key, () => graph(x.length, width, transposed));
    const { product } = await program.run({ x: rowMajor(x), ...placed });
    const columns = product.length / x.length;
    return x.map((_, row) =>
      Float64Array.from(product.subarray(row * columns, (row + 1) * columns))
    );
  };
  const graph = (rows: number, width: number, transposed: boolean): Record<string, Value> => {
    const [base, fine] = ["base", "fine"].map((name) => input(name, [outSize, inSize]));
    const x = input("x", [rows, width]);
    // Differences of neighbouring numbers are exact in 32 bits.
    const delta = difference(fine, base, "F32");
    return { product: matmul(x, delta, { transposeSecond: transposed }) };
  };
  return {
    forward: (x: Rows) => run(x, inSize, true),
    backward: (x: Rows) => run(x, outSize, false),
  };
}

function tooHigh(
  spectrum: Spectrum,
  tensor: string,
  { tolerance, mostRank }: Pick<LoraSettings, "tolerance" | "mostRank">,
): DeltaError {
  const { delta, noise } = spectrum.energy;
  if (noise >= delta / 2) {
    return new DeltaError({
      problem: "differs by no more than the rounding of its type, from which no rank can be told",
      tensor,
      value: `‖Δ‖ is ${Math.sqrt(delta / noise).toPrecision(3)} times that of rounding`,
      expected: "a larger difference, or weights stored in 32 bits",
    });
  }
  const needed = neededRank(spectrum, tolerance);
  return new DeltaError({
    problem: "has a difference that is not low-rank",
    tensor,
    value: needed > mostRank
      ? `a rank of at least ${needed} would be needed`
      : `a rank above ${mostRank} would be needed`,
    expected: `a rank of at most ${mostRank}`,
  });
}

function rowMajor(rows: Rows): Float32Array {
  const length = rows[0]?.length ?? 0;
  const all = new Float32Array(rows.length * length);
  rows.forEach((row, index) => all.set(row, index * length));
  return all;
}

/** Rows of Bᵀ as B. */
function columnMajor(rows: Rows, length: number): Float32Array {
  const all = new Float32Array(rows.length * length);
  rows.forEach((row, r) => row.forEach((each, o) => all[o * rows.length + r] = each));
  return all;
}
