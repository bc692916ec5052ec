/** The numbers of a run as plain rows: one a model, seed and domain, for `methods.csv`. */

import { bootstrapInterval, klOf } from "../../evaluation/bootstrap.ts";
import type { CellRow } from "../../tables/csv.ts";
import { rowsToCsv } from "../../tables/csv.ts";
import type { Domain } from "../../texts/domains.ts";
import type { BeyondModelResult, BeyondStudyResults } from "./results.ts";

/** A model of one seed on one domain. */
export interface BeyondRow {
  /** The pair; `… × 0.25` with that share of its delta. */
  readonly pair: string;
  /** The scored text's. */
  readonly domain: Domain;
  /** `base`, `fine`, or the method's name. */
  readonly method: string;
  /** Variant, all settings, and the kind of calibration text, as words; `null` of the pair's own. */
  readonly settings: string | null;
  /** Of the calibration text; `null` where none is seen. */
  readonly seed: number | null;
  /** That a weight of the linear layers takes; `null` of the pair's own. */
  readonly bits: number | null;
  /** Of the whole delta, embeddings and all, but for the header of its file. */
  readonly bytes: number | null;
  /** Mean KL(fine ‖ model) a token, in nats. */
  readonly kl: number;
  /** 95 % interval of it over documents. */
  readonly kl_low: number;
  /** Upper end. */
  readonly kl_high: number;
  /** exp of the mean NLL a token. */
  readonly perplexity: number;
  /** Share of tokens on which the model's first choice is the fine-tune's. */
  readonly agreement: number;
  /** Wall clock of making the delta. */
  readonly seconds: number | null;
}

/**
 * The rows of a run, model by model.
 *
 * @example
 * ```ts
 * import { beyondRows, chooseBeyondProtocol, gatherBeyond } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const results = gatherBeyond([], chooseBeyondProtocol({ profile: "quick" }));
 * assert.deepEqual(beyondRows(results), []);
 * ```
 */
export function beyondRows(results: BeyondStudyResults): BeyondRow[] {
  const { bootstrapSeed } = results.protocol;
  return results.models.flatMap((model) =>
    [...model.scores].flatMap(([domain, runs]) =>
      runs.map((summary, run): BeyondRow => {
        const delta = model.deltas.at(run) ?? null;
        const interval = bootstrapInterval(summary.documents, klOf, bootstrapSeed);
        return {
          pair: model.pair.name,
          domain,
          method: model.method,
          settings: settingsText(model),
          seed: delta && delta.seed,
          bits: delta && delta.fidelity.bitsPerWeight,
          bytes: delta && delta.bytes,
          kl: summary.kl!,
          kl_low: interval.low,
          kl_high: interval.high,
          perplexity: summary.perplexity,
          agreement: summary.agreement!,
          seconds: delta && delta.seconds,
        };
      })
    )
  );
}

/** {@linkcode beyondRows} as CSV: pair, domain, method, settings, seed, bits, bytes, kl, … seconds. */
export async function beyondCsv(results: BeyondStudyResults): Promise<string> {
  return await rowsToCsv(beyondRows(results).map((row): CellRow => ({ ...row })));
}

function settingsText({ variant, settings, mix }: BeyondModelResult): string | null {
  if (settings === null) return null;
  return [
    ...variant === null ? [] : [variant],
    ...Object.entries(settings).map(([name, value]) => `${name} ${value}`),
    ...mix === "general" ? [] : [`${mix} text`],
  ].join("; ");
}
