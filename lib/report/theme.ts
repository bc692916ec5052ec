/**
 * How large a figure is and how heavy its type and lines: for a paper's column or page, or for
 * slides. Colours, dashes and markers are the same in every theme and stand in `style.ts`.
 */

import { OptionError } from "../errors.ts";

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

/** A width: `"column"`, `"page"`, millimetres as in `"84mm"`, or a number of millimetres. */
export type FigureWidth = "column" | "page" | `${number}mm` | number;

/** How a figure is to be set; every figure takes these. */
export interface FigureOptions {
  /** Default: `"page"`. */
  readonly width?: FigureWidth;
  /** Default: `"paper"`. */
  readonly theme?: ThemeName;
}

/** A width in pixels with the theme to fill it. */
export interface FigureFrame {
  readonly width: number;
  readonly theme: Theme;
}

/**
 * Reads the options of a figure.
 *
 * @param prefix of option names in errors: `"--"` for those of a command line
 * @throws {OptionError} if the theme is unknown, or the width is malformed or out of bounds.
 */
export function figureFrame(
  { width = "page", theme: name = "paper" }: { readonly width?: unknown; readonly theme?: unknown },
  prefix = "",
): FigureFrame {
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
    return { width: Math.round(pixels(millimetres)), theme };
  }
  throw new OptionError({
    problem: "is no width of a figure",
    option: `${prefix}width`,
    value: width,
    expected: `${Object.keys(widths).join(", ")}, or ${least}mm to ${widest}mm in theme '${name}'`,
  });
}

/** `NaN` for what is no width. */
function widthInMillimetres(width: unknown): number {
  if (typeof width === "number") return width;
  const text = String(width);
  if (Object.hasOwn(widths, text)) return widths[text as keyof typeof widths];
  return /^\d+(\.\d+)?mm$/.test(text) ? parseFloat(text) : NaN;
}

/** Millimetres on paper as CSS pixels. */
export function pixels(millimetres: number): number {
  return millimetres / 25.4 * 96;
}
