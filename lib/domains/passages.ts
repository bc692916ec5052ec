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
    let wanted = SHORTEST + random.integer(LONGEST_PASSAGE - SHORTEST);
    for (const line of text.split("\n").filter((each) => each.trim() !== "")) {
      passage = passage === "" ? line : `${passage}\n${line}`;
      if (passage.length < wanted) continue;
      passages.push(passage);
      passage = "";
      wanted = SHORTEST + random.integer(LONGEST_PASSAGE - SHORTEST);
    }
  }
  return random.shuffle(passages);
}
