/** Tables 1 and 2 of the study with ours beside the published numbers, and its claims judged. */

import type { Judgement } from "../claims.ts";
import { figurePair, type Protocol } from "../protocol.ts";
import type { PublishedNumbers } from "../published.ts";
import type { CostResult, QualityResult, StudyResults } from "../results.ts";
import { medianAndRange } from "../../../experiments/timing.ts";
import { capitalized, domainNames, modelText } from "../names.ts";
import { isOfTableSize, studyMethods } from "../plan.ts";
import { furtherModels } from "../rows.ts";
import type { Cell, Column, Table } from "../../../tables/table.ts";

const compared = [studyMethods.standard, studyMethods.proposed] as const;

/**
 * Perplexity on general text: ours by pair and method, and activation-aware against distillation with
 * the interval of the same documents drawn for both; then the published rows. Methods that the study is not
 * about stand in columns after its own.
 *
 * @throws {ReportError} if a result is of no model.
 *
 * @example
 * ```ts
 * import {
 *   chooseProtocol,
 *   gatherResults,
 *   perplexityTable,
 *   readPublishedNumbers,
 * } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const protocol = chooseProtocol({ profile: "quick" });
 * const published = await readPublishedNumbers();
 * // Before anything is measured, the published numbers.
 * const { rows } = perplexityTable(gatherResults([], 1), protocol, published);
 * assert.equal(rows.filter(([source]) => source === "published").length, 4);
 * ```
 */
export function perplexityTable(
  { quality }: StudyResults,
  protocol: Protocol,
  published: PublishedNumbers,
): Table {
  const plain = ["base", "fine", studyMethods.start] as const;
  const shown = quality.filter((each) =>
    each.domain === protocol.tableDomain && isOfTableSize(each, protocol)
  );
  const further = furtherModels(shown);
  const ours = protocol.pairs.map(({ name }): Cell[] => {
    const find = (method: string, variant: string | null) =>
      shown.find((each) =>
        each.pair === name && each.method === method && each.variant === variant
      );
    const perplexity = (method: string, variant: string | null) =>
      find(method, variant)?.perplexity.value ?? null;
    return [
      "ours",
      name,
      ...plain.map((method) => perplexity(method, null)),
      ...protocol.variants.flatMap((variant) => [
        ...compared.map((method) => perplexity(method, variant)),
        differenceCell(find(studyMethods.proposed, variant)),
      ]),
      ...further.map(({ method, variant }) => perplexity(method, variant)),
    ];
  });
  const theirs = published.table1_perplexity.rows.map((row): Cell[] => [
    "published",
    `${row.base} → ${row.fine}`,
    null,
    null,
    null,
    row.standard,
    row.activation_aware,
    100 * (row.activation_aware / row.standard - 1),
    ...protocol.variants.slice(1).flatMap((): Cell[] => [null, null, null]),
    ...further.map(() => null),
  ]);
  return {
    title: `Table 1. Perplexity on ${domainNames[protocol.tableDomain]}`,
    note: `Ours: protocol “${protocol.name}”, domain “${protocol.tableDomain}” ` +
      `(${protocol.texts[protocol.tableDomain]}), means over calibration texts ` +
      `(${
        seedCounts(protocol)
      }), ${protocol.tableCalibrationSize} rows or ${protocol.distillation.steps} steps of ` +
      `${protocol.distillation.batch}. Against distilled: relative perplexity, [95 % interval, the ` +
      "same documents drawn for both, or windows of a text that is one]. Published: 7B pairs, " +
      "wikitext-2, without intervals; its methods as the study ran them.",
    columns: [
      { name: "Numbers" },
      { name: "Pair" },
      { name: "Base", digits: 3 },
      { name: "Fine-tune", digits: 3 },
      { name: "Initial", digits: 3 },
      ...protocol.variants.flatMap((variant) => [
        ...methodColumns([variant], 3),
        { name: `Against distilled (${variant}, %)`, digits: 2 },
      ]),
      ...further.map((model) => ({ name: capitalized(modelText(model)), digits: 3 })),
    ],
    rows: [...ours, ...theirs],
  };
}

function differenceCell(result: QualityResult | undefined): Cell {
  if (!result?.againstDistilled) return null;
  const [value, low, high] = [
    result.againstDistilled.value,
    result.againstDistilled.low,
    result.againstDistilled.high,
  ].map((each) => 100 * each);
  // One document drawn again and again is always the same.
  return result.documentCount > 1 ? { value, low, high } : value;
}

/**
 * Wall clock of a calibration: ours by pair and method, medians between the fastest and the slowest. Methods
 * that the study is not about stand in columns after its own.
 *
 * @throws {ReportError} if a result is of no model.
 *
 * @example
 * ```ts
 * import {
 *   chooseProtocol,
 *   gatherResults,
 *   readPublishedNumbers,
 *   wallClockTable,
 * } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const protocol = chooseProtocol({ profile: "quick" });
 * const published = await readPublishedNumbers();
 * // Before anything is measured, the published numbers.
 * const { rows } = wallClockTable(gatherResults([], 1), protocol, published);
 * assert.equal(rows.filter(([source]) => source === "published").length, 4);
 * ```
 */
export function wallClockTable(
  { cost, engine }: StudyResults,
  protocol: Protocol,
  published: PublishedNumbers,
): Table {
  const timed = cost.filter((each) => isOfTableSize(each, protocol));
  const further = furtherModels(timed);
  const of = (pair: string, method: string, variant: string | null) =>
    timed.find((each) => each.pair === pair && each.method === method && each.variant === variant);
  const ours = protocol.pairs.map(({ name }): Cell[] => [
    "ours",
    name,
    ...protocol.variants.flatMap((variant) =>
      compared.map((method) => timingCell(of(name, method, variant)))
    ),
    ...further.map(({ method, variant }) => timingCell(of(name, method, variant))),
  ]);
  const theirs = published.table2_wall_clock_s.rows.map((row): Cell[] => [
    "published",
    `${row.base} → ${row.fine}`,
    row.standard,
    row.activation_aware,
    ...protocol.variants.slice(1).flatMap((): Cell[] => [null, null]),
    ...further.map(() => null),
  ]);
  return {
    title: "Table 2. Wall clock of extraction and calibration (s)",
    note: `Ours: ${timingCounts(timed)} on ${engine}. Published: timed once, ` +
      `${published.hardware}.`,
    columns: [
      { name: "Numbers" },
      { name: "Pair" },
      ...methodColumns(protocol.variants, 2),
      ...further.map((model) => ({ name: capitalized(modelText(model)), digits: 2 })),
    ],
    rows: [...ours, ...theirs],
  };
}

/** The claims with their verdicts on the published numbers and on ours. */
export function claimsTable(
  claims: PublishedNumbers["claims"],
  judged: readonly { source: string; judgements: readonly Judgement[] }[],
): Table {
  return {
    title: "The study's claims, judged by numbers",
    columns: [{ name: "Claim" }, { name: "By" }, { name: "Verdict" }, { name: "Because" }],
    rows: claims.flatMap(({ id, claim }) =>
      judged.map(({ source, judgements }, index): Cell[] => {
        const judgement = judgements.find((each) => each.id === id)!;
        return [
          index === 0 ? `${id}. ${claim}` : id,
          source,
          verdict(judgement),
          judgement.because,
        ];
      })
    ),
  };
}

function seedCounts(protocol: Protocol): string {
  const { seeds, tableSeeds, pairs } = protocol;
  if (pairs.length === 1 || seeds.length === tableSeeds.length) return String(seeds.length);
  return `${seeds.length} for ${figurePair(protocol).name}, ${tableSeeds.length} for the others`;
}

function timingCounts(cost: readonly CostResult[]): string {
  const least = Math.min(...cost.map(({ timing }) => timing.length));
  return least === 1
    ? "timed once,"
    : `medians of ${least} timings or more, the methods in turns, [fastest, slowest],`;
}

function timingCell(result: CostResult | undefined): Cell {
  if (!result) return null;
  return result.timing.length > 1 ? medianAndRange(result.timing) : result.seconds;
}

function verdict({ holds }: Judgement): string {
  return holds === null ? "cannot be told" : holds ? "holds" : "does not hold";
}

function methodColumns(variants: readonly string[], digits: number): Column[] {
  return variants.flatMap((variant) =>
    compared.map((method) => ({ name: capitalized(modelText({ method, variant })), digits }))
  );
}
