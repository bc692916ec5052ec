/** The results of a study as the rows that figures are drawn from. */

import type { Domain } from "../../texts/domains.ts";
import type { Interval } from "../../evaluation/bootstrap.ts";
import { figurePair, type Protocol } from "./protocol.ts";
import type { StudyResults } from "./results.ts";
import type { CalibrationSizeRow, WallClockRow } from "./rows.ts";

/** Our rows of Figure 1: medians, with the range of the repeats where there are several. */
export function wallClockRows({ wallClock }: StudyResults): WallClockRow[] {
  return wallClock.map(({ pair, method, variant, batchSize, steps, seconds, range }) => ({
    pair,
    method,
    variant,
    batchSize,
    steps,
    seconds,
    low: range[0] < range[1] ? range[0] : null,
    high: range[0] < range[1] ? range[1] : null,
  }));
}

/**
 * Our rows of the figure of one domain, of Figures 2–5. Intervals are those of the ratio to the
 * fine-tune's perplexity, the same documents drawn for both: how hard a document is cancels, and what
 * is left tells methods apart.
 */
export function calibrationSizeRows(
  { quality }: StudyResults,
  protocol: Protocol,
  domain: Domain,
): CalibrationSizeRow[] {
  const pair = figurePair(protocol).name;
  const here = quality.filter((each) => each.pair === pair && each.domain === domain);
  const fine = here.find(({ method }) => method === "fine")!.perplexity.value;
  const initialKl = here.find(({ method }) => method === "initial")?.kl ?? NaN;
  const drawn = here.filter(({ calibrationSize }) =>
    calibrationSize === null || protocol.calibrationSizes.includes(calibrationSize)
  );
  return drawn.map((each) => {
    const isFine = each.method === "fine";
    // One document drawn again and again is always the same.
    const [low, high] = isFine || each.documentCount === 1
      ? [null, null]
      : ends(fine, each.againstFine);
    const [klLow, klHigh] = isFine || each.method === "initial" || each.documentCount === 1
      ? [null, null]
      : ends(initialKl, each.klAgainstInitial);
    return {
      pair,
      domain,
      method: each.method,
      variant: each.variant,
      calibrationSize: each.calibrationSize,
      seedCount: each.seedCount,
      perplexity: each.perplexity.value,
      low,
      high,
      kl: each.kl,
      klLow,
      klHigh,
    };
  });
}

/** Ends of an interval of ratios less 1 to a number; none where that is 0 and there is no ratio. */
function ends(of: number, { low, high }: Interval): [number, number] | [null, null] {
  const [from, to] = [of * (1 + low), of * (1 + high)];
  return Number.isFinite(from) && Number.isFinite(to) ? [from, to] : [null, null];
}
