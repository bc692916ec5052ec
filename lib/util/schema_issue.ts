/**
 * From what a schema finds wrong with a file's JSON to the parts of an error message.
 */

import * as v from "valibot";
import type { Fault } from "./errors.ts";

/** What checks want that say only what they found. */
const WANTED: Readonly<Record<string, string>> = {
  integer: "a whole number",
  safe_integer: "a whole number below 2⁵³",
  finite: "a finite number",
};

/** The field at fault, its value and what the schema expected, of the first of `issues`. */
export function firstIssue(
  issues: readonly [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]],
): Pick<Fault, "option" | "value" | "expected"> {
  const [issue] = issues;
  const field = issue.path?.at(-1)?.key;
  const isMissing = issue.input === undefined;
  return {
    option: v.getDotPath(issue) ?? undefined,
    value: isMissing ? "nothing" : issue.input,
    expected: isMissing && issue.expected === JSON.stringify(field)
      ? "a value"
      : issue.expected === "never"
      ? issue.message
      : issue.expected ?? WANTED[issue.type] ?? issue.message,
  };
}
