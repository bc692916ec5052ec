/**
 * How many singular values of a difference are more than the rounding of the stored weights makes, and whether
 * what is left is explained by it.
 */

import type { LinearShape } from "../../checkpoint/weights.ts";
import type { DifferenceEnergy } from "./rounding_noise.ts";

/** How large what is left may be beside what rounding makes: the error of a small change is not uniform. */
const EXPLAINED = 1.5;

/** How far above the largest singular value of noise one has to be: rows differ in their spacings. */
const ABOVE_NOISE = 1.2;

/** Relative precision of singular values from products in 32-bit floats. */
const PRODUCT_PRECISION = 4e-6;

/** What is known of the singular values of a difference. */
export interface Spectrum {
  readonly shape: LinearShape;
  readonly energy: DifferenceEnergy;
  /** The leading ones, in falling order. */
  readonly values: readonly number[];
}

/** A rank, and what it leaves. */
export interface Rank {
  readonly rank: number;
  /** ‖Δ − BA‖ / ‖Δ‖. */
  readonly error: number;
  /** Whether it is accepted: rounding explains the error and not most of Δ, or it is within the tolerance. */
  readonly isEnough: boolean;
}

/**
 * The rank of a difference as far as it can be told from noise: its singular values above the edge
 * s(√out + √in), where noise of mean square s² has its largest (Marchenko and Pastur), or, with a tolerance, as
 * few as leave no more than that.
 *
 * @param tolerance ‖Δ − BA‖ / ‖Δ‖ that is let through; 0: what rounding explains, alone.
 */
export function numericalRank(
  spectrum: Spectrum,
  tolerance: number,
  mostRank: number,
): Rank {
  const { shape: [outSize, inSize], energy, values } = spectrum;
  const spread = Math.sqrt(energy.noise / (outSize * inSize));
  const edge = ABOVE_NOISE * spread * (Math.sqrt(outSize) + Math.sqrt(inSize));
  const least = Math.max(edge, PRODUCT_PRECISION * (values[0] ?? 0));
  const above = values.filter((value) => value > least).length;
  const most = Math.min(above, mostRank);
  let rank = most;
  if (tolerance > 0) {
    rank = 0;
    while (rank < most && left(spectrum, rank) > allowed(spectrum, tolerance)) rank++;
  }
  const rest = left(spectrum, rank);
  const isTold = rest <= energy.delta / 2 || rest <= tolerance ** 2 * energy.delta;
  return {
    rank,
    error: Math.sqrt(rest / energy.delta),
    isEnough: isTold && rest <= allowed(spectrum, tolerance),
  };
}

/**
 * The rank that a difference would need at least: each value that was not found is no larger than the last one
 * that was.
 */
export function neededRank(spectrum: Spectrum, tolerance: number): number {
  const { shape, values } = spectrum;
  const rest = left(spectrum, values.length) - allowed(spectrum, tolerance);
  const last = values.at(-1) ?? 0;
  const more = last > 0 ? Math.ceil(Math.max(0, rest) / last ** 2) : 0;
  return Math.min(values.length + more, ...shape);
}

/** ‖Δ − BA‖² of the leading part of a rank. */
function left({ energy, values }: Spectrum, rank: number): number {
  const kept = values.slice(0, rank).reduce((sum, value) => sum + value ** 2, 0);
  return Math.max(0, energy.delta - kept);
}

/** Sums of squares in 32-bit floats are as precise as these are. */
function allowed({ energy }: Spectrum, tolerance: number): number {
  const precision = 1e-6 * energy.delta;
  return Math.max(EXPLAINED * energy.noise + precision, tolerance ** 2 * energy.delta);
}
