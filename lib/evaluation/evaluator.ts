/**
 * Scores texts under a model: sliding-window NLL, and KL and agreement against a reference model.
 * Runs layer by layer, so that models of any size can be scored.
 */

import type { DecoderConfig } from "../checkpoint/config.ts";
import { firstNotFinite, largestWeight } from "../checkpoint/not_finite.ts";
import type { WeightSource } from "../checkpoint/weights.ts";
import { CheckpointError, DivergenceError, OptionError } from "../util/errors.ts";
import { formsKey, type LayerForms } from "../model/linear.ts";
import { modelTensors } from "../model/model_tensors.ts";
import { DecoderPipeline } from "../model/pipeline.ts";
import { PlacedModel } from "../model/placed_model.ts";
import type { Engine, Placed } from "../graph/engine.ts";
import { releaseAll } from "../graph/program_cache.ts";
import type { Watch } from "../util/progress.ts";
import {
  perRow,
  predictingRows,
  RowPicker,
  type WindowBatch,
  windowBatches,
  WindowWork,
} from "./window_batches.ts";
import { ScoringHead } from "./scoring_head.ts";
import { type ScoreSummary, summarize, type WindowScores } from "./scores.ts";
import type { TokenText } from "./token_text.ts";
import { type ScoredWindow, slidingWindows, type WindowProtocol } from "./windows.ts";

/** What a reference model, as a rule the fine-tune, says of a text. */
export interface Reference {
  /** The model that is compared with. */
  readonly model: WeightSource;
  /** The text that it was run on. */
  readonly text: TokenText;
  /** Its last hidden states at the predicting positions, for each batch of windows. */
  readonly hidden: readonly Placed[];
}

/**
 * Scores models of one architecture; compiled graphs are kept from text to text and model to model.
 *
 * @example
 * ```ts
 * import {
 *   evaluationDocuments,
 *   Evaluator,
 *   firstTokens,
 *   Pair,
 *   projectPath,
 * } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * await using pair = await Pair.open(
 *   projectPath("data/checkpoints/llama-base"),
 *   projectPath("data/checkpoints/llama-assistant"),
 * );
 * const documents = await evaluationDocuments("health");
 * const text = firstTokens(await pair.text("health", documents), 512);
 * const evaluator = new Evaluator(pair.engine, pair.fine.config, { context: 64, window: 64 });
 * const reference = await evaluator.reference(pair.fine, text);
 * const { kl, agreement } = await evaluator.score(pair.fine, text, reference);
 * assert.deepEqual([kl, agreement], [0, 1]);
 * await evaluator.release();
 * ```
 */
export class Evaluator {
  readonly #pipelines = new Map<string, Promise<DecoderPipeline>>();
  readonly #heads = new Map<string, Promise<ScoringHead>>();
  readonly #pickers = new Map<string, Promise<RowPicker>>();
  readonly #references: Placed[] = [];
  /** The model that was scored last stays placed: it is often the next one too. */
  #placed: { readonly model: WeightSource; readonly weights: PlacedModel } | null = null;

  /**
   * For models of one architecture, scored by one protocol.
   *
   * @throws {OptionError} if a window is longer than the positions the model was made for.
   */
  constructor(
    readonly engine: Engine,
    readonly config: DecoderConfig,
    readonly protocol: WindowProtocol,
  ) {
    const length = protocol.context + protocol.window;
    if (length <= config.maximumPositions) return;
    throw new OptionError({
      problem: "windows are longer than the model's positions",
      option: "context plus window",
      value: length,
      expected: `at most ${config.maximumPositions}, its max_position_embeddings`,
    });
  }

  /**
   * Runs the reference model over a text, for {@linkcode Evaluator.score}; what it says is kept until
   * {@linkcode Evaluator.release}.
   */
  async reference(model: WeightSource, text: TokenText, watch: Watch = {}): Promise<Reference> {
    const batches = this.#batches(text);
    const work = new WindowWork(batches, this.config.layerCount, model.name, watch);
    const hidden = await this.#hidden(model, text, batches, work);
    this.#references.push(...hidden);
    return { model, text, hidden };
  }

  /**
   * Scores a text under `model`; with a reference for the same text, also KL(reference ‖ model) and
   * agreement.
   *
   * @throws {TextError} if the text is too short.
   * @throws {DivergenceError} if a score is NaN or infinite, naming the tensor of the largest weight.
   * @throws {CheckpointError} if a token lies beyond the model's vocabulary.
   */
  async score(
    model: WeightSource,
    text: TokenText,
    reference?: Reference,
    watch: Watch = {},
  ): Promise<ScoreSummary> {
    return summarize(text, await this.#scores(model, text, this.#batches(text), reference, watch));
  }

  /**
   * Scores windows of a text that are not the protocol's.
   *
   * @returns each window with its scores, those of one length together
   * @throws as {@linkcode Evaluator.score}.
   */
  async scoreWindows(
    model: WeightSource,
    text: TokenText,
    windows: readonly ScoredWindow[],
    watch: Watch = {},
  ): Promise<WindowScores[]> {
    const batches = windowBatches(windows, this.config, this.engine.memory.atOnce);
    return await this.#scores(model, text, batches, undefined, watch);
  }

  async #scores(
    model: WeightSource,
    text: TokenText,
    batches: readonly WindowBatch[],
    reference: Reference | undefined,
    watch: Watch,
  ): Promise<WindowScores[]> {
    const work = new WindowWork(batches, this.config.layerCount + 1, model.name, watch);
    const hidden = await this.#hidden(model, text, batches, work);
    using weights = await ScoringHead.weights(this.#weights(model));
    using referenceModel = reference
      ? new PlacedModel(this.engine, modelTensors(reference.model, this.engine))
      : null;
    using referenceWeights = referenceModel && await ScoringHead.weights(referenceModel);
    const scores: WindowScores[] = [];
    for (const [index, batch] of batches.entries()) {
      watch.signal?.throwIfAborted();
      const head = await this.#head(batch, reference !== undefined);
      const labels = perRow(batch, ({ end, scored }) => text.tokens.subarray(end - scored, end));
      const rows = await head.score(
        { weights, hidden: hidden[index] },
        labels,
        reference && { weights: referenceWeights!, hidden: reference.hidden[index] },
      );
      hidden[index].release();
      if (firstNotFinite(rows.nll) >= 0) throw await diverged("NLL", text, [model]);
      if (rows.kl && firstNotFinite(rows.kl) >= 0) {
        throw await diverged("KL", text, [model, reference!.model]);
      }
      batch.windows.forEach((window, row) => {
        const span = [row * batch.scored, (row + 1) * batch.scored] as const;
        scores.push({
          window,
          nll: rows.nll.slice(...span),
          kl: rows.kl?.slice(...span) ?? null,
          agreement: rows.agreement?.slice(...span) ?? null,
        });
      });
      work.did(batch);
    }
    return scores;
  }

  /** Frees the compiled graphs. */
  async release(): Promise<void> {
    await releaseAll(this.#pipelines.values());
    await releaseAll(this.#heads.values());
    await releaseAll(this.#pickers.values());
    this.#references.splice(0).forEach((each) => each.release());
    this.#placed?.weights[Symbol.dispose]();
    this.#placed = null;
  }

  /** Last hidden states at the positions that predict a scored token, `[rows · scored, hidden]`. */
  async #hidden(
    model: WeightSource,
    text: TokenText,
    batches: readonly WindowBatch[],
    work: WindowWork,
  ): Promise<Placed[]> {
    this.#checkTokens(text);
    const weights = this.#weights(model);
    const kept: Placed[] = [];
    for (const length of new Set(batches.map((batch) => batch.length))) {
      const alike = batches.filter((batch) => batch.length === length);
      const pipeline = await this.#pipeline(alike[0], weights.tensors.layers);
      const inputs = alike.map((batch) => ({
        tokens: perRow(batch, ({ begin, end }) => text.tokens.subarray(begin, end)),
      }));
      const states = await pipeline.forward(weights, inputs, {
        signal: work.signal,
        onProgress: ({ done }) => work.did(alike[(done - 1) % alike.length]),
      });
      for (const [index, state] of states.entries()) {
        const picker = await this.#picker(alike[index]);
        kept.push(await picker.pick(state, predictingRows(alike[index])));
        state.release();
      }
    }
    return kept;
  }

  #batches(text: TokenText): WindowBatch[] {
    const windows = slidingWindows(text.tokens.length, this.protocol, text.name);
    return windowBatches(windows, this.config, this.engine.memory.atOnce);
  }

  #checkTokens(text: TokenText): void {
    const beyond = text.tokens.find((token) => token >= this.config.vocabularySize);
    if (beyond === undefined) return;
    throw new CheckpointError({
      problem: `text '${text.name}' holds a token beyond the vocabulary`,
      value: beyond,
      expected: `a token below ${this.config.vocabularySize}`,
    });
  }

  #weights(model: WeightSource): PlacedModel {
    if (this.#placed?.model !== model) {
      this.#placed?.weights[Symbol.dispose]();
      const weights = new PlacedModel(this.engine, modelTensors(model, this.engine));
      this.#placed = { model, weights };
    }
    return this.#placed!.weights;
  }

  #picker({ rows, length, scored }: WindowBatch): Promise<RowPicker> {
    const key = `${rows} × ${length} of ${scored}`;
    const known = this.#pickers.get(key) ??
      RowPicker.compile(this.engine, rows * length, this.config.hiddenSize, rows * scored);
    this.#pickers.set(key, known);
    return known;
  }

  #pipeline({ rows, length }: WindowBatch, layers: LayerForms | null): Promise<DecoderPipeline> {
    const key = `${rows} × ${length} ${formsKey(this.config, layers)}`;
    const shape = { batch: rows, sequence: length };
    const known = this.#pipelines.get(key) ??
      DecoderPipeline.compile(this.engine, this.config, shape, { layers });
    this.#pipelines.set(key, known);
    return known;
  }

  #head({ rows, scored }: WindowBatch, referenced: boolean): Promise<ScoringHead> {
    const key = `${rows} × ${scored}${referenced ? " with reference" : ""}`;
    const known = this.#heads.get(key) ??
      ScoringHead.compile(this.engine, this.config, rows * scored, referenced);
    this.#heads.set(key, known);
    return known;
  }
}

/** Names the tensor that is most likely at fault: where products overflow, the one of the largest weight. */
async function diverged(
  what: string,
  text: TokenText,
  models: readonly WeightSource[],
): Promise<DivergenceError> {
  const { model, tensor, magnitude } = await largestWeight(models);
  return new DivergenceError({
    problem: `${what} of '${model}' on '${text.name}' is not finite; its largest weight is here`,
    tensor,
    value: magnitude,
    expected: "weights whose products stay within 32-bit floats",
  });
}
