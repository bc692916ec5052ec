/**
 * Next-token training of a whole decoder: one graph with the loss and all gradients, one optimiser.
 * What is trained on what is `recipes.ts`; this file knows neither text nor files.
 */

import { AdamW, type AdamWSettings } from "./adamw.ts";
import { cosineLearningRate } from "./cosine_schedule.ts";
import { firstNotFinite } from "../checkpoint/not_finite.ts";
import type { DecoderConfig } from "../checkpoint/config.ts";
import { DivergenceError } from "../util/errors.ts";
import { denseLinear, parameterInputs } from "../model/context.ts";
import { modelLogits } from "../model/model.ts";
import type { Engine, Program } from "../graph/engine.ts";
import { gradient } from "../graph/gradient.ts";
import { input } from "../graph/graph.ts";
import { crossEntropy } from "../graph/ops/likelihood.ts";
import { mean } from "../graph/ops/elementwise.ts";

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
export interface TrainingBatch {
  readonly tokens: Int32Array;
  readonly labels: Int32Array;
}

/** A model in training; `parameters` change in place. */
export class LanguageModelTrainer {
  readonly optimizer: AdamW;
  readonly #program: Program;

  private constructor(
    program: Program,
    readonly parameters: ReadonlyMap<string, Float32Array>,
    readonly settings: TrainingSettings,
  ) {
    this.#program = program;
    this.optimizer = new AdamW(parameters, settings.optimizer);
  }

  /** Compiles the loss and its gradients for the sizes in `settings`. */
  static async create(
    engine: Engine,
    config: DecoderConfig,
    parameters: ReadonlyMap<string, Float32Array>,
    settings: TrainingSettings,
  ): Promise<LanguageModelTrainer> {
    const { batch, sequence } = settings;
    const inputs = parameterInputs(config);
    const tokens = input("tokens", [batch * sequence], "i32");
    const labels = input("labels", [batch * sequence], "i32");
    const shape = { batch, sequence };
    const context = { config, shape, parameters: inputs, linear: denseLinear(inputs) };
    const loss = mean(crossEntropy(modelLogits(tokens, context), labels));
    const names = [...parameters.keys()];
    const gradients = gradient(loss, names.map(inputs));
    const program = await engine.compile({
      loss,
      ...Object.fromEntries(names.map((name, index) => [name, gradients[index]])),
    });
    return new LanguageModelTrainer(program, parameters, settings);
  }

  /**
   * One step of AdamW with a clipped gradient; answers the loss before it, in nats per token.
   *
   * @throws {DivergenceError} if the loss or a gradient is not finite; nothing is changed then.
   */
  async step(batch: TrainingBatch): Promise<number> {
    const results = await this.#program.run({
      ...Object.fromEntries(this.parameters),
      tokens: batch.tokens,
      labels: batch.labels,
    });
    const gradients = (name: string) => results[name] as Float32Array;
    this.#checkFinite(results.loss[0], gradients);
    clip([...this.parameters.keys()].map(gradients), this.settings.clipNorm);
    this.optimizer.step(gradients, this.#learningRate());
    return results.loss[0];
  }

  /** Frees the compiled graph. */
  async release(): Promise<void> {
    await this.#program.release();
  }

  #checkFinite(loss: number, gradients: (name: string) => Float32Array): void {
    const tensor = [...this.parameters.keys()].find((name) => firstNotFinite(gradients(name)) >= 0);
    if (Number.isFinite(loss) && tensor === undefined) return;
    throw new DivergenceError({
      problem: `step ${this.optimizer.stepCount + 1} has a loss or a gradient that is not finite`,
      tensor,
      option: "learningRate",
      value: loss,
      expected: `finite numbers; a lower rate than ${this.settings.learningRate} may give them`,
    });
  }

  #learningRate(): number {
    const { learningRate, warmUp, steps } = this.settings;
    const done = this.optimizer.stepCount;
    if (done < warmUp) return learningRate * (done + 1) / warmUp;
    return cosineLearningRate(done - warmUp, steps - warmUp, learningRate, learningRate / 10);
  }
}

/** Scales all gradients by clipNorm / ‖gradient‖ where that is below 1. */
function clip(gradients: readonly Float32Array[], clipNorm: number): void {
  let sumOfSquares = 0;
  for (const gradient of gradients) {
    for (let i = 0; i < gradient.length; i++) sumOfSquares += gradient[i] * gradient[i];
  }
  const norm = Math.sqrt(sumOfSquares);
  if (norm <= clipNorm) return;
  for (const gradient of gradients) {
    for (let i = 0; i < gradient.length; i++) gradient[i] *= clipNorm / norm;
  }
}
