/**
 * A pair opened for a study, with everything that several measurements share: texts as tokens,
 * hashes, the initial delta, what the fine-tune says of a text. All of it is made when first asked
 * for, so that a study with nothing left to do opens little.
 */

import type { CalibrationSequences } from "../texts/sequences.ts";
import type { WeightSource } from "../checkpoint/weights.ts";
import type { Delta } from "../delta/delta.ts";
import type { TextDocument } from "../texts/document.ts";
import type { Domain } from "../texts/domains.ts";
import type { StudyTexts } from "../texts/study_texts.ts";
import { resampledText } from "../evaluation/score_documents.ts";
import type { ScoreSummary } from "../evaluation/scores.ts";
import type { TokenText } from "../evaluation/token_text.ts";
import type { Engine } from "../graph/engine.ts";
import { Pair } from "./pair.ts";
import type { Watch } from "../util/progress.ts";
import { sha256 } from "./measurement.ts";
import type { PairSpec, Protocol } from "../studies/activation_aware_bitdelta/protocol.ts";

/** One pair of a study. */
export class OpenPair {
  readonly #once = new Map<string, Promise<unknown>>();

  private constructor(
    readonly spec: PairSpec,
    readonly pair: Pair,
    readonly texts: StudyTexts,
    readonly protocol: Protocol,
  ) {}

  /**
   * Opens the pair's checkpoints.
   *
   * @throws as {@linkcode Pair.open}.
   */
  static async open(
    spec: PairSpec,
    engine: Engine,
    texts: StudyTexts,
    protocol: Protocol,
  ): Promise<OpenPair> {
    const { windows } = protocol;
    const pair = await Pair.open(spec.base, spec.fine, { engine, windows });
    return new OpenPair(spec, pair, texts, protocol);
  }

  /** Hashes of both checkpoints, and of the tokenizer that makes tokens of every text. */
  hashes(): Promise<{ baseHash: string; fineHash: string; tokenizerHash: string }> {
    return this.#keep("hashes", async () => ({
      baseHash: await this.pair.base.hash(),
      fineHash: await this.pair.fine.hash(),
      tokenizerHash: await this.#tokenizerHash(),
    }));
  }

  /** Hash of what a domain is scored on. */
  scoredHash(domain: Domain): Promise<string> {
    return this.#keep(
      `scored hash ${domain}`,
      async () => sha256(JSON.stringify(await this.#scored(domain))),
    );
  }

  /** Hash of the calibration text of a seed. */
  calibrationHash(seed: number): Promise<string> {
    return this.#keep(
      `calibration hash ${seed}`,
      async () => sha256(JSON.stringify(await this.#calibrationTexts(seed))),
    );
  }

  /** The delta with mean |Δ| as scales. */
  initial(): Promise<Delta> {
    return this.#keep("initial", () => this.pair.extract());
  }

  /** Calibration sequences of a seed. */
  sequences(seed: number): Promise<CalibrationSequences> {
    return this.#keep(
      `sequences ${seed}`,
      async () => await this.pair.sequences(await this.#calibrationTexts(seed)),
    );
  }

  /**
   * What a domain is scored on, as tokens.
   *
   * @throws {TextError} if it is too short.
   */
  text(domain: Domain): Promise<TokenText> {
    const { windows } = this.protocol;
    return this.#keep(
      `text ${domain}`,
      async () =>
        resampledText(await this.pair.text(domain, await this.#scored(domain)), windows).text,
    );
  }

  /** Scores a model on a domain, with the fine-tune as reference. */
  async score(model: WeightSource, domain: Domain, watch: Watch): Promise<ScoreSummary> {
    const text = await this.text(domain);
    const reference = await this.#keep(
      `reference ${domain}`,
      () => this.pair.reference(text, watch),
    );
    return await this.pair.evaluate(model, text, reference, watch);
  }

  /** Closes files and frees compiled graphs. */
  async close(): Promise<void> {
    this.#once.clear();
    await this.pair[Symbol.asyncDispose]();
  }

  async #tokenizerHash(): Promise<string> {
    const { base, fine } = this.pair;
    const { definition, settings } = await fine.tokenizerPlace(base);
    const files = [definition, settings].map((path) => Deno.readTextFile(path));
    return sha256(JSON.stringify(await Promise.all(files)));
  }

  #calibrationTexts(seed: number): Promise<readonly string[]> {
    return this.#keep(`calibration ${seed}`, () => this.texts.calibration(seed));
  }

  #scored(domain: Domain): Promise<readonly TextDocument[]> {
    return this.#keep(`scored ${domain}`, async () => {
      const { evaluationCharacters } = this.protocol;
      const documents = await this.texts.evaluation(domain);
      return evaluationCharacters === null ? documents : shortened(documents, evaluationCharacters);
    });
  }

  #keep<T>(name: string, make: () => Promise<T>): Promise<T> {
    const known = this.#once.get(name) as Promise<T> | undefined;
    const made = known ?? make();
    this.#once.set(name, made);
    return made;
  }
}

/** The start of every document, in proportion, so that about `characters` are left in all. */
function shortened(documents: readonly TextDocument[], characters: number): TextDocument[] {
  const all = documents.reduce((sum, { text }) => sum + text.length, 0);
  const share = Math.min(1, characters / all);
  return documents.map(({ name, text }) => ({
    name,
    text: text.slice(0, text.length * share).toWellFormed(),
  }));
}
