/**
 * The one look of all figures: font, colours, dashes, markers. Sizes stand in `theme.ts`.
 *
 * Colours were found by search: of all with these lightnesses and about these hues, those whose
 * nearest two are farthest apart (CIEDE2000) for normal sight and for each kind of colour-blindness.
 * Lightness (CIE L*) climbs in equal steps, so that they stay apart in grey; dashes and markers
 * differ too.
 */

import type { LayerKind } from "../studies/anatomy_of_a_delta/layer_kind.ts";
import type { Method, Variant } from "../studies/activation_aware_bitdelta/rows.ts";

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

const uncalibrated: Record<string, SeriesLook> = {
  base: { label: "base", colour: "#5c5c5c", dash: "dot", marker: "x", open: false },
  fine: { label: "fine-tune", colour: "#000000", dash: "solid", marker: "diamond", open: false },
  initial: {
    label: "initial",
    colour: "#b5668f",
    dash: "dashdot",
    marker: "triangle-up",
    open: false,
  },
};

const colours: Record<string, Record<Variant, string>> = {
  distilled: { "study-faithful": "#de9723", corrected: "#b94701" },
  "activation-aware": { "study-faithful": "#5698e4", corrected: "#004e7a" },
};

/**
 * The look of a method in one of its variants, the same in every figure. Study-faithful lines are
 * dashed with open markers, corrected ones solid with full markers.
 */
export function seriesLook(method: Method, variant: Variant | null): SeriesLook {
  if (method in uncalibrated) return uncalibrated[method];
  const corrected = variant === "corrected";
  return {
    label: variant ? `${method}, ${variant}` : method,
    colour: colours[method][variant ?? "study-faithful"],
    dash: corrected ? "solid" : "dash",
    marker: method === "distilled" ? "square" : "circle",
    open: !corrected,
  };
}

/** The look of a distribution that others are held against, lighter than any and behind them. */
export const normalLook: SeriesLook = {
  label: "normal",
  colour: "#bdbdbd",
  dash: "solid",
  marker: "circle",
  open: false,
};

/** The looks of the kinds of linear layers; those of one panel are farther apart than the rest. */
export const layerKindLooks: Readonly<Record<LayerKind, SeriesLook>> = {
  q: { label: "q", colour: "#003e5d", dash: "solid", marker: "circle", open: false },
  k: { label: "k", colour: "#6b5300", dash: "dash", marker: "square", open: true },
  v: { label: "v", colour: "#777777", dash: "dot", marker: "diamond", open: false },
  o: { label: "o", colour: "#c282c9", dash: "dashdot", marker: "triangle-up", open: true },
  gate: { label: "gate", colour: "#444444", dash: "longdash", marker: "circle", open: true },
  up: { label: "up", colour: "#8654b9", dash: "longdashdot", marker: "square", open: false },
  down: { label: "down", colour: "#c28700", dash: "solid", marker: "diamond", open: true },
};

/**
 * Looks for series of a user's own, by their order: those of the methods, then others of our palette. The
 * first four stay apart in grey too.
 */
export const seriesLooks: readonly Omit<SeriesLook, "label">[] = [
  seriesLook("activation-aware", "corrected"),
  seriesLook("distilled", "study-faithful"),
  uncalibrated.initial,
  seriesLook("activation-aware", "study-faithful"),
  seriesLook("distilled", "corrected"),
  uncalibrated.fine,
  layerKindLooks.k,
  layerKindLooks.up,
];
