/**
 * A base and its fine-tune, opened together: compress, extract, apply, evaluate. The one flow that scripts,
 * notebooks and studies share; what several measurements of a study keep between them is `open_pair.ts`.
 */

import { Checkpoint } from "../checkpoint/checkpoint.ts";
import { checkPair } from "../checkpoint/pair.ts";
import { type SaveOptions, saveOptions } from "../checkpoint/save.ts";
import type { FloatType } from "../checkpoint/tensor.ts";
import type { TextTokenizer } from "../checkpoint/tokenizer.ts";
import { lentFiles } from "../checkpoint/tokenizer_place.ts";
import type { WeightSource } from "../checkpoint/weights.ts";
import { type AppliedModel, applyToCheckpoint, checkMadeFrom } from "../delta/apply.ts";
import type { Delta } from "../delta/delta.ts";
import { onnxEngine } from "../engines/onnx/engine.ts";
import { Evaluator, type Reference } from "../evaluation/evaluator.ts";
import type { ScoreSummary } from "../evaluation/scores.ts";
import { type TokenText, tokenText } from "../evaluation/token_text.ts";
import type { WindowProtocol } from "../evaluation/windows.ts";
import type { Engine } from "../graph/engine.ts";
import {
  compress,
  type CompressedFile,
  type CompressOptions,
  compressToFile,
  type CompressToFileOptions,
} from "../methods/compress.ts";
import { initial } from "../methods/initial.ts";
import type { MethodChoice, TrainedDelta } from "../methods/method.ts";
import type { TextDocument } from "../texts/document.ts";
import {
  type CalibrationSequences,
  calibrationSequences,
  checkEnoughText,
} from "../texts/sequences.ts";
import { InputError } from "../util/errors.ts";
import type { Watch } from "../util/progress.ts";
import { projectCode } from "./code_identity.ts";
import { compressionCode } from "./compression_code.ts";
import {
  generatedTexts,
  type PairGenerateOptions,
  pairTemplate,
  type PairText,
} from "./generated_texts.ts";

/** How a pair is opened; models of the Hub that are fetched for it report bytes. */
export interface PairOptions extends Watch {
  /** Runs the graphs; default: ONNX Runtime on all cores. */
  engine?: Engine;
  /** Windows of `evaluate`; default: those of the embedded pairs, 256 tokens before 128 scored ones. */
  windows?: WindowProtocol;
}

/**
 * Two checkpoints that match. Dispose of it to close files and free compiled graphs.
 *
 * @example
 * ```ts
 * import { embeddedTexts, firstTokens, Pair, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * await using pair = await Pair.open(
 *   projectPath("data/checkpoints/llama-base"),
 *   projectPath("data/checkpoints/llama-assistant"),
 * );
 * const texts = await embeddedTexts.calibration(1);
 * const method = { method: "activation-aware", settings: { rows: 64 } };
 * const { delta } = await pair.compress(method, texts);
 *
 * const health = await pair.text("health", await embeddedTexts.evaluation("health"));
 * const text = firstTokens(health, 1024);
 * const reference = await pair.reference(text);
 * const { kl: far } = await pair.evaluate(pair.base, text, reference);
 * const { kl: near } = await pair.evaluate(await pair.apply(delta), text, reference);
 * assert.ok(near! < far!);
 * ```
 */
export class Pair implements AsyncDisposable {
  #evaluator: Evaluator | undefined;
  #tokenizer: Promise<TextTokenizer> | undefined;

  private constructor(
    readonly base: Checkpoint,
    readonly fine: Checkpoint,
    readonly engine: Engine,
    readonly windows: WindowProtocol,
  ) {}

  /**
   * Opens two checkpoints, folders or names as of {@linkcode Checkpoint.open}. Tensors are read when they are needed, and so is the tokenizer.
   *
   * @throws {ConfigError} {SafetensorsError} {CheckpointError} if a folder is not a Llama, Mistral or Qwen
   * checkpoint, or the two do not match.
   */
  static async open(
    baseSource: string,
    fineSource: string,
    options: PairOptions = {},
  ): Promise<Pair> {
    using opened = new DisposableStack();
    const base = opened.use(await Checkpoint.open(baseSource, options));
    const fine = opened.use(await Checkpoint.open(fineSource, options));
    checkPair(base, fine);
    const { engine = onnxEngine(), windows = { context: 256, window: 128 } } = options;
    const pair = new Pair(base, fine, engine, windows);
    opened.move();
    return pair;
  }

  /**
   * The fine-tune's tokenizer; of what it lacks, its base's.
   *
   * @throws {TokenizerError} if neither has a usable one.
   */
  tokenizer(): Promise<TextTokenizer> {
    return this.#tokenizer ??= this.fine.tokenizer(this.base);
  }

  /** Which of the tokenizer's files are the base's, in words; `null` if the fine-tune has all of its own. */
  async lentTokenizer(): Promise<string | null> {
    return lentFiles(await this.fine.tokenizerPlace(this.base), this.fine.directory);
  }

  /**
   * Calibration text as tokens; each text is cut or padded to 128 of them.
   *
   * @throws {TokenizerError} as {@linkcode Pair.tokenizer}, and if a text cannot be encoded.
   */
  async sequences(texts: readonly string[], watch?: Watch): Promise<CalibrationSequences> {
    return await calibrationSequences(texts, await this.tokenizer(), watch);
  }

  /**
   * The delta that a method makes, and the loss before each of its steps.
   *
   * @param texts calibration text, or what {@linkcode Pair.sequences} made of it; `null` will do for a method
   * that sees weights alone.
   * @throws {OptionError} if there is no such method, variant or setting, or a value does not fit.
   * @throws {TextError} if there is too little text.
   */
  async compress(
    choice: MethodChoice,
    texts: readonly string[] | CalibrationSequences | null = null,
    options: CompressOptions = {},
  ): Promise<TrainedDelta> {
    const sequences = await this.#calibration(texts, options);
    return await compress(this.engine, this.base, this.fine, choice, sequences, options);
  }

  /**
   * {@linkcode Pair.compress} into a file, as {@linkcode compressToFile} does it: of a closed form no more than
   * one decoder layer is in memory.
   *
   * @returns the delta, open, and the loss before each step. Dispose of the delta.
   * @throws as {@linkcode Pair.compress}.
   * @throws {OutputError} if the file cannot be written.
   */
  async compressToFile(
    path: string,
    choice: MethodChoice,
    texts: readonly string[] | CalibrationSequences | null = null,
    options: CompressToFileOptions = {},
  ): Promise<CompressedFile> {
    const sequences = await this.#calibration(texts, options);
    const { engine, base, fine } = this;
    const code = () => codeOf(choice);
    const all = { code, ...options };
    return await compressToFile(path, engine, base, fine, choice, sequences, all);
  }

  /** The delta with mean |Δ| as scales, where most methods start from. */
  async extract(watch?: Watch): Promise<Delta> {
    return (await this.compress({ method: initial.name }, null, watch)).delta;
  }

  /**
   * The base with a delta applied.
   *
   * @throws {DeltaError} if the delta was made for another base or from another fine-tune.
   */
  async apply(delta: Delta): Promise<AppliedModel> {
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
  async text(
    name: string,
    documents: readonly TextDocument[],
    watch?: Watch,
  ): Promise<TokenText> {
    return await tokenText(name, documents, await this.tokenizer(), watch);
  }

  /** What the fine-tune says of a text, for the KL and agreement of other models. */
  async reference(text: TokenText, watch?: Watch): Promise<Reference> {
    return await this.#evaluatorOf().reference(this.fine, text, watch);
  }

  /**
   * Perplexity of a model on a text, and with a reference KL and agreement.
   *
   * @throws {TextError} if the text is too short.
   */
  async evaluate(
    model: WeightSource,
    text: TokenText,
    reference?: Reference,
    watch?: Watch,
  ): Promise<ScoreSummary> {
    return await this.#evaluatorOf().score(model, text, reference, watch);
  }

  /**
   * What models of the pair go on with from each prompt: the fine-tune, the base, deltas on it, in the order of the
   * prompts and of `models`. All texts of a base and its deltas are made together.
   *
   * @throws {OptionError} if a setting is none, or there is no chat template where one is asked for.
   * @throws {ServingError} if there is no room, or a text would be longer than the model was made for.
   * @throws {DeltaError} if a delta was made for another base.
   *
   * @example
   * ```ts
   * import { Pair, projectPath } from "@bitdelta/workspace";
   * import assert from "node:assert/strict";
   *
   * await using pair = await Pair.open(
   *   projectPath("data/checkpoints/llama-base"),
   *   projectPath("data/checkpoints/llama-assistant"),
   * );
   * const models = { fine: "fine", "one bit": await pair.extract() } as const;
   * const texts = await pair.generate("How do I", { models, temperature: 0, mostTokens: 8 });
   * assert.deepEqual(texts.map(({ model }) => model), ["fine", "one bit"]);
   * ```
   */
  async generate(
    prompts: string | readonly string[],
    options: PairGenerateOptions = {},
  ): Promise<PairText[]> {
    const { base, fine, engine } = this;
    const reading = {
      tokenizer: await this.tokenizer(),
      template: options.chat ? await pairTemplate(base, fine) : null,
    };
    return await generatedTexts(engine, base, fine, reading, [prompts].flat(), options);
  }

  /** Made when a text is scored: windows that the model has no positions for are nothing to what compresses. */
  #evaluatorOf(): Evaluator {
    return this.#evaluator ??= new Evaluator(this.engine, this.fine.config, this.windows);
  }

  /**
   * How {@linkcode saveCheckpoint} writes the base with a delta applied, as of {@linkcode saveOptions}: with all
   * but the weights from the fine-tune.
   */
  async saveOptions(dtype: FloatType = "F32"): Promise<SaveOptions> {
    return await saveOptions(this.fine, this.base, dtype);
  }

  async #calibration(
    texts: readonly string[] | CalibrationSequences | null,
    watch: Watch,
  ): Promise<CalibrationSequences | null> {
    const sequences = isTexts(texts) ? await this.sequences(texts, watch) : texts;
    if (sequences !== null) checkEnoughText(sequences);
    return sequences;
  }

  /** Closes files and frees compiled graphs. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#evaluator?.release();
    this.base.close();
    this.fine.close();
  }
}

/** What a kept run is known by; a method without a file, of a notebook's cell, is never the same again. */
async function codeOf(choice: MethodChoice): Promise<string> {
  try {
    return await projectCode.identity(compressionCode(choice));
  } catch (error) {
    if (error instanceof InputError) return crypto.randomUUID();
    throw error;
  }
}

function isTexts(
  given: readonly string[] | CalibrationSequences | null,
): given is readonly string[] {
  return Array.isArray(given);
}
