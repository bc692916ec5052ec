/** Next-token training of a whole decoder: its settings and its loss. The loop is `trainer.ts`; the text is its caller's. */

import type { DecoderConfig } from "../checkpoint/config.ts";
import { denseLinear, parameterInputs } from "../model/context.ts";
import { modelLogits } from "../model/model.ts";
import type { Engine } from "../graph/engine.ts";
import { input } from "../graph/graph.ts";
import type { AdamWSettings } from "./adamw.ts";
import { type CompiledLoss, compileLoss } from "./compiled_loss.ts";
import { meanCrossEntropy } from "./losses.ts";
import { warmUpAndCosine } from "./schedules.ts";

/** Settings of a training run. */
export interface TrainingSettings {
  /** Sequences of a step. */
  readonly batch: number;
  /** Tokens of a sequence. */
  readonly sequence: number;
  readonly steps: number;
  /** Peak learning rate; it rises linearly over the warm-up and falls to a tenth as a cosine. */
  readonly learningRate: number;
  /** Steps of the warm-up. */
  readonly warmUp: number;
  /** Norm above which the whole gradient is scaled down. */
  readonly clipNorm: number;
  readonly optimizer: AdamWSettings;
}

/** Tokens of one step and the tokens that follow each of them, both `[batch · sequence]`. */
export type TrainingBatch = Readonly<Record<"tokens" | "labels", Int32Array>>;

/** The mean cross entropy of the next token, in nats, and its gradient for every tensor of a decoder. */
export async function languageModelLoss(
  engine: Engine,
  config: DecoderConfig,
  tensors: readonly string[],
  shape: Pick<TrainingSettings, "batch" | "sequence">,
): Promise<CompiledLoss<TrainingBatch>> {
  const { batch, sequence } = shape;
  const parameters = parameterInputs(config);
  const tokens = input("tokens", [batch * sequence], "i32");
  const labels = input("labels", [batch * sequence], "i32");
  const context = {
    config,
    shape: { batch, sequence },
    parameters,
    linear: denseLinear(parameters),
  };
  const loss = meanCrossEntropy(modelLogits(tokens, context), labels);
  return await compileLoss(engine, loss, tensors.map(parameters));
}

/** What a trainer takes of the settings: AdamW on a clipped gradient, a warm-up and a cosine. */
export function trainerSettings(
  { steps, warmUp, learningRate, clipNorm, optimizer }: TrainingSettings,
) {
  return { steps, learningRate: warmUpAndCosine(steps, warmUp, learningRate), clipNorm, optimizer };
}
