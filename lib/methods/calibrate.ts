/** One call for every method: from a pair and calibration text to a delta. */

import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { Delta } from "../delta/delta.ts";
import { extractDelta } from "../delta/extract.ts";
import type { Engine } from "../graph/engine.ts";
import type { Watch } from "../util/progress.ts";
import {
  calibrateActivationAware,
  correctedActivationAware,
  studyActivationAware,
} from "./activation_aware.ts";
import { correctedDistillation, distill, studyDistillation } from "./distillation.ts";
import { TextError } from "../util/errors.ts";
import type { CalibrationSequences } from "../texts/sequences.ts";

/** Whether a method runs as the study's code does, or with its faults mended. */
export type Variant = "study-faithful" | "corrected";

/** Scales in closed form from activations. */
export interface ActivationAwareMethod {
  /** Its name. */
  readonly kind: "activation-aware";
  /** As the study ran it, or corrected. */
  readonly variant: Variant;
  /** Token rows of calibration. */
  readonly rows: number;
}

/** Scales by distillation. */
export interface DistilledMethod {
  /** Its name. */
  readonly kind: "distilled";
  /** As the study ran it, or corrected. */
  readonly variant: Variant;
  /** Steps of AdamW. */
  readonly steps: number;
  /** Sequences of a step. */
  readonly batch: number;
}

/** A method that finds scales from calibration text. */
export type CalibrationMethod = ActivationAwareMethod | DistilledMethod;

/** A calibrated delta. */
export interface Calibration {
  /** With the scales found. */
  readonly delta: Delta;
  /** Loss before each step; empty for a method without steps. */
  readonly losses: readonly number[];
}

/**
 * Extracts the delta of a pair and calibrates its scales.
 *
 * @throws {CheckpointError} if the two checkpoints do not match.
 * @throws {TextError} if there is too little calibration text.
 */
export async function calibrate(
  engine: Engine,
  base: Checkpoint,
  fine: Checkpoint,
  method: CalibrationMethod,
  sequences: CalibrationSequences,
  watch: Watch = {},
): Promise<Calibration> {
  checkEnoughText(sequences, method.kind === "distilled" ? method.batch : 1);
  const initial = await extractDelta(base, fine, watch);
  const inputs = [engine, base, fine, initial, sequences] as const;
  const corrected = method.variant === "corrected";
  if (method.kind === "activation-aware") {
    const variant = corrected ? correctedActivationAware : studyActivationAware;
    const settings = { ...variant, rows: method.rows };
    return { delta: await calibrateActivationAware(...inputs, settings, watch), losses: [] };
  }
  const { steps, batch } = method;
  const variant = corrected ? correctedDistillation : studyDistillation;
  return await distill(...inputs, { ...variant, steps, batch }, watch);
}

/**
 * Checks that a text fills one sequence and has one for each row of a batch; whether it has as many token
 * rows as a method asks for, `collectActivations` sees.
 *
 * @throws {TextError} if it does not.
 */
export function checkEnoughText(
  { count, length, attentionMask }: CalibrationSequences,
  batch = 1,
): void {
  const tokens = attentionMask.reduce((sum, each) => sum + each, 0);
  const tooShort = (found: number, needed: number, unit: string) =>
    new TextError({
      problem: "calibration text is too short",
      value: `${found} ${unit}`,
      expected: `${needed} ${unit} or more`,
    });
  if (tokens < length) throw tooShort(tokens, length, "tokens");
  if (count < batch) throw tooShort(count, batch, `sequences of ${length} tokens`);
}
