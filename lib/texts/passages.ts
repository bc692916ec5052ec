/** Calibration text cut into passages, each standing for one row of C4. */

import { SeededRandom } from "../util/random.ts";
import type { TextDocument } from "./document.ts";

/** Length of a passage: from clearly below to clearly above the 128 tokens that methods read. */
const SHORTEST = 100;
/** Length of the longest passage, but for its last line. */
export const LONGEST_PASSAGE = 1100;
/** Length from which a line of a user's text is cut: 128 tokens of English. */
const LONGEST_LINE = 500;

/** A stretch of a document that is never cut, and what stands before it if it begins no passage. */
interface Stretch {
  readonly text: string;
  readonly before: string;
}

/**
 * Documents in random order, cut between lines into passages of random length, in random order. The
 * seed determines all three; a passage may be shorter than a calibration sequence, as C4's rows may.
 * Lengths are in characters.
 */
export function calibrationPassages(documents: readonly TextDocument[], seed: number): string[] {
  return passages(documents, seed, lines, (text) => text.length);
}

/**
 * As {@linkcode calibrationPassages}, for any text: a line longer than a sequence is cut between words
 * too, and lengths are in UTF-8 bytes, of which a token of Chinese takes as many as one of English.
 */
export function ownPassages(documents: readonly TextDocument[], seed: number): string[] {
  return passages(documents, seed, linesAndWords, utf8Length);
}

/** Bytes of a text in UTF-8. */
export function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}

function passages(
  documents: readonly TextDocument[],
  seed: number,
  stretchesOf: (text: string) => Iterable<Stretch>,
  lengthOf: (text: string) => number,
): string[] {
  const random = new SeededRandom(seed);
  const passages: string[] = [];
  for (const { text } of random.shuffle(documents)) {
    let passage = "";
    let wanted = wantedLength(random);
    for (const stretch of stretchesOf(text)) {
      passage = passage === "" ? stretch.text : passage + stretch.before + stretch.text;
      if (lengthOf(passage) < wanted) continue;
      passages.push(passage);
      passage = "";
      wanted = wantedLength(random);
    }
  }
  return random.shuffle(passages);
}

function* lines(text: string): Generator<Stretch> {
  for (const line of text.split("\n")) if (line.trim() !== "") yield { text: line, before: "\n" };
}

/** Lines; of long ones, runs of words of about the shortest passage. */
function* linesAndWords(text: string): Generator<Stretch> {
  for (const line of lines(text)) {
    if (utf8Length(line.text) <= LONGEST_LINE) {
      yield line;
      continue;
    }
    let { before } = line;
    let run = "";
    let bytes = 0;
    for (const word of wordsOf(line.text)) {
      // A space that would begin a passage stands before it, and goes where it is not joined.
      if (run === "" && word.trim() === "") {
        before += word;
        continue;
      }
      run += word;
      bytes += utf8Length(word);
      if (bytes < SHORTEST) continue;
      yield { text: run, before };
      [run, bytes, before] = ["", 0, ""];
    }
    if (run !== "") yield { text: run, before };
  }
}

const segmenter = new Intl.Segmenter("und", { granularity: "word" });

/** Words and what is between them, in any script; what has no words, in parts. */
function* wordsOf(line: string): Generator<string> {
  for (const { segment } of segmenter.segment(line)) {
    if (segment.length <= SHORTEST) yield segment;
    else yield* segment.match(/.{1,100}/gsu)!;
  }
}

/** Log-uniform: as many lengths between 100 and 330 as between 330 and 1100. */
function wantedLength(random: SeededRandom): number {
  return Math.round(SHORTEST * (LONGEST_PASSAGE / SHORTEST) ** random.uniform());
}
