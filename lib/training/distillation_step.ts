/** One step of a distillation: the loss of a batch and its gradients, whichever way they are computed. */

import type { DecoderConfig } from "../checkpoint/config.ts";
import type { BatchShape } from "../model/llama.ts";
import type { ModelTensors } from "../model/model_tensors.ts";
import type { CalibrationSequences } from "../texts/sequences.ts";
import type { Student } from "./student.ts";

/** The loss before a step, and its gradient for each trained array. */
export interface StepResult {
  readonly loss: number;
  readonly gradient: (name: string) => Float32Array;
}

/** A compiled step; the numbers of a result hold until its next run. */
export interface DistillationStep {
  /**
   * Σₜ wₜ · mean((logits_fine − logits_student)²) over the batch, and its gradients.
   *
   * @param rowWeights w, `[1, batch · sequence]`
   */
  run(batch: CalibrationSequences, rowWeights: Float32Array): Promise<StepResult>;
  /** Frees the compiled graphs. */
  release(): Promise<void>;
}

/** What a step is compiled for. */
export interface StepModels {
  readonly config: DecoderConfig;
  readonly shape: BatchShape;
  readonly fine: ModelTensors;
  readonly student: Student;
  /** Whether the gradient stops at the binary product. */
  readonly detached: boolean;
}
