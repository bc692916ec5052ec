/** The texts that a study reads, behind one interface: the embedded packages, or a source of the user's. */

import type { TextDocument } from "./document.ts";
import { calibrationDocuments, type Domain, evaluationDocuments } from "./domains.ts";
import { calibrationPassages } from "./passages.ts";
import type { TextOrigin } from "./text_origin.ts";

/** What stands for each domain and for the study's calibration text, in a reader's words or as a file. */
export type TextNames = Readonly<Record<Domain | "calibration", string>>;

/** Where a study's texts come from. */
export interface StudyTexts {
  /** What captions call them. */
  readonly names: TextNames;
  /** What was read of which source, for provenance; of embedded texts nothing. */
  readonly origins?: Readonly<Partial<Record<Domain | "calibration", TextOrigin>>>;
  /** What a domain is scored on. */
  evaluation(domain: Domain): Promise<readonly TextDocument[]>;
  /** What methods may see: texts in an order that the seed determines. */
  calibration(seed: number): Promise<readonly string[]>;
}

/** The embedded packages' texts for a reader; `describeSource` has their versions and licences. */
export const embeddedTextNames: TextNames = {
  code: "the sources of lodash",
  health: "WordNet's glosses of health topics",
  finance: "the financial pages of the Brown Corpus",
  wikitext: "the Brown Corpus",
  calibration: "other documents of the Brown Corpus",
};

/** The texts of the embedded packages, as `data/domains.json` splits them. */
export const embeddedTexts: StudyTexts = {
  names: embeddedTextNames,
  evaluation: evaluationDocuments,
  calibration: async (seed) => calibrationPassages(await calibrationDocuments(), seed),
};
