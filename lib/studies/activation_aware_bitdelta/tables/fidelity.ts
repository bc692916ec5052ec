/** Beyond perplexity: how near each compressed model of the figures' pair is to its fine-tune. */

import type { Interval } from "../../../evaluation/bootstrap.ts";
import { isSameModel, modelsOf } from "../../../figures/models.ts";
import { figurePair, type Protocol } from "../protocol.ts";
import type { QualityResult, StudyResults } from "../results.ts";
import { domainNames, modelText } from "../names.ts";
import { isOfTableSize, studyMethods } from "../plan.ts";
import { furtherModels } from "../rows.ts";
import type { Cell, IntervalCell, Table } from "../../../tables/table.ts";

/** Rows of a domain, from what was given to what was made of it; other methods stand after these. */
const order: readonly string[] = [
  ...["base", "fine"],
  ...[studyMethods.start, studyMethods.proposed, studyMethods.standard],
];

/** Digits that are printed of each number. */
const SIGNIFICANT = 3;

/**
 * KL(fine ‖ model), first choices shared, perplexity and bits per byte, by domain. Intervals are those
 * of what a model gains on the initial scales, the same documents drawn for both, set at the model's
 * own number; the best compressed models of a domain stand out, all that are printed alike.
 *
 * @throws {ReportError} if a result is of no model.
 *
 * @example
 * ```ts
 * import { chooseProtocol, fidelityTable, gatherResults } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const protocol = chooseProtocol({ profile: "quick" });
 * assert.match(fidelityTable(gatherResults([], 1), protocol).title, /llama-base → llama-assistant$/);
 * ```
 */
export function fidelityTable({ quality }: StudyResults, protocol: Protocol): Table {
  const { name } = figurePair(protocol);
  const shown = quality.filter((each) => each.pair === name && isOfTableSize(each, protocol));
  const methods = [...order, ...furtherModels(shown).map(({ method }) => method)];
  const drawn = protocol.domains.flatMap((domain) => {
    const scored = shown.find((each) => each.domain === domain);
    return scored ? [`${domainNames[domain]} ${scored.documentCount}`] : [];
  }).join(", ");
  return {
    title: `Fidelity to the fine-tune, ${name}`,
    note:
      `Means over calibration texts (${protocol.seeds.length}), ${protocol.tableCalibrationSize} rows or ` +
      `${protocol.distillation.steps} steps of ${protocol.distillation.batch}. Bold: nearest to the ` +
      "fine-tune in its domain. [95 % interval] of what a model gains on the initial scales, over " +
      `documents, or windows of a text that is one, the same drawn for both (${drawn}). ` +
      "KL(fine ‖ model): less is nearer. Top-1: tokens whose first choice is the fine-tune’s.",
    columns: [
      { name: "Domain" },
      { name: "Method" },
      { name: "KL (nats a token)", significant: SIGNIFICANT },
      { name: "Top-1 (%)", significant: SIGNIFICANT },
      { name: "Perplexity", significant: SIGNIFICANT },
      { name: "Perplexity against initial (%)", significant: SIGNIFICANT },
      { name: "Bits per byte", significant: SIGNIFICANT },
    ],
    rows: protocol.domains.flatMap((domain) => {
      const here = shown.filter((each) => each.domain === domain);
      const initial = here.find(({ method }) => method === studyMethods.start);
      const compressed = here.filter(({ method }) => method !== "base" && method !== "fine");
      const least = Math.min(...compressed.map(({ kl }) => kl));
      const most = Math.max(...compressed.map(({ agreement }) => agreement));
      const legend = modelsOf(here);
      const placeOf = (row: QualityResult) => legend.findIndex((each) => isSameModel(each, row));
      const rows = here.toSorted((a, b) =>
        methods.indexOf(a.method) - methods.indexOf(b.method) || placeOf(a) - placeOf(b)
      );
      return rows.map((each): Cell[] => {
        const isCompressed = compressed.includes(each);
        return [
          domainNames[domain],
          modelText(each),
          {
            value: each.kl,
            ...ends(each, each.klAgainstInitial, (ratio) => (initial?.kl ?? NaN) * (1 + ratio)),
            isBest: isCompressed && isAlike(each.kl, least),
          },
          {
            value: 100 * each.agreement,
            ...ends(
              each,
              each.agreementAgainstInitial,
              (gain) => 100 * ((initial?.agreement ?? NaN) + gain),
            ),
            isBest: isCompressed && isAlike(each.agreement, most),
          },
          each.perplexity.value,
          {
            value: 100 * each.againstInitial.value,
            ...ends(each, each.againstInitial, (ratio) => 100 * ratio),
          },
          each.bitsPerByte,
        ];
      });
    }),
  };
}

/** Whether two numbers are printed alike: then neither is the better of them. */
function isAlike(a: number, b: number): boolean {
  return a.toPrecision(SIGNIFICANT) === b.toPrecision(SIGNIFICANT);
}

/** The ends of an interval as a cell shows them; none where they say nothing. */
function ends(
  { method, documentCount }: QualityResult,
  { low, high }: Interval,
  shown: (end: number) => number,
): Pick<IntervalCell, "low" | "high"> {
  const [from, to] = [shown(low), shown(high)];
  const isKnown = Number.isFinite(from) && Number.isFinite(to);
  return method === studyMethods.start || method === "fine" || documentCount === 1 || !isKnown
    ? { low: null, high: null }
    : { low: from, high: to };
}
