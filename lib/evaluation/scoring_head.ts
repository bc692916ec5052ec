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
import { input, type Numbers, type Value } from "../graph/graph.ts";
import { argmax, crossEntropy, klDivergence } from "../graph/ops/likelihood.ts";
import { firstColumns, gatherRows } from "../graph/ops/matrix.ts";

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
  private constructor(
    readonly engine: Engine,
    readonly program: Program,
    readonly rows: number,
    /** Rows whose logits there is room for at once. */
    readonly block: number,
  ) {}

  /**
   * @param reference what rows are compared with; `null`: nothing. Where its vocabulary is another, KL is that
   * of the distributions over the ids that both have, each as if no other could follow; agreement is that of the
   * first choices among all.
   */
  static async compile(
    engine: Engine,
    config: DecoderConfig,
    rows: number,
    reference: DecoderConfig | null,
  ): Promise<ScoringHead> {
    const vocabularies = [config, reference ?? config].map((each) => each.vocabularySize);
    const fitting = Math.floor(engine.memory.atOnce / (4 * Math.max(...vocabularies)));
    const block = Math.min(rows, Math.max(1, fitting));
    const labels = input("labels", [block], "i32");
    const logits = logitsOf("", config, rows, block);
    const outputs: Record<string, Value> = { nll: crossEntropy(logits, labels) };
    if (reference) {
      const expected = logitsOf("reference:", reference, rows, block);
      const shared = Math.min(...vocabularies);
      outputs.kl = klDivergence(firstColumns(expected, shared), firstColumns(logits, shared));
      outputs.first = argmax(logits);
      outputs.referenceFirst = argmax(expected);
    }
    return new ScoringHead(engine, await engine.compile(outputs), rows, block);
  }

  /** The weights of a model that {@linkcode ScoringHead.score} takes; dispose of them afterwards. */
  static weights(model: PlacedModel): Promise<PlacedWeights> {
    const { config } = model.tensors;
    return model.layer(HEAD_TENSORS.map((name) => storedTensor(config, name)), 0);
  }

  /** Scores rows against the labels, and against what a reference says of the same rows. */
  async score(model: HeadInput, labels: Int32Array, reference?: HeadInput): Promise<RowScores> {
    const results = await this.#run(labels, {
      ...prefixed("", model),
      ...reference ? prefixed("reference:", reference) : {},
    });
    const nll = Float32Array.from(results.nll);
    if (!reference) return { nll, kl: null, agreement: null };
    const { first, referenceFirst } = results;
    const agreement = Int32Array.from(first, (token, row) => +(token === referenceFirst[row]));
    return { nll, kl: Float32Array.from(results.kl), agreement };
  }

  /** Runs block by block; all of them are read in one transfer. */
  async #run(labels: Int32Array, feeds: Readonly<Record<string, Feed>>) {
    const { rows, block } = this;
    if (rows === block) return await this.program.run({ labels, ...feeds });
    const blocks: Record<string, Placed>[] = [];
    try {
      for (let begin = 0; begin < rows; begin += block) {
        // The last block ends where the rows end, and so may begin before the one before it does.
        const first = Math.min(begin, rows - block);
        const places = Int32Array.from({ length: block }, (_, at) => first + at);
        const ofBlock = labels.slice(first, first + block);
        blocks.push(await this.program.keep({ ...feeds, places, labels: ofBlock }));
      }
      const numbers = await this.engine.read(blocks.flatMap((each) => Object.values(each)));
      const names = Object.keys(blocks[0]);
      return Object.fromEntries(names.map((name, at) => {
        const whole: Numbers = /first$/i.test(name) ? new Int32Array(rows) : new Float32Array(rows);
        blocks.forEach((_, index) => {
          whole.set(numbers[index * names.length + at], Math.min(index * block, rows - block));
        });
        return [name, whole];
      }));
    } finally {
      for (const each of blocks.flatMap((block) => Object.values(block))) each.release();
    }
  }

  /** Frees the compiled graph. */
  async release(): Promise<void> {
    await this.program.release();
  }
}

/**
 * Logits of `block` rows, all or those at `places`, from inputs whose names start with `prefix`, so that two
 * models stand in one graph.
 */
function logitsOf(prefix: string, config: DecoderConfig, rows: number, block: number): Value {
  const parameters = prefixedInputs(parameterInputs(config), prefix);
  const context = {
    config,
    shape: { batch: 1, sequence: block },
    parameters,
    linear: denseLinear(parameters),
  };
  const hidden = input(`${prefix}hidden`, [rows, config.hiddenSize]);
  const seen = block < rows ? gatherRows(hidden, input("places", [block], "i32")) : hidden;
  return headLogits(seen, context);
}

function prefixed(prefix: string, { weights, hidden }: HeadInput): Record<string, Feed> {
  return Object.fromEntries(
    Object.entries({ ...weights.feeds, hidden }).map(([name, feed]) => [prefix + name, feed]),
  );
}
