/**
 * The one split of the embedded texts, `data/domains.json`, read and checked: which document may be
 * trained on, calibrated with or scored. Holds names only; `domains.ts` fetches the texts.
 */

import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { TextError } from "../util/errors.ts";
import { readTextAs } from "../util/read_file.ts";

const names = v.array(v.pipe(v.string(), v.nonEmpty()));
const source = {
  package: v.string(),
  version: v.string(),
  licence: v.string(),
  what: v.string(),
};

const splitSchema = v.strictObject({
  about: v.string(),
  general: v.strictObject({
    ...source,
    /** Length of the opening that stands for a scored document, in characters. */
    excerpt: v.pipe(v.number(), v.integer(), v.minValue(1)),
    evaluation: names,
    heldOut: names,
    calibration: names,
    training: v.literal("rest"),
  }),
  finance: v.strictObject({
    ...source,
    /** Length from which a document is cut into the next part, in characters. */
    part: v.pipe(v.number(), v.integer(), v.minValue(1)),
    evaluation: names,
  }),
  answers: v.strictObject({
    ...source,
    health: v.strictObject({ roots: names, subjects: names }),
    evaluation: names,
    heldOut: names,
    training: v.literal("rest"),
  }),
  code: v.strictObject({
    ...source,
    evaluation: names,
    heldOut: names,
    training: v.literal("rest"),
  }),
});

/** The content of `data/domains.json`. */
export type DomainSplit = v.InferOutput<typeof splitSchema>;

const splitFile = fileURLToPath(new URL("../../data/domains.json", import.meta.url));
let split: Promise<DomainSplit> | undefined;

/** The split of this project; read once. */
export function readSplit(): Promise<DomainSplit> {
  return split ??= readTextAs(splitFile, TextError, "the split of this project's documents")
    .then((text) => parseSplit(text, "data/domains.json"));
}

/**
 * Checks the text of a split file: its form, and that no document is named twice among the sources
 * of one package.
 *
 * @throws {TextError} naming the field or the document at fault.
 */
export function parseSplit(text: string, file: string): DomainSplit {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new TextError({ problem: "is not JSON", file, expected: "a split of documents", cause });
  }
  const result = v.safeParse(splitSchema, json);
  if (!result.success) {
    const [issue] = result.issues;
    throw new TextError({
      problem: "split is malformed",
      file,
      option: v.getDotPath(issue) ?? undefined,
      value: issue.received,
      expected: issue.expected ?? "a split of documents",
    });
  }
  const { general, finance, answers, code } = result.output;
  for (
    const lists of [
      [general.evaluation, general.heldOut, general.calibration, finance.evaluation],
      [answers.evaluation, answers.heldOut],
      [code.evaluation, code.heldOut],
    ]
  ) {
    refuseRepeats(lists.flat(), file);
  }
  return result.output;
}

function refuseRepeats(documents: readonly string[], file: string): void {
  const repeated = documents.find((name, index) => documents.indexOf(name) !== index);
  if (repeated === undefined) return;
  throw new TextError({
    problem: "a document is listed twice",
    file,
    value: repeated,
    expected: "each document in one split only",
  });
}
