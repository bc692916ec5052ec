/**
 * Keeps scored text out of training text. Looks for sentences as they stand, so it finds copies, not
 * paraphrases.
 */

import type { TextDocument } from "./document.ts";

/** Length from which a repeated sentence is a copy and no longer chance, in characters. */
export const copyLength = 60;

/**
 * The sentences and lines of a text, and their clauses after a colon, that are at least `copyLength`
 * long, without the marks around them.
 */
export function longSentences(text: string): string[] {
  const sentences = text.split(/\n|(?<=[.?!]["')]?) /);
  const clauses = sentences.flatMap((sentence) => sentence.split(/(?<=:) /));
  return [...new Set([...sentences, ...clauses])]
    .map((sentence) => sentence.replace(/^["'\s]+|[.?!:"')\s]+$/g, ""))
    .filter((sentence) => sentence.length >= copyLength);
}

/**
 * `training` without the passages (what `separator` divides) that contain a long sentence of
 * `scored`. Documents that lose everything are left out.
 */
export function withoutSentencesOf(
  scored: readonly TextDocument[],
  training: readonly TextDocument[],
  separator: string,
): TextDocument[] {
  const sentences = [...new Set(scored.flatMap(({ text }) => longSentences(text)))];
  return training
    .map(({ name, text }) => {
      const copied = sentences.filter((sentence) => text.includes(sentence));
      const kept = copied.length === 0 ? text : text.split(separator)
        .filter((passage) => !copied.some((sentence) => passage.includes(sentence)))
        .join(separator);
      return { name, text: kept };
    })
    .filter(({ text }) => text.trim().length > 0);
}
