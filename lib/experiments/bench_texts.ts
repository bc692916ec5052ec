/** The texts that pairs are scored and calibrated on, each read once, and their hashes. */

import type { WindowProtocol } from "../evaluation/windows.ts";
import type { TextDocument } from "../texts/document.ts";
import type { Domain } from "../texts/domains.ts";
import type { StudyTexts } from "../texts/study_texts.ts";
import { canonical, sha256 } from "../util/canonical.ts";
import { Once } from "../util/once.ts";

/** What is scored and calibrated with. */
export interface TextOptions {
  /** Where texts come from. */
  readonly texts: StudyTexts;
  /** Sizes of the scored windows. */
  readonly windows: WindowProtocol;
  /** Characters of evaluation text a domain at most; `null`: all. */
  readonly evaluationCharacters: number | null;
  /** What methods may see in the place of the texts' own calibration text, by a name and then by a seed. */
  readonly calibrations?: Readonly<Record<string, (seed: number) => Promise<readonly string[]>>>;
}

/** The texts of all pairs. */
export class BenchTexts {
  readonly #once = new Once();
  /** As in {@linkcode TextOptions}. */
  readonly windows: WindowProtocol;
  /** What errors call the calibration text. */
  readonly calibrationName: string;

  constructor(private readonly options: TextOptions) {
    this.windows = options.windows;
    this.calibrationName = options.texts.names.calibration;
  }

  /**
   * What methods may see, by a seed.
   *
   * @param name of one of {@linkcode TextOptions.calibrations}; default: the texts' own.
   * @throws {RangeError} if there is none of that name.
   */
  calibration(seed: number, name?: string): Promise<readonly string[]> {
    const { texts, calibrations = {} } = this.options;
    if (name === undefined) {
      return this.#once.make(`calibration ${seed}`, () => texts.calibration(seed));
    }
    if (!Object.hasOwn(calibrations, name)) throw new RangeError(`no calibration text '${name}'`);
    return this.#once.make(`calibration ${seed} ${name}`, () => calibrations[name](seed));
  }

  /** What a domain is scored on. */
  scored(domain: Domain): Promise<readonly TextDocument[]> {
    return this.#once.make(`scored ${domain}`, async () => {
      const { texts, evaluationCharacters } = this.options;
      const documents = await texts.evaluation(domain);
      return evaluationCharacters === null ? documents : shortened(documents, evaluationCharacters);
    });
  }

  /** Hash of a calibration text. */
  calibrationHash(seed: number, name?: string): Promise<string> {
    return this.#once.make(
      `calibration hash ${seed} ${name}`,
      async () => sha256(canonical(await this.calibration(seed, name))),
    );
  }

  /** Hash of a scored text. */
  scoredHash(domain: Domain): Promise<string> {
    return this.#once.make(
      `scored hash ${domain}`,
      async () => sha256(canonical(await this.scored(domain))),
    );
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
