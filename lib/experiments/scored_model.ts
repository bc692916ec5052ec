/** Which model is measured: the pair's own two, or the base with a delta of some method. */

import type { MethodChoice } from "../methods/method.ts";
import { describeMethod, readsText, resolveMethod } from "../methods/mod.ts";
import type { Settings } from "../util/settings.ts";

/** The base with a compressed delta, by all that the delta depends on beside the pair and the texts. */
export interface CompressedModel {
  /** Name of the method. */
  readonly method: string;
  /** Name of the method's variant, for a reader: its settings stand in {@linkcode settings}. */
  readonly variant: string | null;
  /** All settings of the method. */
  readonly settings: Settings;
  /** Seed of the calibration text; `null` for a method that sees none. */
  readonly seed: number | null;
  /** Name of the calibration text, of those that the texts have beside their own; default: their own. */
  readonly text?: string;
}

/** Any model that is scored. */
export type ScoredModel = "base" | "fine" | CompressedModel;

/**
 * The model that a choice of method makes from the calibration text of a seed.
 *
 * @throws {OptionError} if there is no such method, variant or setting.
 */
export function compressedModel(choice: MethodChoice, seed: number): CompressedModel {
  const { method, variant, settings } = resolveMethod(choice);
  return { method: method.name, variant, settings, seed: readsText(choice) ? seed : null };
}

/**
 * A model for a person: `"distilled (corrected, steps 250, batch 4), seed 1"`.
 *
 * @example
 * ```ts
 * import { describeModel, resolveMethod } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const model = {
 *   ...{ method: "activation-aware", variant: "corrected", seed: 1 },
 *   ...{ settings: resolveMethod({ method: "activation-aware" }).settings },
 * };
 * assert.equal(describeModel(model), "activation-aware (corrected, rows 256), seed 1");
 * ```
 */
export function describeModel(model: ScoredModel): string {
  if (typeof model === "string") return model;
  const { method, variant, settings, seed, text } = model;
  const described = describeMethod({ method, variant: variant ?? undefined, settings });
  if (seed === null) return described;
  return `${described}, ${text === undefined ? "" : `${text} text, `}seed ${seed}`;
}
