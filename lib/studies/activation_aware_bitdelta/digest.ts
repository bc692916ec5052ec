/**
 * What a study found, in a few short lines for a terminal. The whole of it is in the tables that
 * `report.ts` writes.
 */

import type { Variant } from "../../methods/calibrate.ts";
import { decimals } from "../../util/numbers.ts";
import { judgeClaims, type Judgement } from "./claims.ts";
import { ourEvidence } from "./evidence.ts";
import type { Measurement } from "../../experiments/measurement.ts";
import type { Protocol } from "./protocol.ts";
import { gatherResults, type StudyResults } from "./results.ts";
import { visible } from "../../figures/characters.ts";
import { domainNames } from "./rows.ts";

/**
 * The perplexities of the protocol's first variant on the tables' domain, a line a pair, and the
 * claims that hold and do not by each variant, a line a variant.
 */
export function studyDigest(measurements: readonly Measurement[], protocol: Protocol): string[] {
  const results = gatherResults(measurements, protocol.bootstrapSeed);
  return [
    ...perplexities(results, protocol, protocol.variants[0]),
    ...protocol.variants.map((variant) =>
      `Claims, ${variant}: ${verdicts(judgeClaims(ourEvidence(results, protocol, variant)))}`
    ),
  ];
}

function perplexities(
  { quality }: StudyResults,
  { pairs, tableDomain, tableCalibrationSize }: Protocol,
  variant: Variant,
): string[] {
  const columns = ["fine", "initial", "distilled", "activation-aware"] as const;
  const rows = pairs.map(({ name }) => [
    visible(name),
    ...columns.map((method) => {
      const found = quality.find((each) =>
        each.pair === name && each.domain === tableDomain && each.method === method &&
        (each.variant ?? variant) === variant &&
        (each.calibrationSize ?? tableCalibrationSize) === tableCalibrationSize
      );
      return found ? decimals(found.perplexity.value, 3) : "–";
    }),
  ]);
  const title = `Perplexity, ${domainNames[tableDomain]}, ${variant}`;
  const head = [title, "fine-tune", "initial", "distilled", "activation-aware"];
  const widths = head.map((_, column) =>
    Math.max(...[head, ...rows].map((row) => row[column].length))
  );
  return [head, ...rows].map((row) =>
    row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])
    ).join("  ")
  );
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
