/**
 * A base and its fine-tune, opened together: extract, calibrate, apply, evaluate. The first thing a
 * user meets; a study keeps more open between its measurements (`open_pair.ts`).
 */

import { calibrate, type Calibration, type CalibrationMethod } from "../methods/calibrate.ts";
import { compress } from "../methods/compress.ts";
import type { TrainedDelta } from "../methods/method.ts";
import type { MethodChoice } from "../methods/mod.ts";
import { initial } from "../methods/initial.ts";
import { calibrationSequences } from "../texts/sequences.ts";
import { Checkpoint } from "../checkpoint/checkpoint.ts";
import { checkPair } from "../checkpoint/pair.ts";
import type { TextTokenizer } from "../checkpoint/tokenizer.ts";
import type { WeightSource } from "../checkpoint/weights.ts";
import { applyToCheckpoint, checkMadeFrom } from "../delta/apply.ts";
import type { Delta } from "../delta/delta.ts";
import type { TextDocument } from "../texts/document.ts";
import { Evaluator, type Reference } from "../evaluation/evaluator.ts";
import type { ScoreSummary } from "../evaluation/scores.ts";
import { type TokenText, tokenText } from "../evaluation/token_text.ts";
import type { WindowProtocol } from "../evaluation/windows.ts";
import type { Engine } from "../graph/engine.ts";
import { onnxEngine } from "../engines/onnx/engine.ts";
import type { Watch } from "../util/progress.ts";

/** How a pair is opened. */
export interface PairOptions {
  /** Runs the graphs; default: ONNX Runtime on all cores. */
  engine?: Engine;
  /** Windows of `evaluate`; default: those of the embedded pairs, 256 tokens before 128 scored ones. */
  windows?: WindowProtocol;
}

/** Two checkpoints that match. Dispose of it to close files and free compiled graphs. */
export class Pair implements AsyncDisposable {
  readonly #evaluator: Evaluator;

  private constructor(
    readonly base: Checkpoint,
    readonly fine: Checkpoint,
    readonly tokenizer: TextTokenizer,
    readonly engine: Engine,
    readonly windows: WindowProtocol,
  ) {
    this.#evaluator = new Evaluator(engine, fine.config, windows);
  }

  /**
   * Opens two checkpoint folders, and the fine-tune's tokenizer; where it lacks one, its base's.
   *
   * @throws {ConfigError} {SafetensorsError} {CheckpointError} {TokenizerError} if a folder is not a
   * Llama or Mistral checkpoint, or the two do not match.
   */
  static async open(
    baseFolder: string,
    fineFolder: string,
    options: PairOptions = {},
  ): Promise<Pair> {
    using opened = new DisposableStack();
    const base = opened.use(await Checkpoint.open(baseFolder));
    const fine = opened.use(await Checkpoint.open(fineFolder));
    checkPair(base, fine);
    const tokenizer = await fine.tokenizer(base);
    const { engine = onnxEngine(), windows = { context: 256, window: 128 } } = options;
    const pair = new Pair(base, fine, tokenizer, engine, windows);
    opened.move();
    return pair;
  }

  /**
   * The delta of a method, and how the loss of one that trains went.
   *
   * @param texts calibration text; each is cut or padded to 128 tokens. `null` will do for a method that sees
   * weights alone.
   * @throws {OptionError} if there is no such method, variant or setting.
   * @throws {TextError} if there is too little text.
   */
  async compress(
    choice: MethodChoice,
    texts: readonly string[] | null = null,
    watch?: Watch,
  ): Promise<TrainedDelta> {
    const sequences = texts && await calibrationSequences(texts, this.tokenizer, watch);
    return await compress(this.engine, this.base, this.fine, choice, sequences, watch);
  }

  /** The delta with mean |Δ| as scales: method `initial`. */
  async extract(watch?: Watch): Promise<Delta> {
    const choice = { method: initial.name };
    return (await compress(this.engine, this.base, this.fine, choice, null, watch)).delta;
  }

  /**
   * The delta with calibrated scales.
   *
   * @param texts calibration text; each is cut or padded to 128 tokens.
   * @throws {TextError} if there is too little of it.
   */
  async calibrate(
    method: CalibrationMethod,
    texts: readonly string[],
    watch?: Watch,
  ): Promise<Calibration> {
    const sequences = await calibrationSequences(texts, this.tokenizer, watch);
    return await calibrate(this.engine, this.base, this.fine, method, sequences, watch);
  }

  /**
   * The base with a delta applied.
   *
   * @throws {DeltaError} if the delta was made for another base or from another fine-tune.
   */
  async apply(delta: Delta): Promise<WeightSource> {
    const model = await applyToCheckpoint(this.base, delta);
    await checkMadeFrom(delta, this.fine);
    return model;
  }

  /**
   * The documents as one text of tokens, to score.
   *
   * @throws {TextError} if there is no text.
   * @throws {TokenizerError} if it has a token that the model does not know.
   */
  text(name: string, documents: readonly TextDocument[], watch?: Watch): Promise<TokenText> {
    return tokenText(name, documents, this.tokenizer, watch);
  }

  /** What the fine-tune says of a text, for the KL and agreement of other models. */
  reference(text: TokenText, watch?: Watch): Promise<Reference> {
    return this.#evaluator.reference(this.fine, text, watch);
  }

  /**
   * Perplexity of a model on a text, and with a reference KL and agreement.
   *
   * @throws {TextError} if the text is too short.
   */
  evaluate(
    model: WeightSource,
    text: TokenText,
    reference?: Reference,
    watch?: Watch,
  ): Promise<ScoreSummary> {
    return this.#evaluator.score(model, text, reference, watch);
  }

  /** Closes files and frees compiled graphs. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#evaluator.release();
    this.base.close();
    this.fine.close();
  }
}
