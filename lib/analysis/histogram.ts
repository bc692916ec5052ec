/** The distribution of a delta's entries, in units of their own spread, as counts in equal bins. */

/** Counts of entries in bins of equal width from `−reach` to `reach`, and of those beyond. */
export interface Histogram {
  /** Values in each bin. */
  readonly counts: readonly number[];
  /** Entries below the first bin or above the last. */
  readonly beyond: number;
  /** Ends of the bins: the first begins at −reach. */
  readonly reach: number;
}

/** One bin as a density: its share of all entries by its width. */
export interface DensityBin {
  /** Lower end of the bin. */
  readonly from: number;
  /** Upper end of the bin. */
  readonly to: number;
  /** Share of the values in the bin by its width. */
  readonly density: number;
}

/** Bins and reach that show a bell and its tails, in units of σ. */
const BINS = 60;
const REACH = 6;

/**
 * Counts Δ / σ in 60 bins from −6 to 6; a bin holds its lower end, the last one its upper end too.
 *
 * @param spread σ, the root mean square of the entries
 * @throws {RangeError} if the spread is not positive.
 *
 * @example
 * ```ts
 * import { histogram } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const { counts, beyond } = histogram(Float32Array.of(-1, 0, 1, 70), 10);
 * assert.equal(counts.reduce((sum, each) => sum + each, 0), 3);
 * assert.equal(beyond, 1);
 * ```
 */
export function histogram(values: Float32Array, spread: number): Histogram {
  if (!(spread > 0)) throw new RangeError("a histogram needs a positive spread");
  const counts = new Array<number>(BINS).fill(0);
  const width = 2 * REACH / BINS;
  let beyond = 0;
  for (const value of values) {
    const place = value / spread;
    if (Math.abs(place) > REACH) beyond++;
    else counts[Math.min(BINS - 1, Math.floor((place + REACH) / width))]++;
  }
  return { counts, beyond, reach: REACH };
}

/**
 * Several histograms as the density of all their entries; the entries beyond count in the whole.
 *
 * @example
 * ```ts
 * import { density, histogram } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const bins = density([histogram(Float32Array.of(-1, 0, 1, 2), 1)]);
 * const area = bins.reduce((sum, { from, to, density }) => sum + (to - from) * density, 0);
 * assert.ok(Math.abs(area - 1) < 1e-12);
 * ```
 */
export function density(histograms: readonly Histogram[]): DensityBin[] {
  const total = histograms.reduce(
    (sum, { counts, beyond }) => counts.reduce((all, each) => all + each, sum + beyond),
    0,
  );
  return Array.from({ length: BINS }, (_, bin) => {
    const [from, to] = [bin, bin + 1].map((end) => -REACH + 2 * REACH * end / BINS);
    const count = histograms.reduce((sum, { counts }) => sum + counts[bin], 0);
    return { from, to, density: count / total / (to - from) };
  });
}
