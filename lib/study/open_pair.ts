/**
 * A pair opened for a study: its checkpoints, its texts as tokens, and what the fine-tune says of
 * them. All of it is made when first asked for, so that a study with nothing left to do opens little.
 */

import { Checkpoint } from "../checkpoint/checkpoint.ts";
import { checkPair } from "../checkpoint/pair.ts";
import { checkTokenizer, type TextTokenizer } from "../checkpoint/tokenizer.ts";
import type { WeightSource } from "../checkpoint/weights.ts";
import { type CalibrationSequences, calibrationSequences } from "../calibration/sequences.ts";
import type { Delta } from "../delta/delta.ts";
import { extractDelta } from "../delta/extract.ts";
import type { TextDocument } from "../domains/document.ts";
import type { Domain } from "../domains/domains.ts";
import type { StudyTexts } from "../domains/study_texts.ts";
import { Evaluator, type Reference } from "../evaluation/evaluator.ts";
import { type TokenText, tokenText } from "../evaluation/token_text.ts";
import type { Engine } from "../graph/engine.ts";
import { residentWeights } from "../graph/decoder/resident_weights.ts";
import type { Watch } from "../progress.ts";
import { sha256 } from "./measurement.ts";
import type { PairSpec, Protocol } from "./protocol.ts";

/** Weights up to this size stay in memory as float32. */
const RESIDENT_BYTES = 2 ** 30;

/** One pair of a study. */
export class OpenPair {
  readonly #once = new Map<string, Promise<unknown>>();
  readonly #evaluator: Evaluator;
  readonly #tokenizer: TextTokenizer;

  private constructor(
    readonly spec: PairSpec,
    readonly base: Checkpoint,
    readonly fine: Checkpoint,
    tokenizer: TextTokenizer,
    readonly engine: Engine,
    readonly texts: StudyTexts,
    readonly protocol: Protocol,
  ) {
    this.#tokenizer = tokenizer;
    this.#evaluator = new Evaluator(engine, fine.config, protocol.windows);
  }

  /**
   * Opens both checkpoints and the fine-tune's tokenizer.
   *
   * @throws {CheckpointError} if the two do not match.
   * @throws {TokenizerError} if the tokenizer does not fit the model.
   */
  static async open(
    spec: PairSpec,
    engine: Engine,
    texts: StudyTexts,
    protocol: Protocol,
  ): Promise<OpenPair> {
    const base = await Checkpoint.open(spec.base);
    const fine = await Checkpoint.open(spec.fine);
    checkPair(base, fine);
    const tokenizer = await fine.tokenizer();
    checkTokenizer(tokenizer, fine.config);
    return new OpenPair(spec, base, fine, tokenizer, engine, texts, protocol);
  }

  /** Hashes of both checkpoints. */
  hashes(): Promise<{ baseHash: string; fineHash: string }> {
    return this.#keep("hashes", async () => ({
      baseHash: await this.base.hash(),
      fineHash: await this.fine.hash(),
    }));
  }

  /** Hash of what a domain is scored on, or of the calibration text of a seed. */
  textHash(of: Domain | number): Promise<string> {
    return this.#keep(`text hash ${of}`, async () => {
      const texts = typeof of === "number"
        ? await this.#calibrationTexts(of)
        : await this.#scored(of);
      return sha256(JSON.stringify(texts));
    });
  }

  /** The delta with mean |Δ| as scales. */
  initial(): Promise<Delta> {
    return this.#keep("initial", () => extractDelta(this.base, this.fine));
  }

  /** Calibration sequences of a seed. */
  sequences(seed: number): Promise<CalibrationSequences> {
    return this.#keep(
      `sequences ${seed}`,
      async () => calibrationSequences(await this.#calibrationTexts(seed), this.#tokenizer),
    );
  }

  /** Scores a model on a domain, with the fine-tune as reference. */
  async score(model: WeightSource, domain: Domain, watch: Watch) {
    const text = await this.#text(domain);
    const reference = await this.#reference(domain, text, watch);
    const resident = residentWeights(model, RESIDENT_BYTES);
    return await this.#evaluator.score(resident, text, reference, watch);
  }

  /** Closes files and frees compiled graphs. */
  async close(): Promise<void> {
    this.#once.clear();
    await this.#evaluator.release();
    this.base.close();
    this.fine.close();
  }

  #text(domain: Domain): Promise<TokenText> {
    return this.#keep(
      `text ${domain}`,
      async () => tokenText(domain, await this.#scored(domain), this.#tokenizer),
    );
  }

  #reference(domain: Domain, text: TokenText, watch: Watch): Promise<Reference> {
    return this.#keep(
      `reference ${domain}`,
      () => this.#evaluator.reference(residentWeights(this.fine, RESIDENT_BYTES), text, watch),
    );
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
  return documents.map(({ name, text }) => ({ name, text: text.slice(0, text.length * share) }));
}
