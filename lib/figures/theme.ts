/**
 * How large a figure is and how heavy its type and lines: for a paper's column or page, or for
 * slides. Colours, dashes and markers are the same in every theme and stand in `style.ts`.
 */

import { OptionError } from "../util/errors.ts";

/** Type and strokes of a figure, in CSS pixels (96 an inch). */
export interface Theme {
  /** Type of labels, ticks and legends; no smaller type is used. */
  readonly body: number;
  /** Type of the titles of panels. */
  readonly title: number;
  /** Lines of data. */
  readonly line: number;
  /** Diameter of markers, and the outline of open ones. */
  readonly marker: number;
  readonly markerOutline: number;
  /** Error bars: their stroke and half the length of their caps. */
  readonly errorBar: number;
  readonly errorCap: number;
  /** Axes, ticks and grid. */
  readonly axis: number;
  readonly tick: number;
}

const points = (size: number) => size / 72 * 96;

const themes = {
  /** For print: 8 pt type, thin lines. */
  paper: {
    body: points(8),
    title: points(9),
    line: 1.4,
    marker: 5.5,
    markerOutline: 1.2,
    errorBar: 1,
    errorCap: 2.5,
    axis: 0.75,
    tick: 3,
  },
  /** For slides, read from afar: 12 pt type, lines twice as thick. */
  talk: {
    body: points(12),
    title: points(13),
    line: 2.6,
    marker: 9.5,
    markerOutline: 2.2,
    errorBar: 1.8,
    errorCap: 4.5,
    axis: 1.2,
    tick: 5,
  },
} as const satisfies Record<ThemeName, Theme>;

/** The name of a theme. */
export type ThemeName = "paper" | "talk";

/** Widths by name, in millimetres: a paper's column and its whole page between the margins. */
const widths = { column: 85, page: 175 } as const;

/** Bounds of a width, in ems and in millimetres: narrower, a panel would have no room for its marks. */
const narrowest = 19.5;
const widest = 1000;

const millimetresPerInch = 25.4;

/** A width: `"column"`, `"page"`, `"84mm"`, `"3.3in"`, or a number of millimetres. */
export type FigureWidth = "column" | "page" | `${number}mm` | `${number}in` | number;

/** Which panels a figure has: our numbers beside the study's, or ours alone. */
export type FigurePanels = "all" | "measured";

const panelChoices: readonly FigurePanels[] = ["all", "measured"];

/** How a figure is to be set; every figure takes these. */
export interface FigureOptions {
  /** Default: `"page"`. */
  readonly width?: FigureWidth;
  /** Default: `"paper"`. */
  readonly theme?: ThemeName;
  /** Of figures that also show the study's numbers. Default: `"all"`. */
  readonly panels?: FigurePanels;
}

/** A width in pixels with the theme to fill it, and with what. */
export interface FigureFrame {
  readonly width: number;
  readonly theme: Theme;
  readonly panels: FigurePanels;
}

/**
 * Checks the options of a figure before there is one to draw.
 *
 * @param prefix of option names in errors: `"--"` for those of a command line
 * @throws {OptionError} if the theme or panels are unknown, or the width is malformed or out of bounds.
 *
 * @example
 * ```ts
 * import { checkFigureOptions, OptionError } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * checkFigureOptions({ width: "84mm", theme: "talk" });
 * assert.throws(() => checkFigureOptions({ width: "1mm" }), OptionError);
 * ```
 */
export function checkFigureOptions(options: FigureOptions, prefix = ""): void {
  figureFrame(options, prefix);
}

/**
 * Reads the options of a figure.
 *
 * @param prefix of option names in errors: `"--"` for those of a command line
 * @throws {OptionError} if the theme or panels are unknown, or the width is malformed or out of bounds.
 */
export function figureFrame(
  { width = "page", theme: name = "paper", panels = "all" }: {
    readonly [option in keyof FigureOptions]: unknown;
  },
  prefix = "",
): FigureFrame {
  if (!panelChoices.includes(panels as FigurePanels)) {
    throw new OptionError({
      problem: "names no panels",
      option: `${prefix}panels`,
      value: panels,
      expected: panelChoices.join(" or "),
    });
  }
  if (typeof name !== "string" || !Object.hasOwn(themes, name)) {
    throw new OptionError({
      problem: "names no theme",
      option: `${prefix}theme`,
      value: name,
      expected: Object.keys(themes).join(" or "),
    });
  }
  const theme = themes[name as ThemeName];
  const least = Math.ceil(narrowest * theme.body / pixels(1));
  const millimetres = widthInMillimetres(width);
  if (millimetres >= least && millimetres <= widest) {
    return { width: Math.round(pixels(millimetres)), theme, panels: panels as FigurePanels };
  }
  throw new OptionError({
    problem: "is no width of a figure",
    option: `${prefix}width`,
    value: width,
    expected: `${
      Object.keys(widths).join(", ")
    }, or ${least}mm to ${widest}mm (or inches, as 3.3in) in theme '${name}'`,
  });
}

/** `NaN` for what is no width. */
function widthInMillimetres(width: unknown): number {
  if (typeof width === "number") return width;
  const text = String(width);
  if (Object.hasOwn(widths, text)) return widths[text as keyof typeof widths];
  const [, size, unit] = /^(\d+(?:\.\d+)?)(mm|in)$/.exec(text) ?? [];
  return Number(size) * (unit === "in" ? millimetresPerInch : 1);
}

/** Millimetres on paper as CSS pixels. */
export function pixels(millimetres: number): number {
  return millimetres / millimetresPerInch * 96;
}
