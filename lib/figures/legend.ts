/**
 * A legend below a figure: in as many columns as make it low with few entries on two lines.
 */

import type { Attributes } from "./figure.ts";
import type { FigureFrame } from "./theme.ts";
import { lineHeight, linesOf, plotlyText, widthOf } from "./text_lines.ts";

/** What the legend names a series, and at which place. */
export interface LegendEntry {
  readonly name: string;
  readonly rank: number;
}

/** A legend that fits its figure. */
export interface Legend {
  /** One a label, in the order given. */
  readonly entries: readonly LegendEntry[];
  /** In pixels. */
  readonly height: number;
  /** Of the layout. */
  readonly attributes: Attributes;
}

/**
 * What plotly.js puts around an entry's text, in pixels: its line with the gaps beside it, the gap to
 * the next entry, its least height and the gap below.
 */
const plotlyEntry = { line: 40, between: 5, least: 16, below: 3 };

/** Free pixels at both sides of a legend, and above and below it together. */
const free = { sides: 8, around: 12 };

/** Lines of an entry at most, where any number of columns allows it. */
const mostLines = 2;

/** A further line of an entry counts as this many lines of height: entries are broken if it pays. */
const breakCost = 0.6;

/**
 * The legend of some series; of none it takes no room.
 *
 * @param groups labels of series that belong together: they stand below each other where there are
 * columns to do so
 */
export function legendBelow(
  groups: readonly (readonly string[])[],
  frame: FigureFrame,
): Legend {
  const count = groups.flat().length;
  if (count === 0) return { entries: [], height: 0, attributes: {} };
  const candidates = Array.from({ length: count }, (_, index) => grid(groups, index + 1, frame))
    .filter((each) => each !== null);
  const fitting = candidates.filter(({ lines }) => lines <= mostLines);
  const cost = ({ height, furtherLines }: typeof candidates[number]) =>
    height + furtherLines * breakCost * lineHeight * frame.theme.body;
  const { entries, height, entryWidth } = (fitting.length > 0 ? fitting : candidates.slice(0, 1))
    .reduce((a, b) => cost(b) < cost(a) ? b : a);
  return {
    entries,
    height,
    attributes: {
      orientation: "h",
      xref: "container",
      x: 0.5,
      xanchor: "center",
      yref: "container",
      y: 0,
      yanchor: "bottom",
      entrywidth: entryWidth,
      entrywidthmode: "pixels",
      itemsizing: "trace",
      font: { size: frame.theme.body },
      bgcolor: "rgba(0,0,0,0)",
    },
  };
}

/** The legend in so many columns; `null` if they leave no room for text, or one would stay empty. */
function grid(
  groups: readonly (readonly string[])[],
  columns: number,
  { width, theme }: FigureFrame,
) {
  const labels = groups.flat();
  const order = readingOrder(groups, columns);
  const rows = Math.ceil(order.length / columns);
  const room = Math.floor((width - free.sides) / columns) - plotlyEntry.line -
    plotlyEntry.between;
  if (room < theme.body || Math.ceil(labels.length / rows) !== columns) return null;
  const broken = labels.map((label) => linesOf(label, room, { size: theme.body }));
  const height = Array.from({ length: rows }, (_, row) => {
    const cells = order.slice(row * columns, (row + 1) * columns).map((index) => broken[index]);
    const text = Math.max(...cells.map(({ length }) => length)) * lineHeight * theme.body;
    return Math.max(text, plotlyEntry.least) + plotlyEntry.below;
  }).reduce((sum, each) => sum + each, free.around);
  return {
    entries: broken.map((lines, index) => ({
      name: plotlyText(lines),
      rank: order.indexOf(index) + 1,
    })),
    height: Math.ceil(height),
    lines: Math.max(...broken.map(({ length }) => length)),
    furtherLines: broken.reduce((sum, { length }) => sum + length - 1, 0),
    // Plotly.js puts as many entries into a row as fit: wide enough that no further one does.
    entryWidth: Math.ceil(Math.max(
      ...broken.flat().map((line) => widthOf(line, { size: theme.body })),
      rows > 1 ? width / (columns + 1) - plotlyEntry.line : 0,
    )),
  };
}

/**
 * Indices of labels row by row, as plotly.js fills a legend: down the columns, a group a column where
 * there are as many. It leaves no holes, so that the longest columns must come first.
 */
function readingOrder(groups: readonly (readonly string[])[], columns: number): number[] {
  const indices = groups.flat().map((_, index) => index);
  const lengths = columns === groups.length
    ? groups.map(({ length }) => length)
    : Array.from({ length: columns }, (_, at) => Math.ceil((indices.length - at) / columns));
  let start = 0;
  const filled = lengths.map((length) => indices.slice(start, start += length))
    .sort((a, b) => b.length - a.length);
  return filled[0].flatMap((_, row) => filled.flatMap((column) => column[row] ?? []));
}
