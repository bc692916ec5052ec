/** Measures how well the models of a pair predict texts, and how near they are to the fine-tune. */

import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { TextTokenizer } from "../checkpoint/tokenizer.ts";
import type { WeightSource } from "../checkpoint/weights.ts";
import { findCodec } from "../codecs/mod.ts";
import { applyDelta } from "../delta/apply.ts";
import { openDelta } from "../delta/delta_file.ts";
import { Evaluator, type KeptWatch } from "../evaluation/evaluator.ts";
import { resampledText } from "../evaluation/score_documents.ts";
import type { ScoreSummary } from "../evaluation/scores.ts";
import { type TokenText, tokenText } from "../evaluation/token_text.ts";
import type { WindowProtocol } from "../evaluation/windows.ts";
import type { Engine } from "../graph/engine.ts";
import type { TextDocument } from "../texts/document.ts";
import { DeltaError } from "../util/errors.ts";
import { Once } from "../util/once.ts";

/**
 * The files whose code determines scores: this one, what reads checkpoints and makes tokens, and the codecs
 * that the model's delta needs.
 */
export function evaluationCode(codecs: readonly string[]): string[] {
  return [
    import.meta.url,
    new URL("../checkpoint/checkpoint.ts", import.meta.url).href,
    ...codecs.map((name) => findCodec(name).module),
  ];
}

/** A delta that was kept, and what its digest must be. */
export interface KeptDelta {
  /** Its file. */
  readonly path: string;
  /** As its compression wrote it. */
  readonly digest: string;
}

/** What is scored: two checkpoints that match, and how. */
export interface ScoredPair {
  /** The base. */
  readonly base: Checkpoint;
  /** The fine-tune, which is the reference. */
  readonly fine: Checkpoint;
  /** Makes tokens of texts. */
  tokenizer(): Promise<TextTokenizer>;
  /** Sizes of the windows. */
  readonly windows: WindowProtocol;
  /** Runs the graphs. */
  readonly engine: Engine;
}

/** Scores the models of a pair; tokens and what the fine-tune says of a text are made once. */
export class PairScores {
  readonly #once = new Once();
  readonly #evaluator: Evaluator;

  /** @throws {OptionError} if a window is longer than the positions the pair was made for. */
  constructor(readonly pair: ScoredPair) {
    this.#evaluator = new Evaluator(pair.engine, pair.fine.config, pair.windows);
  }

  /**
   * A text as tokens.
   *
   * @throws {TextError} if it is too short.
   */
  text(name: string, documents: readonly TextDocument[]): Promise<TokenText> {
    const { windows } = this.pair;
    return this.#once.make(
      `text ${name}`,
      async () => {
        const whole = await tokenText(name, documents, await this.pair.tokenizer());
        return resampledText(whole, windows).text;
      },
    );
  }

  /**
   * Scores one of the pair's own models, or the base with a delta.
   *
   * @throws {DeltaError} if the delta is not the one that was kept.
   */
  async score(
    model: "base" | "fine" | KeptDelta,
    text: TokenText,
    watch: KeptWatch,
  ): Promise<ScoreSummary> {
    if (typeof model === "string") return await this.#score(this.pair[model], text, watch);
    using delta = await openDelta(model.path);
    if (delta.digest !== model.digest) {
      throw new DeltaError({
        problem: "is not the delta that its compression wrote",
        file: model.path,
        option: "digest",
        value: delta.digest,
        expected: `${model.digest}; delete it to compress again`,
      });
    }
    const { base } = this.pair;
    return await this.#score(
      await applyDelta(base, delta, { baseHash: await base.hash() }),
      text,
      watch,
    );
  }

  async #score(model: WeightSource, text: TokenText, watch: KeptWatch): Promise<ScoreSummary> {
    const reference = await this.#once.make(
      `reference ${text.name}`,
      () => this.#evaluator.reference(this.pair.fine, text, watch),
    );
    return await this.#evaluator.score(model, text, reference, watch);
  }

  /** Frees compiled graphs. */
  async release(): Promise<void> {
    this.#once.clear();
    await this.#evaluator.release();
  }
}
