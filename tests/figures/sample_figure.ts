/** A figure with all that ours are made of: curves, error bars, lines, panels, words, a legend. */

import type { Figure } from "../../lib/figures/figure.ts";
import { calibrationSizeFigure } from "../../lib/studies/activation_aware_bitdelta/figures/calibration_size.ts";
import {
  sampleCalibrationRows,
  samplePublishedRows,
} from "../studies/activation_aware_bitdelta/sample_rows.ts";

export function sampleFigure(): Figure {
  return calibrationSizeFigure("code", sampleCalibrationRows(), samplePublishedRows());
}
