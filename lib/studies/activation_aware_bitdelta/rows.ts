/**
 * What figures are drawn from: one plain row a point. Not a measurement store; the study makes these
 * rows from its measurements, and from the published numbers.
 */

import type { Variant } from "../../methods/calibrate.ts";
import type { Domain } from "../../texts/domains.ts";
import type { Method as StudyMethod } from "../../experiments/method.ts";
import type { LayerKind } from "../anatomy_of_a_delta/layer_kind.ts";

/** How a model under test was made: the pair's own models, or base plus a compressed delta. */
export type Method = StudyMethod["kind"];

export type { Variant };

/** Domains as a reader knows them: `wikitext` names general text, which ours is not taken from. */
export const domainNames: Record<Domain, string> = {
  code: "code",
  health: "health",
  finance: "finance",
  wikitext: "general text",
};

/** One point of Figures 2–5. */
export interface CalibrationSizeRow {
  /** For titles: `"Llama-2-7b → Llama-2-7b-chat"`. */
  readonly pair: string;
  /** Domain of the scored text. */
  readonly domain: Domain;
  /** How the model was made. */
  readonly method: Method;
  /** `null` where the method has but one form. */
  readonly variant: Variant | null;
  /** Calibration samples; `null` for a method that does not vary with them. */
  readonly calibrationSize: number | null;
  /** Seeds of calibration text that the point is the mean of. */
  readonly seedCount: number;
  /** Mean over the seeds. */
  readonly perplexity: number;
  /** Ends of the 95 % interval, paired with the fine-tune's; both `null` where there is none. */
  readonly low: number | null;
  /** Upper end, like `low`. */
  readonly high: number | null;
  /** Mean KL(fine ‖ compressed) per token, in nats. */
  readonly kl: number | null;
  /** Ends of its 95 % interval, paired with the initial scales'; both `null` where there is none. */
  readonly klLow: number | null;
  /** Upper end, like `klLow`. */
  readonly klHigh: number | null;
}

/** One point of Figure 1. */
export interface WallClockRow {
  /** As in {@linkcode CalibrationSizeRow}. */
  readonly pair: string;
  /** How the delta was made. */
  readonly method: Method;
  /** `null` where the method has but one form. */
  readonly variant: Variant | null;
  /** Sequences that run at once. */
  readonly batchSize: number;
  /** Steps of distillation that were timed; `null` for a method without. */
  readonly steps: number | null;
  /** Wall clock of the calibration in seconds; `null` if it ran out of memory. */
  readonly seconds: number | null;
  /** Fastest and slowest of the repeats, if there were several. */
  readonly low: number | null;
  /** Slowest, like `low`. */
  readonly high: number | null;
}

/** One bin of the distribution of a delta's entries, all layers of a kind together. */
export interface DeltaDensityRow {
  /** As in {@linkcode CalibrationSizeRow}. */
  readonly pair: string;
  /** Kind of the layers. */
  readonly kind: LayerKind;
  /** Ends of the bin, in the unit of the quantity (Δ itself, or Δ by its spread). */
  readonly from: number;
  /** Upper end, like `from`. */
  readonly to: number;
  /** Share of the entries in the bin by its width: the bars' areas sum to 1. */
  readonly density: number;
}

/** A quantity of one linear layer: a norm, an entropy, a ratio of scales. */
export interface LayerProfileRow {
  /** As in {@linkcode CalibrationSizeRow}. */
  readonly pair: string;
  /** Index of the decoder layer, from 0. */
  readonly layer: number;
  /** Which of its linear layers. */
  readonly kind: LayerKind;
  /** The quantity. */
  readonly value: number;
  /** Ends of an interval; both `null` where there is none. */
  readonly low: number | null;
  /** Upper end, like `low`. */
  readonly high: number | null;
}
