/**
 * The one look of all figures: sizes on paper, type, colours. Colours are Okabe and Ito's, told
 * apart by colour-blind readers; dashes and markers differ too, for print in grey.
 */

import type { Method, Variant } from "./rows.ts";

/** The font of all text: `export/fonts.ts` brings its files. */
export const fontFamily = "Source Sans 3";

/** Widths of a paper's column and of its whole page, in millimetres. */
export const paperWidth = { single: 85, double: 175 } as const;

/** Millimetres on paper as CSS pixels (96 an inch), whole. */
export function pixels(millimetres: number): number {
  return Math.round(millimetres / 25.4 * 96);
}

const points = (size: number) => size / 72 * 96;

/** Type sizes in CSS pixels: 8 pt for all text, 9 pt for the titles of panels. */
export const textSize = { body: points(8), title: points(9) } as const;

/** Inks that stand for no method; `published` is the ground of panels with others' numbers. */
export const ink = { text: "#222222", axis: "#555555", grid: "#e6e6e6", published: "#f6f3eb" };

/** How the points and lines of one series look. */
export interface SeriesLook {
  readonly label: string;
  readonly colour: string;
  /** A dash by plotly's name. */
  readonly dash: "solid" | "dash" | "dot" | "dashdot";
  /** A marker by plotly's name, and whether it is drawn as an outline. */
  readonly marker: string;
  readonly open: boolean;
}

const uncalibrated: Record<string, SeriesLook> = {
  base: { label: "base", colour: "#777777", dash: "dot", marker: "x", open: false },
  fine: { label: "fine-tune", colour: "#000000", dash: "solid", marker: "diamond", open: false },
  initial: {
    label: "initial",
    colour: "#cc79a7",
    dash: "dashdot",
    marker: "triangle-up",
    open: false,
  },
};

const colours: Record<string, Record<Variant, string>> = {
  distilled: { "study-faithful": "#e69f00", corrected: "#d55e00" },
  "activation-aware": { "study-faithful": "#56b4e9", corrected: "#0072b2" },
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
