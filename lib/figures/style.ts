/**
 * The one look of all figures: font, colours, dashes, markers. Sizes stand in `theme.ts`, and which model has
 * which look in `models.ts`.
 */

import type { Hue, Marker } from "../methods/method.ts";

/** The font of all text: `export/fonts.ts` brings its files. */
export const fontFamily = "Source Sans 3";

/** As CSS, for readers without that font too; in quotes, for a bare word of CSS has no digit first. */
export const fontStack = `"${fontFamily}", sans-serif`;

/** Inks that stand for no series; `published` is the ground of panels with others' numbers. */
export const ink = { text: "#222222", axis: "#555555", grid: "#e6e6e6", published: "#f6f3eb" };

/** Lengths of dashes and gaps by turns, in widths of the line. */
const dashes = {
  solid: [],
  dash: [4.5, 2.5],
  dot: [1.2, 1.6],
  dashdot: [5, 1.8, 1.2, 1.8],
  longdash: [9, 2.5],
  longdashdot: [9, 1.8, 1.2, 1.8],
} as const;

/** The name of a kind of line. */
export type Dash = keyof typeof dashes;

/** A dash as plotly wants it, for a line so many pixels wide; plotly's own are coarse on thin lines. */
export function dashPattern(dash: Dash, width: number): string {
  const lengths: readonly number[] = dashes[dash];
  return lengths.length
    ? lengths.map((each) => `${(each * width).toFixed(2)}px`).join(",")
    : "solid";
}

/** How the points and lines of one series look. */
export interface SeriesLook {
  readonly label: string;
  readonly colour: string;
  readonly dash: Dash;
  /** A marker by plotly's name, and whether it is drawn as an outline. */
  readonly marker: string;
  readonly open: boolean;
}

/** Every marker, those that are told apart best first. */
export const markers: readonly Marker[] = [
  "circle",
  "square",
  "triangle-up",
  "diamond",
  "star",
  "cross",
  "triangle-down",
  "x",
  "triangle-left",
  "triangle-right",
  "hourglass",
  "bowtie",
];

/** A hue in two lightnesses. */
export interface Shades {
  readonly light: string;
  readonly dark: string;
}

/**
 * Colours of methods, found by search: of all that stand out from white (contrast 2.4) and have two shades of
 * about one hue, those whose nearest two are farthest apart (CIEDE2000) for normal sight and for each kind of
 * colour-blindness, black and {@linkcode baseGrey} among them. Hues were added one after another, each the
 * farthest from those before it: the first three stay apart in grey too, where lightness (CIE L*) climbs by
 * steps; of many, dashes and markers tell the rest.
 */
export const palette: Readonly<Record<Hue, Shades>> = {
  blue: { light: "#5698e4", dark: "#004e7a" },
  orange: { light: "#de9723", dark: "#b94701" },
  pink: { light: "#d293b1", dark: "#b5668f" },
  violet: { light: "#a486b6", dark: "#8654b9" },
  green: { light: "#9cac6a", dark: "#1c3114" },
  red: { light: "#fa133a", dark: "#95063c" },
  indigo: { light: "#6766fd", dark: "#470572" },
  ochre: { light: "#957e44", dark: "#4c3b00" },
  teal: { light: "#3eb48f", dark: "#2b7f76" },
  magenta: { light: "#cd14dc", dark: "#423353" },
  rose: { light: "#ef4171", dark: "#73393f" },
  maroon: { light: "#ce8079", dark: "#630520" },
  gold: { light: "#b38208", dark: "#786639" },
  purple: { light: "#8f6eb7", dark: "#4f16a9" },
};

/** The colour of a base, which stands behind what is compared. */
export const baseGrey = "#5c5c5c";

/**
 * Looks for series of a user's own, by their order. The first four stay apart in grey too.
 */
export const seriesLooks: readonly Omit<SeriesLook, "label">[] = [
  { colour: palette.blue.dark, dash: "solid", marker: "circle", open: false },
  { colour: palette.orange.light, dash: "dash", marker: "square", open: true },
  { colour: palette.pink.dark, dash: "dashdot", marker: "triangle-up", open: false },
  { colour: palette.blue.light, dash: "dash", marker: "circle", open: true },
  { colour: palette.orange.dark, dash: "solid", marker: "square", open: false },
  { colour: "#000000", dash: "solid", marker: "diamond", open: false },
  { colour: "#6b5300", dash: "dash", marker: "square", open: true },
  { colour: palette.violet.dark, dash: "longdashdot", marker: "square", open: false },
];
