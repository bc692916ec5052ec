/**
 * The numbers of a model from the scores of its runs: means over seeds, with intervals over documents, and
 * intervals against another model on the same documents.
 */

import { mean } from "simple-statistics";
import {
  agreementOf,
  bootstrapInterval,
  difference,
  type Interval,
  klOf,
  meanOverRuns,
  pairedBootstrapInterval,
  perplexityOf,
} from "../evaluation/bootstrap.ts";
import type { ScoreSummary } from "../evaluation/scores.ts";

/** Scores of one text, one of each seed. */
export type Runs = readonly [ScoreSummary, ...ScoreSummary[]];

/** A model on a text. */
export interface Quality {
  /** Calibration texts that the numbers are means over; 1 for a model without calibration. */
  readonly seedCount: number;
  /** Over seeds: exp of the mean of log perplexities; with its 95 % interval over documents. */
  readonly perplexity: Interval;
  /** Documents that intervals are over; of one alone they say nothing. */
  readonly documentCount: number;
  /** Lowest and highest perplexity of a single seed. */
  readonly seedRange: readonly [number, number];
  /** Mean KL(fine ‖ model) a token, in nats. */
  readonly kl: number;
  /** Share of tokens with the fine-tune's first choice. */
  readonly agreement: number;
  /** Bits of information that the model needs for a byte of the text. */
  readonly bitsPerByte: number;
}

/** What is compared: perplexity and KL by their ratio less 1, agreement by the difference. */
export type Compared = "perplexity" | "kl" | "agreement";

const statistics = { perplexity: perplexityOf, kl: klOf, agreement: agreementOf } as const;

/** The numbers of a model's runs, which were scored with a reference. */
export function qualityOf(runs: Runs, bootstrapSeed: number): Quality {
  const documents = documentsOf(runs);
  const perplexities = runs.map(({ perplexity }) => perplexity);
  return {
    seedCount: runs.length,
    perplexity: {
      ...bootstrapInterval(documents, perplexityOf, bootstrapSeed),
      value: Math.exp(mean(perplexities.map(Math.log))),
    },
    documentCount: documents.length,
    seedRange: [Math.min(...perplexities), Math.max(...perplexities)],
    kl: mean(runs.map(({ kl }) => kl!)),
    agreement: mean(runs.map(({ agreement }) => agreement!)),
    bitsPerByte: mean(runs.map(({ bitsPerByte }) => bitsPerByte)),
  };
}

/** A model's runs against another's: an interval that draws the same documents for both. */
export function against(
  runs: Runs,
  others: Runs,
  compared: Compared,
  bootstrapSeed: number,
): Interval {
  return pairedBootstrapInterval(
    documentsOf(runs),
    documentsOf(others),
    statistics[compared],
    bootstrapSeed,
    compared === "agreement" ? difference : undefined,
  );
}

function documentsOf(runs: Runs) {
  return meanOverRuns(runs.map(({ documents }) => documents));
}
