/** A figure with all that ours are made of: curves, error bars, lines, panels, words, a legend. */

import type { Figure } from "../../lib/report/figure.ts";
import { calibrationSizeFigure } from "../../lib/report/figures/calibration_size.ts";
import { sampleCalibrationRows, samplePublishedRows } from "./sample_rows.ts";

export function sampleFigure(): Figure {
  return calibrationSizeFigure("code", sampleCalibrationRows(), samplePublishedRows());
}
