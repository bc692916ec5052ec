/**
 * Marks for what has no value: a cross in the series' colour at the top of its panel, with words on why below
 * the crosses of neighbouring x.
 */

import { plotlyValue, shareOf } from "./axis.ts";
import type { Rectangle } from "./direct_labels.ts";
import type { Attributes } from "./figure.ts";
import type { PlacedPanel } from "./panels.ts";
import { lineHeight, plotlyText, widthOf } from "./text_lines.ts";
import type { Theme } from "./theme.ts";

/** A point without a value. */
export interface Missing {
  readonly x: number;
  /** Of its series. */
  readonly colour: string;
}

/** The marks of one panel, and where they stand. */
export interface Crosses {
  readonly annotations: readonly Attributes[];
  readonly boxes: readonly Rectangle[];
}

/** Size of a cross against that of the words. */
const crossSize = 1.4;

/**
 * Marks all points without a value; the crosses of one x stand beside each other.
 *
 * @param words why they have none, line by line
 */
export function crosses(
  missing: readonly Missing[],
  words: readonly string[],
  panel: PlacedPanel,
  theme: Theme,
): Crosses {
  const places = [...new Set(missing.map(({ x }) => x))].sort((a, b) => a - b);
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
  const marks = places.map((place) => {
    const centre = shareOf(panel.x, place) * panel.width;
    const left = Math.min(Math.max(centre - width / 2, 0), panel.width - width);
    const here = missing.filter(({ x }) => x === place);
    const signs = here.map(({ colour }) => `<b><span style="color:${colour}">×</span></b>`);
    const x = plotlyValue(panel.x, place);
    const cross = { ...common, x, text: signs.join(""), font: { size: crossSize * theme.body } };
    // Words that would run into those before them are left out: the cross says the same.
    if (left < free) return { annotations: [cross], box: null };
    free = left + width + theme.body / 2;
    const said = {
      ...common,
      text: plotlyText(words),
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
