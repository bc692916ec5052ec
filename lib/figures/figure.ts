/**
 * A figure as data: what plotly.js draws, as plain JSON. Not a picture; `export/` makes those.
 */

import { InputError } from "../util/errors.ts";
import { hasNumbers, numbersSaid } from "./characters.ts";

/** Rows that cannot be drawn or tabulated, or a figure that plotly.js cannot render. */
export class ReportError extends InputError {}

/** A value that JSON can hold. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json };

/** A plotly trace, layout or part of one: its attributes by their names in plotly's reference. */
export type Attributes = { readonly [attribute: string]: Json };

/** A plotly figure of fixed size; one pixel is 1/96 inch on paper. */
export interface Figure {
  /** Traces. */
  readonly data: readonly Attributes[];
  /** Axes, legend and all else, with the size in pixels. */
  readonly layout: Attributes & { readonly width: number; readonly height: number };
}

/**
 * A caption that also says what numbers stand for, where names in its figure have them.
 *
 * @example
 * ```ts
 * import { captionOf, seriesFigure } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const rows = [{ series: "loss", x: 1, y: 2 }, { series: "loss", x: 2, y: 1 }];
 * const figure = seriesFigure(rows, { xTitle: "Step", yTitle: "Loss" });
 * assert.equal(captionOf(figure, "The loss."), "The loss.");
 * ```
 */
export function captionOf(figure: Figure, caption: string): string {
  const texts = JSON.stringify([figure.layout, figure.data.map(({ name }) => name ?? "")]);
  return hasNumbers(texts) ? `${caption} ${numbersSaid}` : caption;
}
