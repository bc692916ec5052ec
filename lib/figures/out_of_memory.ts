/**
 * Marks for what ran out of memory: a cross in the series' colour at the top of its panel, with words
 * below the crosses of neighbouring batch sizes.
 */

import type { Attributes } from "./figure.ts";
import type { WallClockRow } from "../studies/activation_aware_bitdelta/rows.ts";
import { seriesLook } from "./style.ts";
import type { Theme } from "./theme.ts";
import { plotlyValue, shareOf } from "./axis_scale.ts";
import type { Rectangle } from "./direct_labels.ts";
import type { Series } from "./group_series.ts";
import type { PlacedPanel } from "./panels.ts";
import { lineHeight, widthOf } from "./text_lines.ts";

/** The marks of one panel, and where they stand. */
export interface Failures {
  readonly annotations: readonly Attributes[];
  readonly boxes: readonly Rectangle[];
}

const words = ["out of", "memory"];

/** Size of a cross against that of the words. */
const crossSize = 1.4;

/** Marks all rows that have no seconds; the crosses of one batch size stand beside each other. */
export function outOfMemory(
  series: readonly Series<WallClockRow>[],
  panel: PlacedPanel,
  theme: Theme,
): Failures {
  const failed = series.flatMap(({ rows }) => rows.filter(({ seconds }) => seconds === null));
  const sizes = [...new Set(failed.map(({ batchSize }) => batchSize))].sort((a, b) => a - b);
  const width = Math.max(...words.map((word) => widthOf(word, { size: theme.body })));
  const crossHeight = lineHeight * crossSize * theme.body;
  const height = crossHeight + words.length * lineHeight * theme.body;
  const common = {
    xref: panel.axes.xaxis,
    yref: `${panel.axes.yaxis} domain`,
    y: 1,
    yanchor: "top",
    showarrow: false,
    borderpad: 0,
  };
  let free = -Infinity;
  const marks = sizes.map((size) => {
    const centre = shareOf(panel.x, size) * panel.width;
    const left = Math.min(Math.max(centre - width / 2, 0), panel.width - width);
    const crosses = failed.filter(({ batchSize }) => batchSize === size).map((row) =>
      `<b><span style="color:${seriesLook(row.method, row.variant).colour}">×</span></b>`
    );
    const x = plotlyValue(panel.x, size);
    const cross = { ...common, x, text: crosses.join(""), font: { size: crossSize * theme.body } };
    // Words that would run into those before them are left out: the cross says the same.
    if (left < free) return { annotations: [cross], box: null };
    free = left + width + theme.body / 2;
    const said = {
      ...common,
      text: words.join("<br>"),
      x,
      xshift: left + width / 2 - centre,
      yshift: -crossHeight,
    };
    return {
      annotations: [cross, said],
      box: { left, top: 0, right: left + width, bottom: height },
    };
  });
  return {
    annotations: marks.flatMap(({ annotations }) => annotations),
    boxes: marks.flatMap(({ box }) => box ?? []),
  };
}
