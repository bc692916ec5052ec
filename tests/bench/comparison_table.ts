/** Comparisons as a table, and as records of a JSON file. */

import type { Table } from "../../lib/tables/table.ts";
import { advantage, type Comparison, keepsBound } from "./comparison.ts";

/** A comparison with what follows from it. */
export function describedRow(row: Comparison) {
  return { ...row, ratio: advantage(row), keepsBound: keepsBound(row) };
}

/** Comparisons on an engine. */
export function comparisonTable(rows: readonly Comparison[], engine: string): Table {
  return {
    title: `Benchmarks on ${engine}`,
    columns: ["", "Unit", "Ours", "Peer", "Ratio", "Bound", "Peer is"].map((name) => ({ name })),
    rows: rows.map((row) => [
      row.what,
      row.unit,
      short(row.ours),
      short(row.peer),
      short(advantage(row)),
      boundOf(row),
      row.peerIs,
    ]),
    note:
      "Fastest of several runs. Ratio: how many times better ours is; of runs in turns, the median. " +
      "Products beside other programs: a long chain of them less a short one.",
  };
}

function short(value: number | null): number | null {
  return value === null ? null : Number(value.toPrecision(3));
}

/** `"≥ 2 × peer: kept"`; several limits are joined by `and`. */
function boundOf(row: Comparison): string | null {
  const { bound, timesPeer, better } = row;
  const limits = [
    ...bound === null ? [] : [`${bound}`],
    ...timesPeer === undefined ? [] : [`${short(timesPeer)} × peer`],
  ];
  if (limits.length === 0) return null;
  const keeps = keepsBound(row);
  const verdict = keeps === null ? "not compared" : keeps ? "kept" : "missed";
  return `${better === "higher" ? "≥" : "≤"} ${limits.join(" and ")}: ${verdict}`;
}
