/**
 * Scores texts under a model: sliding-window NLL, and KL and agreement against a reference model.
 * Runs layer by layer, so that models of any size can be scored.
 */

import type { DecoderConfig } from "../checkpoint/config.ts";
import type { WeightSource } from "../checkpoint/weights.ts";
import { CheckpointError } from "../errors.ts";
import { DecoderPipeline } from "../graph/decoder/pipeline.ts";
import type { Engine } from "../graph/engine.ts";
import type { Watch } from "../progress.ts";
import { ScoringHead } from "./scoring_head.ts";
import { type ScoreSummary, summarize, type WindowScores } from "./scores.ts";
import type { TokenText } from "./token_text.ts";
import { type ScoredWindow, slidingWindows, type WindowProtocol } from "./windows.ts";

/** What a reference model, as a rule the fine-tune, says of a text. */
export interface Reference {
  readonly model: WeightSource;
  readonly text: TokenText;
  /** Its last hidden states at the predicting positions, for each batch of windows. */
  readonly hidden: readonly Float32Array[];
}

/** Windows of one length that run together. */
interface WindowBatch {
  readonly windows: readonly ScoredWindow[];
  readonly length: number;
  readonly scored: number;
}

/** Scores models of one architecture; compiled graphs are kept from text to text and model to model. */
export class Evaluator {
  readonly #pipelines = new Map<number, Promise<DecoderPipeline>>();
  readonly #heads = new Map<string, Promise<ScoringHead>>();

  /** @param batch windows that run at once. */
  constructor(
    readonly engine: Engine,
    readonly config: DecoderConfig,
    readonly protocol: WindowProtocol,
    readonly batch = 8,
  ) {}

  /** Runs the reference model over a text, for {@linkcode Evaluator.score}. */
  async reference(model: WeightSource, text: TokenText, watch: Watch = {}): Promise<Reference> {
    return { model, text, hidden: await this.#hidden(model, text, watch) };
  }

  /**
   * Scores a text under `model`; with a reference for the same text, also KL(reference ‖ model) and
   * agreement.
   *
   * @throws {TextError} if the text is too short.
   * @throws {CheckpointError} if a token lies beyond the model's vocabulary.
   */
  async score(
    model: WeightSource,
    text: TokenText,
    reference?: Reference,
    watch: Watch = {},
  ): Promise<ScoreSummary> {
    const hidden = await this.#hidden(model, text, watch);
    const scores: WindowScores[] = [];
    for (const [index, batch] of this.#batches(text).entries()) {
      const head = await this.#head(batch.scored, reference !== undefined);
      const labels = perRow(
        this.batch,
        batch,
        ({ end, scored }) => text.tokens.subarray(end - scored, end),
      );
      const rows = await head.score(
        model,
        hidden[index],
        labels,
        reference && {
          model: reference.model,
          hidden: reference.hidden[index],
        },
      );
      batch.windows.forEach((window, row) => {
        const span = [row * batch.scored, (row + 1) * batch.scored] as const;
        scores.push({
          window,
          nll: rows.nll.slice(...span),
          kl: rows.kl?.slice(...span) ?? null,
          agreement: rows.agreement?.slice(...span) ?? null,
        });
      });
    }
    return summarize(text, scores);
  }

  /** Frees the compiled graphs. */
  async release(): Promise<void> {
    for (const pipeline of this.#pipelines.values()) await (await pipeline).release();
    for (const head of this.#heads.values()) await (await head).release();
  }

  /** Last hidden states at the positions that predict a scored token, `[batch · scored, hidden]`. */
  async #hidden(model: WeightSource, text: TokenText, watch: Watch): Promise<Float32Array[]> {
    this.#checkTokens(text);
    const { hiddenSize } = this.config;
    const kept: Float32Array[] = [];
    const batches = this.#batches(text);
    for (const length of new Set(batches.map((batch) => batch.length))) {
      const alike = batches.filter((batch) => batch.length === length);
      const pipeline = await this.#pipeline(length);
      const inputs = alike.map((batch) => ({
        tokens: perRow(this.batch, batch, ({ begin, end }) => text.tokens.subarray(begin, end)),
      }));
      const states = await pipeline.forward(model, inputs, watch);
      states.forEach((state, index) => {
        const { scored } = alike[index];
        const rows = new Float32Array(this.batch * scored * hiddenSize);
        for (let row = 0; row < this.batch; row++) {
          // The token at position p is predicted at p − 1.
          const last = (row + 1) * length - 1;
          rows.set(
            state.subarray((last - scored) * hiddenSize, last * hiddenSize),
            row * scored * hiddenSize,
          );
        }
        kept.push(rows);
      });
    }
    return kept;
  }

  /** Batches of windows of one length; the windows come in the order of the text. */
  #batches(text: TokenText): WindowBatch[] {
    const windows = slidingWindows(text.tokens.length, this.protocol, text.name);
    const batches: WindowBatch[] = [];
    for (const length of new Set(windows.map(({ begin, end }) => end - begin))) {
      const alike = windows.filter(({ begin, end }) => end - begin === length);
      for (let at = 0; at < alike.length; at += this.batch) {
        const some = alike.slice(at, at + this.batch);
        batches.push({ windows: some, length, scored: some[0].scored });
      }
    }
    return batches;
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

  #pipeline(sequence: number): Promise<DecoderPipeline> {
    const known = this.#pipelines.get(sequence) ??
      DecoderPipeline.compile(this.engine, this.config, { batch: this.batch, sequence });
    this.#pipelines.set(sequence, known);
    return known;
  }

  #head(scored: number, referenced: boolean): Promise<ScoringHead> {
    const key = `${scored} ${referenced}`;
    const known = this.#heads.get(key) ??
      ScoringHead.compile(this.engine, this.config, this.batch * scored, referenced);
    this.#heads.set(key, known);
    return known;
  }
}

/** Rows of a full batch, end to end; a batch that is not full repeats its first row. */
function perRow(
  rows: number,
  { windows }: WindowBatch,
  tokens: (window: ScoredWindow) => Int32Array,
): Int32Array {
  const parts = Array.from({ length: rows }, (_, row) => tokens(windows[row] ?? windows[0]));
  const joined = new Int32Array(rows * parts[0].length);
  parts.forEach((part, row) => joined.set(part, row * part.length));
  return joined;
}
