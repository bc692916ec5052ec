/**
 * Rows as series: one a method and variant, in the order that legends name them.
 */

import { ReportError } from "./report_error.ts";
import type { Method, Variant } from "../studies/activation_aware_bitdelta/rows.ts";

/** What rows of every figure have. */
interface SeriesRow {
  readonly pair: string;
  readonly method: Method;
  readonly variant: Variant | null;
}

/** The rows of one method in one variant, by rising x. */
export interface Series<Row> {
  readonly method: Method;
  readonly variant: Variant | null;
  readonly rows: readonly Row[];
}

/** What belongs together in a legend. */
const groups: readonly (readonly Method[])[] = [
  ["activation-aware"],
  ["distilled"],
  ["fine", "initial", "base"],
];

const variants: readonly (Variant | null)[] = [null, "study-faithful", "corrected"];

const order = groups.flat().flatMap((method) =>
  variants.map((variant) => [method, variant] as const)
);

/**
 * Groups rows of one pair into series.
 *
 * @param x what a series is drawn against; `null` for a row that stands for all x
 * @param option what to call the rows in errors
 * @throws {ReportError} if there are no rows, rows of several pairs, or two rows for one point.
 */
export function groupSeries<Row extends SeriesRow>(
  rows: readonly Row[],
  x: (row: Row) => number | null,
  option: string,
): Series<Row>[] {
  const pairs = new Set(rows.map(({ pair }) => pair));
  if (pairs.size !== 1) {
    throw new ReportError({
      problem: pairs.size === 0 ? "there is nothing to draw" : "a panel shows one pair",
      option,
      value: [...pairs],
      expected: "rows of exactly one pair",
    });
  }
  return order.flatMap(([method, variant]) => {
    const own = rows.filter((row) => row.method === method && row.variant === variant);
    own.sort((a, b) => (x(a) ?? 0) - (x(b) ?? 0));
    own.forEach((row, index) => {
      if (index > 0 && x(row) === x(own[index - 1])) throw repeated(row, x(row), option);
    });
    return own.length ? [{ method, variant, rows: own }] : [];
  });
}

/** Series by what belongs together in a legend, in their order. */
export function legendGroups<One extends Series<unknown>>(series: readonly One[]): One[][] {
  return groups.map((methods) => series.filter(({ method }) => methods.includes(method)))
    .filter(({ length }) => length > 0);
}

function repeated({ method, variant }: SeriesRow, x: number | null, option: string): ReportError {
  return new ReportError({
    problem: `two rows of '${method}'${variant ? `, '${variant}',` : ""} for one point`,
    option,
    value: x,
    expected: "one row a point",
  });
}
