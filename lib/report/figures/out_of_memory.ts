/**
 * Marks for what ran out of memory: a cross in the series' colour at the top of its panel, with words
 * below the crosses of neighbouring batch sizes.
 */

import type { Attributes } from "../figure.ts";
import type { WallClockRow } from "../rows.ts";
import { seriesLook } from "../style.ts";
import type { Theme } from "../theme.ts";
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

/** Marks all rows that have no seconds; the crosses of one batch size stand beside each other. */
export function outOfMemory(
  series: readonly Series<WallClockRow>[],
  panel: PlacedPanel,
  theme: Theme,
): Failures {
  const failed = series.flatMap(({ rows }) => rows.filter(({ seconds }) => seconds === null));
  const sizes = [...new Set(failed.map(({ batchSize }) => batchSize))].sort((a, b) => a - b);
  const type = { size: theme.body };
  const width = Math.max(...words.map((word) => widthOf(word, type)));
  const height = (1 + words.length) * lineHeight * theme.body;
  let free = -Infinity;
  const marks = sizes.map((size) => {
    const centre = shareOf(panel.x, size) * panel.width;
    // Words that would run into those before them are left out: the cross says the same.
    const named = centre - width / 2 > free;
    if (named) free = centre + width / 2 + theme.body / 2;
    const crosses = failed.filter(({ batchSize }) => batchSize === size).map((row) =>
      `<b><span style="color:${seriesLook(row.method, row.variant).colour}">×</span></b>`
    );
    return {
      annotation: {
        text: [crosses.join(" "), ...named ? words : []].join("<br>"),
        xref: panel.axes.xaxis,
        x: plotlyValue(panel.x, size),
        xanchor: "center",
        yref: `${panel.axes.yaxis} domain`,
        y: 1,
        yanchor: "top",
        showarrow: false,
        borderpad: 0,
      },
      box: { left: centre - width / 2, top: 0, right: centre + width / 2, bottom: height },
    };
  });
  return {
    annotations: marks.map(({ annotation }) => annotation),
    boxes: marks.map(({ box }) => box),
  };
}
