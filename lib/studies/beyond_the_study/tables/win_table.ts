/** Models against distillation, what the study compared with: by how much their KL is lower, and where that is sure. */

import { mean } from "simple-statistics";
import type { Domain } from "../../../texts/domains.ts";
import type { Cell, Table } from "../../../tables/table.ts";
import { beyondMethods } from "../models.ts";
import { type BeyondModelResult, type BeyondStudyResults, centralModels } from "../results.ts";
import { outcomeOf, ratioTo, textsOf } from "../wins.ts";

/** KL of a model over that of distillation, less 1, in percent: on one text. */
function ratioCell(
  model: BeyondModelResult,
  standard: BeyondModelResult,
  domains: readonly Domain[],
  results: BeyondStudyResults,
) {
  if (domains.length === 0) return null;
  const ratio = ratioTo(model, standard, domains, "kl", results);
  const { value, low, high } = ratio;
  return {
    cell: { value: 100 * value, low: 100 * low, high: 100 * high },
    outcome: outcomeOf(ratio),
  };
}

/**
 * A row a model and pair, and one a model with the mean over pairs where there are several.
 *
 * @example
 * ```ts
 * import { chooseBeyondProtocol, gatherBeyond, winTable } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const results = gatherBeyond([], chooseBeyondProtocol({ profile: "quick" }));
 * assert.deepEqual(winTable(results).rows, []);
 * ```
 */
export function winTable(results: BeyondStudyResults): Table {
  const { pairs } = results.protocol;
  const ratios = new Map<string, number[]>();
  const rows = pairs.flatMap(({ name }) => {
    const models = centralModels(results, name);
    const standard = models.find(({ method }) => method === beyondMethods.standard);
    if (standard === undefined) return [];
    return models.filter((model) => model !== standard).map((model): Cell[] => {
      const { general, own, both } = textsOf(model, results);
      const [onGeneral, onOwn, onBoth] = [general, own, both].map((domains) =>
        ratioCell(model, standard, domains, results)
      );
      ratios.set(model.label, [...ratios.get(model.label) ?? [], onBoth!.cell.value]);
      return [
        name,
        model.label,
        onGeneral?.cell ?? null,
        onOwn?.cell ?? null,
        onBoth!.cell,
        onBoth!.outcome,
      ];
    });
  });
  const means = Array.from(ratios, ([label, values]): Cell[] => [
    "mean over pairs",
    label,
    null,
    null,
    mean(values),
    null,
  ]);
  const several = pairs.length > 1;
  return {
    title: "KL against distillation (%)",
    note:
      `Against ${beyondMethods.standard}, on the same documents and seeds, [95 % interval over both]; negative is ` +
      "nearer to the fine-tune. A win or a loss counts where the interval excludes zero.",
    columns: [
      { name: "Pair" },
      { name: "Model" },
      { name: "General text", digits: 1 },
      { name: "Own domain", digits: 1 },
      { name: "Both", digits: 1 },
      { name: "Outcome" },
    ],
    rows: several ? [...rows, ...means] : rows,
  };
}
