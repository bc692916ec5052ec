/**
 * From what a schema finds wrong with a file's JSON to the parts of an error message.
 */

import * as v from "valibot";
import type { Fault } from "../errors.ts";

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
      : issue.expected ?? issue.message,
  };
}
