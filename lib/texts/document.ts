/**
 * What a text is here: a named document. A document is the unit of a split and of the bootstrap.
 */

/** A text under the name that `data/domains.json` (or the user's file) knows it by. */
export interface TextDocument {
  /** For errors and intervals. */
  name: string;
  /** All of it. */
  text: string;
}

/**
 * All words of documents, by which the same text is known however it is cut and its lines end.
 *
 * @example
 * ```ts
 * import { contentOf } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const documents = [{ name: "a", text: "one\r\ntwo " }, { name: "b", text: "three" }];
 * assert.equal(contentOf(documents), "one two three");
 * ```
 */
export function contentOf(documents: readonly TextDocument[]): string {
  return documents.map(({ text }) => text).join(" ").replace(/\s+/g, " ").trim();
}

/**
 * Groups pieces, in order, into runs of at least `minimumLength` characters; the last may be shorter by up to
 * half.
 */
export function groupByLength(
  pieces: readonly string[],
  minimumLength: number,
  separator: string,
): string[] {
  const groups: string[][] = [];
  let length = Infinity;
  for (const piece of pieces) {
    if (length >= minimumLength) {
      groups.push([]);
      length = 0;
    }
    groups[groups.length - 1].push(piece);
    length += piece.length + separator.length;
  }
  if (groups.length > 1 && length < minimumLength / 2) {
    const last = groups.pop() as string[];
    groups[groups.length - 1].push(...last);
  }
  return groups.map((group) => group.join(separator));
}
