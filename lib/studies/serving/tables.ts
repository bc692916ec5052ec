/** Tables of serving: what its figures are drawn from. */

import type { Table } from "../../tables/table.ts";
import type { BatchRow, ServingRow } from "./measure.ts";

/**
 * Time and memory of each way for each number of tenants.
 *
 * @param served what is served on what, for the title.
 *
 * @example
 * ```ts
 * import { servingTable } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const row = { way: "base and deltas" as const, tenants: 2, milliseconds: 4, bytes: 1e6 };
 * assert.deepEqual(servingTable([row], "a model").rows, [["base and deltas", 2, 4, 2, 1]]);
 * ```
 */
export function servingTable(rows: readonly ServingRow[], served: string): Table {
  return {
    title: `A decoding step for all tenants, ${served}`,
    columns: [
      { name: "Served by" },
      { name: "Tenants", digits: 0 },
      { name: "One token for each (ms)", significant: 3 },
      { name: "For one of them (ms)", significant: 3 },
      { name: "Weights (MB)", significant: 4 },
    ],
    rows: rows.map(({ way, tenants, milliseconds, bytes }) => [
      way,
      tenants,
      milliseconds,
      milliseconds / tenants,
      bytes / 1e6,
    ]),
    note: "Weights: bytes where the engine computes, all that must lie there at once.",
  };
}

/**
 * Time of a step of one tenant against its sequences.
 *
 * @param served as of {@linkcode servingTable}.
 *
 * @example
 * ```ts
 * import { batchTable } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(batchTable([{ rows: 2, milliseconds: 4 }], "a model").rows, [[2, 4, 2]]);
 * ```
 */
export function batchTable(rows: readonly BatchRow[], served: string): Table {
  return {
    title: `A decoding step of one tenant, ${served}`,
    columns: [
      { name: "Sequences", digits: 0 },
      { name: "One token for each (ms)", significant: 3 },
      { name: "For one of them (ms)", significant: 3 },
    ],
    rows: rows.map(({ rows, milliseconds }) => [rows, milliseconds, milliseconds / rows]),
  };
}
