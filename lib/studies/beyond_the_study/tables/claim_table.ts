/** The two claims, judged by perplexity and by KL. */

import type { Table } from "../../../tables/table.ts";
import { judgeBeyond } from "../claims.ts";
import type { BeyondStudyResults } from "../results.ts";

/**
 * A row a claim and measure.
 *
 * @example
 * ```ts
 * import { beyondClaimTable, chooseBeyondProtocol, gatherBeyond } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const results = gatherBeyond([], chooseBeyondProtocol({ profile: "quick" }));
 * assert.deepEqual(beyondClaimTable(results).columns.map(({ name }) => name), [
 *   "Claim",
 *   "By",
 *   "Verdict",
 *   "Because",
 * ]);
 * ```
 */
export function beyondClaimTable(results: BeyondStudyResults): Table {
  const said = (holds: boolean | null) =>
    holds === null ? "cannot be told" : holds ? "holds" : "does not hold";
  return {
    title: "Scalar scales from activations against distilled ones, judged twice",
    columns: [{ name: "Claim" }, { name: "By" }, { name: "Verdict" }, { name: "Because" }],
    rows: judgeBeyond(results).map(({ id, claim, measure, holds, because }) => [
      `${id}. ${claim}`,
      measure === "kl" ? "KL" : measure,
      said(holds),
      because,
    ]),
  };
}
