/**
 * What a study found, in a few short lines for a terminal. The whole of it is in the tables that
 * `report.ts` writes.
 */

import { isSameModel, type ModelName } from "../../figures/models.ts";
import { decimals } from "../../util/numbers.ts";
import { judgeClaims, type Judgement } from "./claims.ts";
import { ourEvidence } from "./evidence.ts";
import type { Protocol } from "./protocol.ts";
import type { StudyResults } from "./results.ts";
import { visible } from "../../figures/characters.ts";
import { domainNames, modelText } from "./names.ts";
import { isOfTableSize, studyMethods } from "./plan.ts";
import { furtherModels } from "./rows.ts";

/**
 * The perplexities of the protocol's first variant on the tables' domain, a line a pair, and the
 * claims that hold and do not by each variant, a line a variant.
 */
export function studyDigest(
  results: StudyResults,
  protocol: Protocol,
): string[] {
  return [
    ...perplexities(results, protocol, protocol.variants[0]),
    ...protocol.variants.map((variant) =>
      `Claims, ${variant}: ${verdicts(judgeClaims(ourEvidence(results, protocol, variant)))}`
    ),
  ];
}

function perplexities(
  { quality }: StudyResults,
  protocol: Protocol,
  variant: string,
): string[] {
  const { pairs, tableDomain } = protocol;
  const shown = quality.filter((each) =>
    each.domain === tableDomain && isOfTableSize(each, protocol)
  );
  const columns: readonly ModelName[] = [
    ...["fine", studyMethods.start].map((method) => ({ method, variant: null })),
    ...[studyMethods.standard, studyMethods.proposed].map((method) => ({ method, variant })),
    ...furtherModels(shown),
  ];
  const rows = pairs.map(({ name }) => [
    visible(name),
    ...columns.map((model) => {
      const found = shown.find((each) => each.pair === name && isSameModel(each, model));
      return found ? decimals(found.perplexity.value, 3) : "–";
    }),
  ]);
  const title = `Perplexity, ${domainNames[tableDomain]}, ${variant}`;
  const head = [title, ...columns.map((model) => columnName(model, variant))];
  const widths = head.map((_, column) =>
    Math.max(...[head, ...rows].map((row) => row[column].length))
  );
  return [head, ...rows].map((row) =>
    row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])
    ).join("  ")
  );
}

/** What a column is called: a variant is told where it is not that of the whole. */
function columnName({ method, variant }: ModelName, ofAll: string): string {
  return modelText({ method, variant: variant === ofAll ? null : variant });
}

function verdicts(judgements: readonly Judgement[]): string {
  const groups: [one: string, several: string, holds: boolean | null][] = [
    ["holds", "hold", true],
    ["does not hold", "do not hold", false],
    ["cannot be told", "cannot be told", null],
  ];
  return groups.flatMap(([one, several, holds]) => {
    const ids = judgements.filter((each) => each.holds === holds).map(({ id }) => id);
    return ids.length > 0 ? [`${ids.join(" ")} ${ids.length === 1 ? one : several}`] : [];
  }).join(", ");
}
