/**
 * Scores texts under a model: sliding-window NLL, and KL and agreement against a reference model.
 * Runs layer by layer, so that models of any size can be scored.
 */

import type { DecoderConfig } from "../checkpoint/config.ts";
import { firstNotFinite } from "../checkpoint/not_finite.ts";
import type { WeightSource } from "../checkpoint/weights.ts";
import { graphKey } from "../model/linear.ts";
import { PlacedModels } from "../model/placed_models.ts";
import type { Engine, Placed, Program } from "../graph/engine.ts";
import { input } from "../graph/graph.ts";
import { sumTo } from "../graph/ops/elementwise.ts";
import { releaseAll } from "../graph/program_cache.ts";
import type { Watch } from "../util/progress.ts";
import { KeptPass, type KeptScores } from "./kept_scores.ts";
import { checkPositions, checkTokens, diverged } from "./scoring_faults.ts";
import { perRow, type WindowBatch, windowBatches, WindowWork } from "./window_batches.ts";
import { type BatchStates, WindowStates } from "./window_states.ts";
import { type RowScores, ScoringHead } from "./scoring_head.ts";
import { type ScoreSummary, summarize, type WindowScores } from "./scores.ts";
import type { TokenText } from "./token_text.ts";
import { type ScoredWindow, slidingWindows, type WindowProtocol } from "./windows.ts";

/** How scoring is watched, and kept where it is interrupted. */
export interface KeptWatch extends Watch {
  /** What an earlier run came to, and where this one keeps what it comes to; default: nowhere. */
  readonly kept?: KeptScores;
}

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
 * Scores models, as a rule of one architecture: a base may have another vocabulary or other positions than its
 * fine-tune. Its KL is then over the ids that both have, its agreement over all. Compiled graphs are kept from text to text and model to model.
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
  readonly #models: PlacedModels;
  readonly #ownModels: PlacedModels | null;
  readonly #states: WindowStates;
  readonly #heads = new Map<string, Promise<ScoringHead>>();
  readonly #marks = new Map<number, Promise<Program>>();
  readonly #references: Placed[] = [];

  /**
   * For models that are scored by one protocol.
   *
   * @param config of the model that is compared with, or of the only one; what others may not differ in is the
   * width of their hidden states.
   * @param models what stays placed from one evaluator to the next; default: of this one until its release.
   * @throws {OptionError} if a window is longer than the positions the model was made for.
   */
  constructor(
    readonly engine: Engine,
    readonly config: DecoderConfig,
    readonly protocol: WindowProtocol,
    models?: PlacedModels,
  ) {
    this.#ownModels = models ? null : new PlacedModels(engine);
    this.#models = models ?? this.#ownModels!;
    this.#states = new WindowStates(engine, config.hiddenSize, this.#models);
    checkPositions(config, protocol.context + protocol.window);
  }

  /**
   * Runs the reference model over a text, for {@linkcode Evaluator.score}; what it says is kept until
   * {@linkcode Evaluator.release}.
   *
   * @throws as {@linkcode Evaluator.score}.
   */
  async reference(
    model: WeightSource,
    text: TokenText,
    watch: KeptWatch = {},
  ): Promise<Reference> {
    checkPositions(model.config, this.protocol.context + this.protocol.window);
    checkTokens(model, text);
    const batches = this.#batches(text);
    const work = new WindowWork(batches, this.config.layerCount, model.name, watch);
    const kept = KeptPass.of(watch.kept, this.engine, "reference", [model], text.tokens, batches);
    const going = { kept, stays: true };
    const hidden: Placed[] = [];
    let done: Promise<unknown> = Promise.resolve();
    try {
      for await (const each of this.#states.of(model, text.tokens, batches, work, going)) {
        hidden.push(each.hidden);
        // The engine has the work of two batches at most, so that it is stopped soon.
        await done;
        done = this.#mark(each.hidden);
      }
      await done;
    } catch (error) {
      await Promise.allSettled([done]);
      hidden.forEach((each) => each.release());
      throw error;
    }
    this.#references.push(...hidden);
    return { model, text, hidden };
  }

  /**
   * Scores a text under `model`; with a reference for the same text, also KL(reference ‖ model) and
   * agreement.
   *
   * @throws {TextError} if the text is too short.
   * @throws {DivergenceError} if a score is NaN or infinite, naming the tensor of the largest weight.
   * @throws {CheckpointError} if a token lies beyond the model's vocabulary, as a base's that has not the tokens
   * of its fine-tune.
   * @throws {OptionError} if a window is longer than the positions the model was made for.
   */
  async score(
    model: WeightSource,
    text: TokenText,
    reference?: Reference,
    watch: KeptWatch = {},
  ): Promise<ScoreSummary> {
    checkPositions(model.config, this.protocol.context + this.protocol.window);
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
    watch: KeptWatch = {},
  ): Promise<WindowScores[]> {
    const batches = windowBatches(windows, this.config, this.engine.memory.atOnce);
    return await this.#scores(model, text, batches, undefined, watch);
  }

  async #scores(
    model: WeightSource,
    text: TokenText,
    batches: readonly WindowBatch[],
    reference: Reference | undefined,
    watch: KeptWatch,
  ): Promise<WindowScores[]> {
    checkTokens(model, text);
    const work = new WindowWork(batches, this.config.layerCount + 1, model.name, watch);
    using weights = await ScoringHead.weights(this.#models.of(model));
    using referenceModel = reference ? this.#models.beside(reference.model) : null;
    using referenceWeights = referenceModel && await ScoringHead.weights(referenceModel.placed);
    const models = reference ? [model, reference.model] : [model];
    const kept = KeptPass.of(watch.kept, this.engine, "scored", models, text.tokens, batches);
    const before = await kept?.scores() ?? [];
    before.forEach((_, index) => work.resume(batches[index], this.config.layerCount + 1));
    const scores = before.flatMap((rows, index) => scoresOf(batches[index], rows));
    const score = async ({ batch, hidden }: BatchStates, index: number) => {
      try {
        const head = await this.#head(batch, model.config, reference?.model.config ?? null);
        const labels = perRow(batch, ({ end, scored }) => text.tokens.subarray(end - scored, end));
        const rows = await head.score(
          { weights, hidden },
          labels,
          reference && { weights: referenceWeights!, hidden: reference.hidden[index] },
        );
        if (firstNotFinite(rows.nll) >= 0) throw await diverged("NLL", text, [model]);
        if (rows.kl && firstNotFinite(rows.kl) >= 0) {
          throw await diverged("KL", text, [model, reference!.model]);
        }
        await kept?.keepScores(index, rows);
        scores.push(...scoresOf(batch, rows));
        work.did(batch);
      } finally {
        hidden.release();
      }
    };
    let count = before.length;
    let last: Promise<unknown> = Promise.resolve();
    let held: Placed | null = null;
    const going = { kept, begin: count };
    try {
      for await (const states of this.#states.of(model, text.tokens, batches, work, going)) {
        held = states.hidden;
        // While the scores of a batch come back, the engine works on the next.
        await last;
        watch.signal?.throwIfAborted();
        last = score(states, count++);
        held = null;
      }
      await last;
    } catch (error) {
      held?.release();
      await Promise.allSettled([last]);
      throw error;
    }
    return scores;
  }

  /** Frees the compiled graphs. */
  async release(): Promise<void> {
    await this.#states.release();
    await releaseAll(this.#heads.values());
    await releaseAll(this.#marks.values());
    this.#references.splice(0).forEach((each) => each.release());
    this.#ownModels?.[Symbol.dispose]();
  }

  #batches(text: TokenText): WindowBatch[] {
    const windows = slidingWindows(text.tokens.length, this.protocol, text.name);
    return windowBatches(windows, this.config, this.engine.memory.atOnce);
  }

  #head(
    { rows, scored }: WindowBatch,
    config: DecoderConfig,
    reference: DecoderConfig | null,
  ): Promise<ScoringHead> {
    const key = `${rows} × ${scored} ${graphKey(config)} ${reference && graphKey(reference)}`;
    const known = this.#heads.get(key) ??
      ScoringHead.compile(this.engine, config, rows * scored, reference);
    this.#heads.set(key, known);
    return known;
  }

  /** Waits until the engine has computed numbers: reads their sum. */
  async #mark(numbers: Placed): Promise<void> {
    const { length } = numbers;
    const known = this.#marks.get(length) ??
      this.engine.compile({ sum: sumTo(input("numbers", [length]), []) });
    this.#marks.set(length, known);
    await (await known).run({ numbers });
  }
}

/** The scores of a batch's windows, of which a batch that is not full has fewer than rows. */
function scoresOf({ windows, scored }: WindowBatch, rows: RowScores): WindowScores[] {
  return windows.map((window, row) => {
    const span = [row * scored, (row + 1) * scored] as const;
    return {
      window,
      nll: rows.nll.slice(...span),
      kl: rows.kl?.slice(...span) ?? null,
      agreement: rows.agreement?.slice(...span) ?? null,
    };
  });
}
