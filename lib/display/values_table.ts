/** A few numbers with their names, as a table of two columns. */

import type { Table } from "../tables/table.ts";
import { significant } from "../util/numbers.ts";

/**
 * One row a quantity: numbers with four significant digits, whole numbers and texts as they are.
 *
 * @param values by name, with the unit: `"‖Δ‖"`, `"Wall clock (s)"`
 */
export function valuesTable(
  title: string,
  values: Readonly<Record<string, number | string>>,
  note?: string,
): Table {
  const text = (value: number | string) =>
    typeof value === "string" || Number.isSafeInteger(value) ? String(value) : significant(value);
  return {
    title,
    columns: [{ name: "Quantity" }, { name: "Value" }],
    rows: Object.entries(values).map(([name, value]) => [name, text(value)]),
    ...(note === undefined ? {} : { note }),
  };
}
