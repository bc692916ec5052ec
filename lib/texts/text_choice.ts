/**
 * Which text is meant, as programs and files of a study say it: a name and, for what has them, the
 * configuration, split, column and rows. Not here: reading it (`named_text.ts`).
 */

import * as v from "valibot";
import { OptionError, TextError } from "../util/errors.ts";

const name = v.pipe(v.string(), v.nonEmpty());
const row = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const range = v.pipe(
  v.strictTuple([row, row]),
  v.check(([from, to]) => from < to, "[from, to), from below to"),
);

/** A text that is asked for. */
export interface TextChoice {
  /** A domain, a file, a folder, or `hf:owner/name[@revision][/path]` of a data set. */
  readonly source: string;
  /** A configuration of a data set, as its `README.md` names it. */
  readonly configuration?: string;
  /** `train`, `validation`, `test` or what else a data set has. */
  readonly split?: string;
  /** The column or field with the text; `a.b` is the field `b` of `a`. */
  readonly column?: string;
  /** The first so many rows, or those `[from, to)`, counted from 0; blank ones count. */
  readonly rows?: number | readonly [from: number, to: number];
  /** Whether rows of blank text stay, as in the study, whose perplexity depends on them. Default: no. */
  readonly keepBlankRows?: boolean;
  /**
   * Of a text to calibrate with: whether a row stays whole however long it is, and seed 1 has the rows in
   * their order, as the study took those of C4. Default: long ones are cut into passages.
   */
  readonly wholeRows?: boolean;
}

/** The fields of a {@linkcode TextChoice}; a field that it does not know is an error. */
export const textChoiceSchema: v.GenericSchema<unknown, TextChoice> = v.strictObject({
  source: name,
  configuration: v.optional(name),
  split: v.optional(name),
  column: v.optional(name),
  rows: v.optional(v.union([v.pipe(row, v.minValue(1)), range])),
  keepBlankRows: v.optional(v.boolean()),
  wholeRows: v.optional(v.boolean()),
});

/** How a text's rows are read. */
export type RowChoice = Pick<TextChoice, "column" | "rows" | "keepBlankRows">;

/**
 * Checks what a program or a file says of a text; a string is the name alone.
 *
 * @param file where it stands, for errors.
 * @throws {TextError} naming the field at fault.
 *
 * @example
 * ```ts
 * import { parseTextChoice, TextError } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(parseTextChoice("finance"), { source: "finance" });
 * assert.throws(() => parseTextChoice({ source: "rows.csv", colum: "body" }), TextError);
 * ```
 */
export function parseTextChoice(value: unknown, file?: string): TextChoice {
  const result = v.safeParse(
    textChoiceSchema,
    typeof value === "string" ? { source: value } : value,
  );
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new TextError({
    problem: "a text's choice is malformed",
    file,
    option: v.getDotPath(issue) ?? undefined,
    value: issue.input,
    expected: issue.type === "check" ? issue.message : issue.expected ?? "a text's choice",
  });
}

/**
 * Rows as an option says them: `100` for the first hundred, `100:200` for the hundred after these.
 *
 * @throws {OptionError} if it says none.
 *
 * @example
 * ```ts
 * import { parseRows } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.equal(parseRows("100"), 100);
 * assert.deepEqual(parseRows("100:200"), [100, 200]);
 * ```
 */
export function parseRows(text: string): number | readonly [from: number, to: number] {
  const [from, to] = /^\d+(:\d+)?$/.test(text) ? text.split(":").map(Number) : [];
  const rows = to === undefined ? from : [from, to] as const;
  const result = v.safeParse(v.union([v.pipe(row, v.minValue(1)), range]), rows);
  if (result.success) return result.output;
  throw new OptionError({
    problem: "names no rows",
    value: text,
    expected: "how many, or from:to, counted from 0 and without the last",
  });
}

/** Rows as the first that is read and the first that no longer is. */
export function rowRange(rows: TextChoice["rows"]): readonly [from: number, to: number] {
  return rows === undefined ? [0, Infinity] : typeof rows === "number" ? [0, rows] : rows;
}
