/**
 * A pair opened for measurements, with everything that several of them share. All of it is made when first
 * asked for.
 */

import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { isLargePair } from "../checkpoint/pair.ts";
import { openDelta } from "../delta/delta_file.ts";
import type { ScoreSummary } from "../evaluation/scores.ts";
import type { TokenText } from "../evaluation/token_text.ts";
import type { Engine } from "../graph/engine.ts";
import type { Domain } from "../texts/domains.ts";
import type { CalibrationSequences } from "../texts/sequences.ts";
import { Once } from "../util/once.ts";
import type { Watch } from "../util/progress.ts";
import { type KeptDelta, PairScores } from "./evaluation.ts";
import { keepEvaluation } from "./kept_evaluation.ts";
import { Pair } from "./pair.ts";
import type { BenchTexts } from "./bench_texts.ts";

/** A pair to measure. */
export interface BenchPair {
  /** For a person. */
  readonly name: string;
  /** Folder of the base, or its name on the Hub. */
  readonly base: string;
  /** Folder of the fine-tune, or its name on the Hub. */
  readonly fine: string;
  /** All that it will be scored on. */
  readonly domains: readonly Domain[];
}

/** One pair, for as long as its tasks are worked through. */
export class OpenPair implements AsyncDisposable {
  readonly #once = new Once();
  readonly #scores: PairScores;

  private constructor(
    readonly spec: BenchPair,
    readonly texts: BenchTexts,
    private readonly pair: Pair,
  ) {
    this.#scores = new PairScores(pair);
  }

  /**
   * Opens the pair's checkpoints.
   *
   * @throws as {@linkcode Pair.open}.
   */
  static async open(
    spec: BenchPair,
    engine: Engine,
    texts: BenchTexts,
    { onProgress, signal }: Watch = {},
  ): Promise<OpenPair> {
    const { windows } = texts;
    const pair = await Pair.open(spec.base, spec.fine, { engine, windows, onProgress, signal });
    return new OpenPair(spec, texts, pair);
  }

  /** The base. */
  get base(): Checkpoint {
    return this.pair.base;
  }

  /** The fine-tune. */
  get fine(): Checkpoint {
    return this.pair.fine;
  }

  /** Runs the graphs. */
  get engine(): Engine {
    return this.pair.engine;
  }

  /** What errors call the calibration text. */
  get calibrationName(): string {
    return this.texts.calibrationName;
  }

  /**
   * Makes every text that the pair is scored on: what is wrong with one is said before hours of timing.
   *
   * @throws {TextError} if one is too short.
   */
  async checkTexts(): Promise<void> {
    for (const domain of this.spec.domains) await this.text(domain);
  }

  /** Calibration sequences of a seed, of the text of a name as of {@linkcode BenchTexts.calibration}. */
  sequences(seed: number, name?: string): Promise<CalibrationSequences> {
    return this.#once.make(
      `sequences ${seed} ${name}`,
      async () => await this.pair.sequences(await this.texts.calibration(seed, name)),
    );
  }

  /**
   * What a domain is scored on, as tokens.
   *
   * @throws {TextError} if it is too short.
   */
  text(domain: Domain): Promise<TokenText> {
    return this.#once.make(
      `text ${domain}`,
      async () => await this.#scores.text(domain, await this.texts.scored(domain)),
    );
  }

  /** Whether work on it takes so long that it is kept unfinished. */
  get isLarge(): boolean {
    return isLargePair(this.base, this.fine);
  }

  /**
   * Scores a model on a domain, with the fine-tune as reference.
   *
   * @param state where an unfinished evaluation is kept, for the next call to go on from; `null`: nowhere.
   */
  async score(
    model: "base" | "fine" | KeptDelta,
    domain: Domain,
    watch: Watch,
    state: string | null = null,
  ): Promise<ScoreSummary> {
    const text = await this.text(domain);
    if (state === null) return await this.#scores.score(model, text, watch);
    const delta = typeof model === "string" ? null : await openDelta(model.path);
    using _closed = { [Symbol.dispose]: () => delta?.[Symbol.dispose]() };
    const { engine, base, fine } = this;
    await using kept = await keepEvaluation(state, engine, { base, fine, delta });
    const scores = await this.#scores.score(model, text, { ...watch, kept });
    await kept.remove();
    return scores;
  }

  /** Closes files and frees compiled graphs. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#once.clear();
    await this.#scores.release();
    await this.pair[Symbol.asyncDispose]();
  }
}
