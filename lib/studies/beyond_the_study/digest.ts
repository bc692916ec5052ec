/** A run in a few lines, for a terminal. */

import { mean } from "simple-statistics";
import { decimals } from "../../util/numbers.ts";
import { beyondMethods, listedModels } from "./models.ts";
import { type BeyondStudyResults, centralModels } from "./results.ts";
import { ratioTo, textsOf } from "./wins.ts";

/**
 * KL of each model over that of distillation in the mean over pairs, lowest first; then what the protocol names and the
 * list of methods lacks.
 *
 * @example
 * ```ts
 * import { beyondDigest, chooseBeyondProtocol, gatherBeyond } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const [head] = beyondDigest(gatherBeyond([], chooseBeyondProtocol({ profile: "quick" })));
 * assert.match(head, /KL/);
 * ```
 */
export function beyondDigest(results: BeyondStudyResults): string[] {
  const ratios = new Map<string, number[]>();
  for (const { name } of results.protocol.pairs) {
    const models = centralModels(results, name);
    const standard = models.find(({ method }) => method === beyondMethods.standard);
    if (standard === undefined) continue;
    for (const model of models) {
      const { value } = ratioTo(model, standard, textsOf(model, results).both, "kl", results);
      ratios.set(model.label, [...ratios.get(model.label) ?? [], 1 + value]);
    }
  }
  const means = [...ratios].map(([label, values]) => ({ label, ratio: mean(values) }))
    .toSorted((a, b) => a.ratio - b.ratio);
  const { missing } = listedModels(results.protocol.models);
  return [
    `KL over that of ${beyondMethods.standard}, general text and own domain, mean over pairs`,
    ...means.map(({ label, ratio }) => `${decimals(ratio, 3)} ${label}`),
    ...missing.length === 0 ? [] : [`not in the list of methods: ${missing.join(", ")}`],
  ];
}
