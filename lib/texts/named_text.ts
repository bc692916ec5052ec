/**
 * Texts by the name that a user gives: a domain, `calibration`, a file of the user's own, or a data set in a
 * folder or on the Hub. A name that is both a domain and a file means the domain; `./code` is the file.
 */

import { isHubName } from "../checkpoint/hub/mod.ts";
import { TextError } from "../util/errors.ts";
import type { Watch } from "../util/progress.ts";
import { SeededRandom } from "../util/random.ts";
import { readDataSet } from "./data_set/read_data_set.ts";
import { folderRepository, hubRepository } from "./data_set/repository.ts";
import type { TextDocument } from "./document.ts";
import { type Domain, domains, evaluationDocuments } from "./domains.ts";
import { LONGEST_PASSAGE, ownPassages, utf8Length } from "./passages.ts";
import { embeddedTexts } from "./study_texts.ts";
import { parseTextChoice, type TextChoice } from "./text_choice.ts";
import { textFile } from "./text_file.ts";
import type { TextOrigin } from "./text_origin.ts";
import { isFolder, isTextSource } from "./text_source.ts";

/** Name of the embedded calibration text. */
export const CALIBRATION_TEXT = "calibration";

/** What may be asked of a data set, and of what has no parts may not. */
const NAMED_PARTS = [
  "configuration",
  "split",
  "column",
  "rows",
  "keepBlankRows",
  "wholeRows",
] as const;

/** A text that was read: its documents, and where they came from. */
export interface ReadText {
  /** What it says. */
  readonly documents: readonly TextDocument[];
  /** What was read of which source. */
  readonly origin: TextOrigin;
}

/**
 * Reads a text that is chosen by name: the documents of a domain's evaluation text, of a file, or of a data
 * set, which is a folder or on the Hub.
 *
 * @param choice a name, or a name with a column, rows and what else it should be of.
 * @throws {TextError} if it is none of these, holds no text, or has not what is asked for.
 * @throws {HubError} {OptionError} {OutputError} if it is on the Hub and cannot be had.
 *
 * @example
 * ```ts
 * import { readText } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const path = await Deno.makeTempFile({ suffix: ".csv" });
 * await Deno.writeTextFile(path, "id,body\n1,one\n2,two\n3,three\n");
 * const { documents, origin } = await readText({ source: path, column: "body", rows: 2 });
 * assert.deepEqual(documents.map(({ text }) => text), ["one", "two"]);
 * assert.deepEqual(origin.rows, { first: 0, read: 2, null: 0, blank: 0 });
 * await Deno.remove(path);
 * ```
 */
export async function readText(
  choice: TextChoice | string,
  watch: Watch = {},
): Promise<ReadText> {
  const chosen = parseTextChoice(choice);
  const { source } = chosen;
  if (isDomain(source)) {
    refuseFields(chosen, NAMED_PARTS, "a domain");
    return { documents: await evaluationDocuments(source), origin: { source } };
  }
  if (isHubName(source)) return await readDataSet(hubRepository(source, watch), chosen);
  if (await isFolder(source)) return await readDataSet(folderRepository(source), chosen);
  if (await isTextSource(source)) {
    refuseFields(chosen, ["configuration", "split"], "a file");
    const { documents, column, rows } = await textFile(source, chosen);
    return { documents, origin: { source, column, rows } };
  }
  throw new TextError({
    problem: "is neither a domain nor a file",
    file: source,
    expected: `${domains.join(", ")}, the path of a text file, or hf:owner/name of a data set`,
  });
}

/** What is asked of a text that has none of it would be left out without a word. */
function refuseFields(
  choice: TextChoice,
  fields: readonly (keyof TextChoice)[],
  what: string,
): void {
  const option = fields.find((field) => choice[field] !== undefined);
  if (option === undefined) return;
  throw new TextError({
    problem: `is ${what}, which has no such choice`,
    file: choice.source,
    option,
    value: choice[option],
    expected: `none with ${what}`,
  });
}

/**
 * The documents of {@linkcode readText}.
 *
 * @throws {TextError} as it does.
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
export async function namedDocuments(
  name: TextChoice | string,
  watch: Watch = {},
): Promise<readonly TextDocument[]> {
  return (await readText(name, watch)).documents;
}

/**
 * Texts to calibrate with, in an order that the seed determines: the embedded calibration text, or the
 * documents of {@linkcode namedDocuments} as {@linkcode calibrationTextsOf} has them.
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
  name: TextChoice | string,
  seed: number,
  watch: Watch = {},
): Promise<readonly string[]> {
  return (await readCalibrationTexts(name, seed, watch)).texts;
}

/**
 * As {@linkcode namedCalibrationTexts}, and where they came from.
 *
 * @throws {TextError} as {@linkcode readText}.
 *
 * @example
 * ```ts
 * import { readCalibrationTexts } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const { texts, origin } = await readCalibrationTexts("finance", 1);
 * assert.ok(texts.length > 10);
 * assert.deepEqual(origin, { source: "finance" });
 * ```
 */
export async function readCalibrationTexts(
  name: TextChoice | string,
  seed: number,
  watch: Watch = {},
): Promise<{ readonly texts: readonly string[]; readonly origin: TextOrigin }> {
  const choice = parseTextChoice(name);
  const { source } = choice;
  if (source === CALIBRATION_TEXT) {
    refuseFields(choice, NAMED_PARTS, "the embedded text");
    return { texts: await embeddedTexts.calibration(seed), origin: { source } };
  }
  const read = await readText(choice, watch);
  return { texts: calibrationTextsOf(read, choice, seed), origin: read.origin };
}

/**
 * A text that was read as texts to calibrate with, in an order that the seed determines: its rows uncut where they
 * are to stay whole; else long documents are cut into passages, as the embedded text is.
 *
 * @throws {TextError} if its rows are to stay whole and it has none.
 *
 * @example
 * ```ts
 * import { calibrationTextsOf } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const documents = ["one", "two", "three"].map((text) => ({ name: text, text }));
 * const read = { documents, origin: { source: "rows.csv", rows: { first: 0, read: 3, null: 0, blank: 0 } } };
 * const choice = { source: "rows.csv", wholeRows: true };
 * assert.deepEqual(calibrationTextsOf(read, choice, 1), ["one", "two", "three"]);
 * ```
 */
export function calibrationTextsOf(
  { documents, origin }: ReadText,
  { wholeRows = false }: TextChoice,
  seed: number,
): readonly string[] {
  if (!wholeRows) return cutTexts(documents, seed);
  if (origin.rows === undefined) {
    throw new TextError({
      problem: "has no rows that could stay whole",
      file: origin.source,
      option: "wholeRows",
      expected: "a table, rows of JSON, or rows asked for, which are lines then",
    });
  }
  const rows = documents.map(({ text }) => text);
  return seed === 1 ? rows : new SeededRandom(seed).shuffle(rows);
}

/**
 * Documents as texts to calibrate with, in an order that the seed determines: the longer ones are cut
 * into passages as the embedded text is, and between words where a line is longer than a sequence; a
 * document no longer than the longest passage stays whole.
 */
function cutTexts(documents: readonly TextDocument[], seed: number): string[] {
  const isLong = ({ text }: TextDocument) => utf8Length(text) > LONGEST_PASSAGE;
  const passages = ownPassages(documents.filter(isLong), seed);
  const whole = documents.filter((each) => !isLong(each)).map(({ text }) => text);
  return new SeededRandom(seed).shuffle([...passages, ...whole]);
}

function isDomain(name: string): name is Domain {
  return domains.some((domain) => domain === name);
}
