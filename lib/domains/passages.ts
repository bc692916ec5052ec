/** Calibration text cut into passages, each standing for one row of C4. */

import { SeededRandom } from "../random.ts";
import type { TextDocument } from "./document.ts";

/** Characters of a passage: from clearly below to clearly above the 128 tokens that methods read. */
const SHORTEST = 100;
/** Characters of the longest passage, but for its last line. */
export const LONGEST_PASSAGE = 1100;

/**
 * Documents in random order, cut between lines into passages of random length, in random order. The
 * seed determines all three; a passage may be shorter than a calibration sequence, as C4's rows may.
 */
export function calibrationPassages(documents: readonly TextDocument[], seed: number): string[] {
  const random = new SeededRandom(seed);
  const passages: string[] = [];
  for (const { text } of random.shuffle(documents)) {
    let passage = "";
    let wanted = wantedLength(random);
    for (const line of text.split("\n").filter((each) => each.trim() !== "")) {
      passage = passage === "" ? line : `${passage}\n${line}`;
      if (passage.length < wanted) continue;
      passages.push(passage);
      passage = "";
      wanted = wantedLength(random);
    }
  }
  return random.shuffle(passages);
}

/** Log-uniform: as many lengths between 100 and 330 characters as between 330 and 1100. */
function wantedLength(random: SeededRandom): number {
  return Math.round(SHORTEST * (LONGEST_PASSAGE / SHORTEST) ** random.uniform());
}
