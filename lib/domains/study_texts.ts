/** The texts that a study reads, behind one interface: the embedded packages, or a source of the user's. */

import type { TextDocument } from "./document.ts";
import { calibrationDocuments, type Domain, evaluationDocuments } from "./domains.ts";
import { calibrationPassages } from "./passages.ts";

/** Where a study's texts come from. */
export interface StudyTexts {
  /** What a domain is scored on. */
  evaluation(domain: Domain): Promise<readonly TextDocument[]>;
  /** What methods may see: texts in an order that the seed determines. */
  calibration(seed: number): Promise<readonly string[]>;
}

/** The texts of the embedded packages, as `data/domains.json` splits them. */
export const embeddedTexts: StudyTexts = {
  evaluation: evaluationDocuments,
  calibration: async (seed) => calibrationPassages(await calibrationDocuments(), seed),
};
