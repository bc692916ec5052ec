/**
 * Trains a byte-pair encoding with byte fallback, in the style of SentencePiece as Llama uses it: a
 * space is the letter "▁", every text begins with one, and a character outside the alphabet is
 * spelled in bytes. Not an encoder; `lib/checkpoint/tokenizer.ts` reads what is written here.
 */

import { OptionError, TextError } from "../../util/errors.ts";
import type { Watch } from "../../util/progress.ts";
import { PairTable } from "./pair_table.ts";
import {
  byteTokens,
  specialTokens,
  type TokenizerFiles,
  tokenizerFiles,
} from "./tokenizer_files.ts";

/** Settings of {@link trainBytePairEncoding}. */
export interface BytePairOptions extends Watch {
  /** Tokens in all: 3 special, 256 bytes, the alphabet, and one piece a merge. */
  vocabularySize: number;
}

/** Share of the characters of the texts that the alphabet covers; the rest is spelled in bytes. */
const characterCoverage = 0.9999;

/**
 * A run of spaces and the run of letters, digits or signs after it. Whether two characters may be
 * joined depends on these two alone, so no piece can ever cross a boundary, and a text's tokens are
 * those of its words one after another. A newline belongs to no word: it is always `<0x0A>`.
 */
const word = /▁*[\p{L}\p{M}]+|▁*\p{N}+|▁*[^\p{L}\p{M}\p{N}▁\n]+|▁+/gu;

/**
 * Learns the merges: again and again the most frequent pair of neighbouring pieces becomes a piece;
 * among equals the first in code-unit order of left, then right piece. The same texts give the same
 * tokenizer.
 *
 * @throws {OptionError} if `vocabularySize` leaves no room for a merge.
 * @throws {TextError} if the texts repeat too little to fill the vocabulary.
 */
export async function trainBytePairEncoding(
  texts: Iterable<string>,
  { vocabularySize, onProgress, signal }: BytePairOptions,
): Promise<TokenizerFiles> {
  const frequencies = wordFrequencies(texts);
  const alphabet = frequentCharacters(frequencies);
  const mergedPieces = vocabularySize - specialTokens.length - byteTokens.length - alphabet.length;
  if (!Number.isInteger(vocabularySize) || mergedPieces < 1) {
    throw new OptionError({
      problem: "vocabulary is too small",
      option: "vocabularySize",
      value: vocabularySize,
      expected: `a whole number above ${
        vocabularySize - mergedPieces
      }, the tokens before any merge`,
    });
  }
  const pairs = new PairTable(frequencies, alphabet);
  const merges: [string, string][] = [];
  while (pairs.pieces.length < alphabet.length + mergedPieces) {
    const merge = pairs.mergeMostFrequent();
    if (merge === undefined) {
      throw new TextError({
        problem: "texts repeat too little to fill the vocabulary",
        value: vocabularySize - (alphabet.length + mergedPieces - pairs.pieces.length),
        expected: `text for ${vocabularySize} tokens`,
      });
    }
    merges.push(merge);
    if (merges.length % 32 === 0) {
      onProgress?.({
        done: pairs.pieces.length - alphabet.length,
        total: mergedPieces,
        label: "learning merges",
      });
      await new Promise((resume) => setTimeout(resume));
      signal?.throwIfAborted();
    }
  }
  return tokenizerFiles(pairs.pieces.slice(alphabet.length), alphabet, merges);
}

function wordFrequencies(texts: Iterable<string>): Map<string, number> {
  const frequencies = new Map<string, number>();
  for (const text of texts) {
    for (const [found] of `▁${text.replaceAll(" ", "▁")}`.matchAll(word)) {
      frequencies.set(found, (frequencies.get(found) ?? 0) + 1);
    }
  }
  return frequencies;
}

/** "▁" and the characters that cover the texts, the most frequent first. */
function frequentCharacters(frequencies: ReadonlyMap<string, number>): string[] {
  const counts = new Map<string, number>([["▁", 0]]);
  let total = 0;
  for (const [text, frequency] of frequencies) {
    for (const character of text) {
      counts.set(character, (counts.get(character) ?? 0) + frequency);
      total += frequency;
    }
  }
  const ranked = [...counts].sort(([a, countA], [b, countB]) =>
    countB - countA || (a < b ? -1 : 1)
  );
  let covered = 0;
  return ranked.filter(([character, count]) => {
    const wanted = covered < characterCoverage * total || character === "▁";
    covered += count;
    return wanted;
  }).map(([character]) => character);
}
