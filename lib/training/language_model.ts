/**
 * Next-token training of a whole decoder: its settings, its loss and the weights it starts from. The loop is
 * `trainer.ts`; what it reads is `token_stream.ts`.
 */

import { elementCount } from "../checkpoint/tensor.ts";
import type { DecoderConfig } from "../checkpoint/config.ts";
import { tensorNames, tensorShape } from "../checkpoint/weights.ts";
import { denseLinear, parameterInputs } from "../model/linear.ts";
import { modelLogits } from "../model/llama.ts";
import type { Engine } from "../graph/engine.ts";
import { input } from "../graph/graph.ts";
import { SeededRandom } from "../util/random.ts";
import type { AdamWSettings } from "./adamw.ts";
import { type CompiledLoss, compileLoss } from "./compiled_loss.ts";
import { meanCrossEntropy } from "./losses.ts";
import { warmUpAndCosineSchedule } from "./schedules.ts";

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
  return {
    steps,
    learningRate: warmUpAndCosineSchedule(steps, warmUp, learningRate),
    clipNorm,
    optimizer,
  };
}

/** Standard deviation of a weight that does not write into the residual stream. */
const DEVIATION = 0.02;

/**
 * First weights of a decoder: norm weights 1, biases 0, all others normal with deviation 0.02; the two projections that
 * write into the residual stream 0.02/√(2 · layers), as GPT-2 scales them (Radford et al. 2019, section 2.3).
 */
export function initialWeights(config: DecoderConfig, seed: number): Map<string, Float32Array> {
  const random = new SeededRandom(seed);
  return new Map(
    tensorNames(config).map((name) => {
      const count = elementCount(tensorShape(config, name));
      if (name.endsWith(".bias")) return [name, new Float32Array(count)];
      if (name.endsWith("norm.weight")) return [name, new Float32Array(count).fill(1)];
      const writesResidual = /(o_proj|down_proj)\.weight$/.test(name);
      const deviation = DEVIATION / (writesResidual ? Math.sqrt(2 * config.layerCount) : 1);
      return [name, Float32Array.from({ length: count }, () => deviation * random.normal())];
    }),
  );
}
