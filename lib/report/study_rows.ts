/** The results of a study as the rows that figures are drawn from. */

import type { Domain } from "../domains/domains.ts";
import { figurePair, type Protocol } from "../study/protocol.ts";
import type { StudyResults } from "../study/results.ts";
import type { CalibrationSizeRow, WallClockRow } from "./rows.ts";

/** Our rows of Figure 1: medians, with the range of the repeats where there are several. */
export function wallClockRows({ wallClock }: StudyResults): WallClockRow[] {
  return wallClock.map(({ pair, method, variant, batchSize, seconds, range }) => ({
    pair,
    method,
    variant,
    batchSize,
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
  const drawn = here.filter(({ calibrationSize }) =>
    calibrationSize === null || protocol.calibrationSizes.includes(calibrationSize)
  );
  return drawn.map((each) => ({
    pair,
    domain,
    method: each.method,
    variant: each.variant,
    calibrationSize: each.calibrationSize,
    seedCount: each.seedCount,
    perplexity: each.perplexity.value,
    low: each.method === "fine" ? null : fine * (1 + each.againstFine.low),
    high: each.method === "fine" ? null : fine * (1 + each.againstFine.high),
    kl: each.kl,
  }));
}
