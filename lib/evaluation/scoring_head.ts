/**
 * The end of the model that turns hidden states into scores, without keeping logits: a reference is
 * remembered by its hidden states, which are far smaller, and its logits are made again here.
 */

import type { DecoderConfig } from "../checkpoint/config.ts";
import { storedTensor } from "../checkpoint/weights.ts";
import { denseLinear, parameterInputs, prefixedInputs } from "../model/linear.ts";
import { HEAD_TENSORS, headLogits } from "../model/llama.ts";
import type { PlacedModel, PlacedWeights } from "../model/placed_model.ts";
import type { Engine, Feed, Placed, Program } from "../graph/engine.ts";
import { input, type Value } from "../graph/graph.ts";
import { argmax, crossEntropy, klDivergence } from "../graph/ops/likelihood.ts";

/** Scores of rows of hidden states. */
export interface RowScores {
  readonly nll: Float32Array;
  readonly kl: Float32Array | null;
  readonly agreement: Int32Array | null;
}

/** What a model's head reads. */
export interface HeadInput {
  readonly weights: PlacedWeights;
  /** Last hidden states, `[rows, hidden]`. */
  readonly hidden: Placed;
}

/** Norm, head, loss and comparison, compiled for a number of rows. */
export class ScoringHead {
  private constructor(readonly program: Program) {}

  /** @param referenced whether rows are compared with a reference's. */
  static async compile(
    engine: Engine,
    config: DecoderConfig,
    rows: number,
    referenced: boolean,
  ): Promise<ScoringHead> {
    const labels = input("labels", [rows], "i32");
    const logits = logitsOf("", config, rows);
    const outputs: Record<string, Value> = { nll: crossEntropy(logits, labels) };
    if (referenced) {
      const reference = logitsOf("reference:", config, rows);
      outputs.kl = klDivergence(reference, logits);
      outputs.first = argmax(logits);
      outputs.referenceFirst = argmax(reference);
    }
    return new ScoringHead(await engine.compile(outputs));
  }

  /** The weights of a model that {@linkcode ScoringHead.score} takes; dispose of them afterwards. */
  static weights(model: PlacedModel): Promise<PlacedWeights> {
    const { config } = model.tensors;
    return model.layer(HEAD_TENSORS.map((name) => storedTensor(config, name)), 0);
  }

  /** Scores rows against the labels, and against what a reference says of the same rows. */
  async score(model: HeadInput, labels: Int32Array, reference?: HeadInput): Promise<RowScores> {
    const results = await this.program.run({
      labels,
      ...prefixed("", model),
      ...reference ? prefixed("reference:", reference) : {},
    });
    const nll = Float32Array.from(results.nll);
    if (!reference) return { nll, kl: null, agreement: null };
    const { first, referenceFirst } = results;
    const agreement = Int32Array.from(first, (token, row) => +(token === referenceFirst[row]));
    return { nll, kl: Float32Array.from(results.kl), agreement };
  }

  /** Frees the compiled graph. */
  async release(): Promise<void> {
    await this.program.release();
  }
}

/** Logits from inputs whose names start with `prefix`, so that two models stand in one graph. */
function logitsOf(prefix: string, config: DecoderConfig, rows: number): Value {
  const parameters = prefixedInputs(parameterInputs(config), prefix);
  const context = {
    config,
    shape: { batch: 1, sequence: rows },
    parameters,
    linear: denseLinear(parameters),
  };
  return headLogits(input(`${prefix}hidden`, [rows, config.hiddenSize]), context);
}

function prefixed(prefix: string, { weights, hidden }: HeadInput): Record<string, Feed> {
  return Object.fromEntries(
    Object.entries({ ...weights.feeds, hidden }).map(([name, feed]) => [prefix + name, feed]),
  );
}
