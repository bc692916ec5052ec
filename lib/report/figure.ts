/**
 * A figure as data: what plotly.js draws, as plain JSON. Not a picture; `export/` makes those.
 */

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
  readonly data: readonly Attributes[];
  readonly layout: Attributes & { readonly width: number; readonly height: number };
}
