/**
 * The study's published numbers as rows for figures. Only its Figures 1–5; what it printed in tables
 * and claimed in words is not drawn.
 */

import type { Domain } from "../../../texts/domains.ts";
import { realProtocol } from "../protocol.ts";
import type { PublishedNumbers } from "../published.ts";
import type { CalibrationSizeRow, WallClockRow } from "../rows.ts";

/** What was published without: intervals, KL, repeated seeds. */
const bare = { variant: null, low: null, high: null };

const arrow = ([base, fine]: readonly string[]) => `${base} → ${fine}`;

/** The study's Figure 1, whose "standard" is `distilled` here. */
export function publishedWallClockRows(study: PublishedNumbers): WallClockRow[] {
  const { pair, batch_size, standard, activation_aware } = study.figure1_wall_clock_s_by_batch_size;
  const common = { ...bare, pair: arrow(pair) };
  const { steps } = realProtocol.wallClock;
  return batch_size.flatMap((batchSize, index): WallClockRow[] => [
    { ...common, method: "distilled", batchSize, steps, seconds: standard[index] },
    {
      ...common,
      method: "activation-aware",
      batchSize,
      steps: null,
      seconds: activation_aware[index],
    },
  ]);
}

/** The study's figure of one domain, of Figures 2–5. */
export function publishedCalibrationSizeRows(
  study: PublishedNumbers,
  domain: Domain,
): CalibrationSizeRow[] {
  const { pair, calibration_size, ...domains } = study.figures2to5_perplexity_by_calibration_size;
  const { standard, activation_aware } = domains[domain];
  const common = {
    ...bare,
    pair: arrow(pair),
    domain,
    seedCount: 1,
    kl: null,
    klLow: null,
    klHigh: null,
  };
  return [
    { ...common, method: "distilled", calibrationSize: null, perplexity: standard },
    ...calibration_size.map((calibrationSize, index): CalibrationSizeRow => ({
      ...common,
      method: "activation-aware",
      calibrationSize,
      perplexity: activation_aware[index],
    })),
  ];
}
