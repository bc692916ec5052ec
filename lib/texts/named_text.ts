/**
 * Texts by the name that a user gives: a domain, `calibration`, or a file of the user's own. A name
 * that is both a domain and a file means the domain; `./code` is the file.
 */

import { TextError } from "../util/errors.ts";
import { SeededRandom } from "../util/random.ts";
import type { TextDocument } from "./document.ts";
import { type Domain, domains, evaluationDocuments } from "./domains.ts";
import { LONGEST_PASSAGE, ownPassages, utf8Length } from "./passages.ts";
import { embeddedTexts } from "./study_texts.ts";
import { textFile } from "./text_file.ts";
import { isTextSource } from "./text_source.ts";

/** Name of the embedded calibration text. */
export const CALIBRATION_TEXT = "calibration";

/**
 * The documents of a domain's evaluation text, or of a file.
 *
 * @throws {TextError} if it is neither, or the file holds no text.
 *
 * @example
 * ```ts
 * import { namedDocuments, TextError } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const documents = await namedDocuments("finance");
 * assert.ok(documents.length > 1);
 * await assert.rejects(namedDocuments("finanse"), TextError);
 * ```
 */
export async function namedDocuments(name: string): Promise<readonly TextDocument[]> {
  if (isDomain(name)) return await evaluationDocuments(name);
  if (await isTextSource(name)) return await textFile(name);
  throw new TextError({
    problem: "is neither a domain nor a file",
    file: name,
    expected: `${domains.join(", ")} or the path of a text file`,
  });
}

/**
 * Texts to calibrate with, in an order that the seed determines: the embedded calibration text, or the
 * documents of {@linkcode namedDocuments} as {@linkcode ownCalibrationTexts} cuts them.
 *
 * @throws {TextError} as {@linkcode namedDocuments}.
 *
 * @example
 * ```ts
 * import { CALIBRATION_TEXT, namedCalibrationTexts } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const [first, again, other] = await Promise.all(
 *   [1, 1, 2].map((seed) => namedCalibrationTexts(CALIBRATION_TEXT, seed)),
 * );
 * assert.deepEqual(first, again);
 * assert.notDeepEqual(first, other);
 * ```
 */
export async function namedCalibrationTexts(
  name: string,
  seed: number,
): Promise<readonly string[]> {
  if (name === CALIBRATION_TEXT) return await embeddedTexts.calibration(seed);
  return ownCalibrationTexts(await namedDocuments(name), seed);
}

/**
 * Documents as texts to calibrate with, in an order that the seed determines: the longer ones are cut
 * into passages as the embedded text is, and between words where a line is longer than a sequence; a
 * document no longer than the longest passage stays whole.
 *
 * @example
 * ```ts
 * import { ownCalibrationTexts } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const documents = ["one", "two", "three"].map((text) => ({ name: text, text }));
 * assert.deepEqual(ownCalibrationTexts(documents, 1).toSorted(), ["one", "three", "two"]);
 * ```
 */
export function ownCalibrationTexts(documents: readonly TextDocument[], seed: number): string[] {
  const isLong = ({ text }: TextDocument) => utf8Length(text) > LONGEST_PASSAGE;
  const passages = ownPassages(documents.filter(isLong), seed);
  const whole = documents.filter((each) => !isLong(each)).map(({ text }) => text);
  return new SeededRandom(seed).shuffle([...passages, ...whole]);
}

function isDomain(name: string): name is Domain {
  return domains.some((domain) => domain === name);
}
