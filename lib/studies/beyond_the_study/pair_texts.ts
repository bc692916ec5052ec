/** What a pair of this study is scored on and calibrated with: general text, text of its own domain, or of both. */

import type { TextOptions } from "../../experiments/bench_texts.ts";
import { type Corpus, type Domain, trainingDocuments } from "../../texts/domains.ts";
import { calibrationPassages } from "../../texts/passages.ts";
import { embeddedTexts, type StudyTexts } from "../../texts/study_texts.ts";
import { Once } from "../../util/once.ts";

/** A kind of calibration text; `mixed` has general text and the own domain's by turns. */
export type Mix = "general" | "own" | "mixed";

/** Every kind. */
export const mixes: readonly Mix[] = ["general", "own", "mixed"];

/** The texts of one pair. */
export interface PairTexts extends StudyTexts {
  /** Text of the domain that the fine-tune is for, none of which is scored; `null` where none is known. */
  readonly own: ((seed: number) => Promise<readonly string[]>) | null;
}

/** Domains that an embedded fine-tune was trained for, and the corpus of that training, none of which is scored. */
const CORPORA: Partial<Record<Domain, Corpus>> = { code: "code", health: "answers" };

/** Reading a corpus and leaving out what repeats a scored sentence takes seconds. */
const read = new Once();

/** The embedded texts, with those of a domain to calibrate with. */
export function embeddedPairTexts(domain: Domain | null): PairTexts {
  const corpus = domain === null ? undefined : CORPORA[domain];
  if (corpus === undefined) return { ...embeddedTexts, own: null };
  const own = async (seed: number) => {
    const documents = await read.make(corpus, () => trainingDocuments(corpus));
    return calibrationPassages(documents, seed);
  };
  return { ...embeddedTexts, own };
}

/** The calibration texts of a pair beside the general one, by their names as of a model's `text`. */
export function calibrationsOf({ own, ...texts }: PairTexts): TextOptions["calibrations"] {
  if (own === null) return {};
  const mixed = async (seed: number) => byTurns(await texts.calibration(seed), await own(seed));
  return { own, mixed };
}

/** One of each, then the next of each, until either ends. */
function byTurns(a: readonly string[], b: readonly string[]): string[] {
  const count = Math.min(a.length, b.length);
  return a.slice(0, count).flatMap((text, index) => [text, b[index]]);
}
