/**
 * Where the panels of a figure lie: side by side where there is room, else below each other. Every
 * size follows from the theme's type and from measured text, so that nothing overlaps or is cut
 * whatever the width. All lengths are pixels.
 */

import type { FigureFrame, Theme } from "./theme.ts";
import { type AxisScale, shareOf } from "./axis.ts";
import { lineHeight, linesOf, widthOf } from "./text_lines.ts";

/** What stands around the data of one panel. */
export interface Panel {
  /** In bold: whose numbers these are, or what of them; empty where that is said elsewhere. */
  readonly title: string;
  /** Below it: the pair they were measured on. */
  readonly subtitle: string;
  readonly x: AxisScale;
  readonly y: AxisScale;
  readonly xTitle: string;
  readonly yTitle: string;
  /** Published numbers stand on a tinted ground, so that nobody takes them for ours. */
  readonly published?: boolean;
  /** Width against the other panels beside it. */
  readonly share: number;
  /** Share of the width at which the x axis ends; default: where the panel does. */
  readonly apart?: number | null;
  /** Whether the panel below it, in a column, has the same x axis, which then is not marked twice. */
  readonly isJoined?: boolean;
  /** Whether the x axis' marks are names, which all stand, in lines as wide as their share of the axis. */
  readonly hasNames?: boolean;
}

/** A panel's inside, from the figure's top left, and its texts as broken to fit. */
export interface PanelPlace {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly title: readonly string[];
  readonly subtitle: readonly string[];
  readonly xTitle: readonly string[];
  readonly yTitle: readonly string[];
  /** Lines of each mark of an x axis of names. */
  readonly names: readonly (readonly string[])[];
  /** Free space between its headings and the panel, so that titles side by side are level. */
  readonly lift: number;
  /** Whether the x axis has texts. */
  readonly isMarked: boolean;
}

/** The places of all panels and the height that they take together. */
export interface PanelPlaces {
  readonly places: readonly PanelPlace[];
  readonly height: number;
}

/** Width in ems that panels side by side have each. */
const sideBySide = 20;

/** Height of a panel in ems, between its bounds, and as a share of its width. */
const panelHeight = { least: 12, most: 16.3, share: 0.45, leastShare: 0.25 };

/** The same where panels stand below each other, so that all of them fit a column of a paper. */
const stackedHeight = { ...panelHeight, least: 9.5, share: 0.36 };

/** Free space: at the right of a panel, between rows of panels, beside texts; between names in ems. */
export const gaps = { right: 8, rows: 10, standoff: 5, labels: 3, headings: 3, names: 0.5 };

/** Whether panels stand below each other, for they would be too narrow side by side. */
function isColumn(count: number, { width, theme }: FigureFrame): boolean {
  return width < sideBySide * theme.body * count;
}

/** Share of a panel's width that is left once its y axis has its texts. */
const inside = 0.8;

/**
 * About how wide a panel's inside will be, before its axes are known.
 *
 * @param share of the width against the other panels beside it, all of which sum to 1
 * @param count of all panels
 */
export function aboutWidth(share: number, count: number, frame: FigureFrame): number {
  return inside * frame.width * (isColumn(count, frame) ? 1 : share);
}

/** Places panels from left to right, or from top to bottom where they would be too narrow. */
export function placePanels(panels: readonly Panel[], frame: FigureFrame): PanelPlaces {
  return isColumn(panels.length, frame) ? inColumn(panels, frame) : inRow(panels, frame);
}

function inRow(panels: readonly Panel[], { width, theme }: FigureFrame): PanelPlaces {
  const shares = panels.reduce((sum, { share }) => sum + share, 0);
  // The titles of the y axes take lines by the panels' height, which follows from their width.
  const height = heightOf(width * panels[0].share / shares, theme);
  const before = panels.map((panel) => spaceBefore(panel, height, theme));
  const after = panels.map((panel) => spaceAfter(panel, theme));
  const rest = width - [...before, ...after].reduce((sum, each) => sum + each, 0);
  const widths = panels.map(({ share }) => Math.floor(rest * share / shares));
  const texts = panels.map((panel, index) => textsOf(panel, widths[index], height, theme));
  const subtitles = Math.max(...texts.map(({ subtitle }) => subtitle.length));
  const lifts = texts.map(({ subtitle }) =>
    (subtitles - subtitle.length) * lineHeight * theme.body
  );
  const top = Math.max(...texts.map((each, index) => spaceAbove(each, theme) + lifts[index]));
  let left = 0;
  const places = panels.map((_, index) => {
    left += before[index];
    const place = {
      ...texts[index],
      left,
      top,
      width: widths[index],
      height,
      lift: lifts[index],
      isMarked: true,
    };
    left += widths[index] + after[index];
    return place;
  });
  const below = Math.max(...texts.map((each) => spaceBelow(each, theme)));
  return { places, height: top + height + below };
}

/** In a column, all panels start at one line. */
function inColumn(panels: readonly Panel[], { width, theme }: FigureFrame): PanelPlaces {
  const height = heightOf(width, theme, panels.length > 1 ? stackedHeight : panelHeight);
  const left = Math.max(...panels.map((panel) => spaceBefore(panel, height, theme)));
  const right = Math.max(...panels.map((panel) => spaceAfter(panel, theme)));
  const free = width - left - right;
  let bottom = 0;
  const places = panels.map((panel, index) => {
    const texts = textsOf(panel, free, height, theme);
    const top = bottom + (index > 0 ? gaps.rows : 0) + spaceAbove(texts, theme);
    const isMarked = panel.isJoined !== true;
    bottom = top + height + (isMarked ? spaceBelow(texts, theme) : theme.tick);
    return { ...texts, left, top, width: free, height, lift: 0, isMarked };
  });
  return { places, height: bottom };
}

function heightOf(width: number, { body }: Theme, bounds = panelHeight): number {
  const { least, most, share, leastShare } = bounds;
  const usual = Math.min(most * body, Math.max(least * body, share * width));
  return Math.round(Math.max(usual, leastShare * width));
}

type Texts = Pick<PanelPlace, "title" | "subtitle" | "xTitle" | "yTitle" | "names">;

function textsOf(panel: Panel, width: number, height: number, { body, title }: Theme): Texts {
  return {
    title: panel.title ? linesOf(panel.title, width, { size: title, bold: true }) : [],
    subtitle: panel.subtitle ? linesOf(panel.subtitle, width, { size: body }) : [],
    xTitle: linesOf(panel.xTitle, width, { size: body }),
    yTitle: linesOf(panel.yTitle, height, { size: body }),
    names: panel.hasNames
      ? panel.x.ticks.texts.map((text, _, { length }) =>
        linesOf(text, width / length - gaps.names * body, { size: body })
      )
      : [],
  };
}

/** Left of a panel: the y axis' marks, their texts and its title. */
function spaceBefore({ y, yTitle }: Panel, height: number, { body, tick }: Theme): number {
  const numbers = Math.max(...y.ticks.texts.map((text) => widthOf(text, { size: body })));
  const lines = linesOf(yTitle, height, { size: body }).length;
  return Math.ceil(tick + gaps.labels + numbers + gaps.standoff + lines * lineHeight * body);
}

/** Right of a panel: what the text of the last mark on its x axis needs beyond the axis' end. */
function spaceAfter({ x, hasNames }: Panel, { body }: Theme): number {
  if (hasNames) return gaps.right;
  const over = x.ticks.values.map((value, index) => {
    const half = widthOf(x.ticks.texts[index], { size: body }) / 2;
    // No panel is narrower than its least height.
    return half - (1 - shareOf(x, value)) * panelHeight.least * body;
  });
  return Math.ceil(Math.max(gaps.right, ...over.map((each) => each + gaps.labels)));
}

function spaceAbove({ title, subtitle }: Texts, theme: Theme): number {
  const lines = title.length * theme.title + subtitle.length * theme.body;
  return Math.ceil(lines * lineHeight + gaps.headings);
}

/** Below a panel: the x axis' marks, their texts and its title. */
function spaceBelow({ xTitle, names }: Texts, { body, tick }: Theme): number {
  const marks = Math.max(1, ...names.map(({ length }) => length));
  const lines = (marks + xTitle.length) * lineHeight * body;
  return Math.ceil(tick + gaps.labels + lines + gaps.standoff);
}
